// Calls the server at the URL that it is given, by jayson from npm.
const assert = require("node:assert");
const jayson = require("jayson/promise");

async function main() {
  const client = new jayson.client.http(process.argv[2]);

  assert.strictEqual((await client.request("subtract", [42, 23])).result, 19);
  assert.strictEqual((await client.request("subtract", { subtrahend: 23, minuend: 42 })).result, 19);
  assert.strictEqual((await client.request("version", [])).result, "1.0.0");
  const named = await client.request("subtract", [1, 1], "an id");
  assert.deepStrictEqual(named, { jsonrpc: "2.0", result: 0, id: "an id" });

  const missing = await client.request("find", [7]);
  assert.deepStrictEqual(missing.error, { code: 404, message: "there is no user 7", data: { NotFound: { id: 7 } } });
  assert.strictEqual((await client.request("unknown", [])).error.code, -32601);
  const invalid = await client.request("subtract", ["x", 1]);
  assert.strictEqual(invalid.error.code, -32602);
  assert.match(invalid.error.data, /minuend/);

  const before = (await client.request("noted", [])).result;
  await client.request("note", [5], null);
  assert.strictEqual((await client.request("noted", [])).result, before + 5);

  const batch = [client.request("subtract", [3, 1], undefined, false), client.request("note", [1], null, false),
    client.request("unknown", [], undefined, false)];
  const answers = await client.request(batch);
  assert.deepStrictEqual(answers.map((answer) => answer.result ?? answer.error.code), [2, -32601]);
}

main().then(() => console.log("done"), (error) => {
  console.error(error);
  process.exitCode = 1;
});
