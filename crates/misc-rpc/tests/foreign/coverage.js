// Makes up calls of all that the server at the URL says of itself, by @open-rpc/test-coverage from npm.
const { parseOpenRPCDocument } = require("@open-rpc/schema-utils-js");
const coverage = require("@open-rpc/test-coverage").default;

async function main() {
  const url = process.argv[2];
  const body = JSON.stringify({ jsonrpc: "2.0", method: "rpc.discover", id: 1 });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  // Checks it by the schema of OpenRPC, and follows its references.
  const document = await parseOpenRPCDocument((await response.json()).result);
  const reporters = ["empty"];
  const calls = await coverage({ openrpcDocument: document, transport: "http", reporters, skip: [], only: [] });
  const bad = calls.filter((call) => !call.valid);
  if (bad.length > 0 || calls.length < document.methods.length) {
    console.error(JSON.stringify(bad, null, 2), calls.length);
    process.exitCode = 1;
  }
}

main().then(() => console.log("done"), (error) => {
  console.error(error);
  process.exitCode = 1;
});
