# Calls the server at the URL that it is given, by jsonrpcclient from PyPI.
import json
import sys
from urllib.request import Request, urlopen

from jsonrpcclient import Error, Ok, notification, parse, request


def post(message):
    data = json.dumps(message).encode()
    with urlopen(Request(sys.argv[1], data, {"Content-Type": "application/json"})) as response:
        body = response.read()
        return response.status, json.loads(body) if body else None


def call(method, params=None):
    status, answer = post(request(method, params=params))
    assert status == 200, status
    return parse(answer)


assert call("subtract", [42, 23]).result == 19
assert call("subtract", {"subtrahend": 23, "minuend": 42}).result == 19
assert isinstance(call("version"), Ok) and call("version").result == "1.0.0"

missing = call("find", {"id": 7})
assert isinstance(missing, Error), missing
assert (missing.code, missing.message, missing.data) == (404, "there is no user 7", {"NotFound": {"id": 7}}), missing
assert call("unknown").code == -32601
invalid = call("subtract", [1])
assert invalid.code == -32602 and "subtrahend" in invalid.data, invalid

before = call("noted").result
assert post(notification("note", params=[5])) == (204, None)
assert call("noted").result == before + 5

status, answers = post([request("subtract", params=[3, 1]), notification("note", params=[1]), request("unknown")])
first, second = parse(answers)
assert (first.result, second.code) == (2, -32601), answers
print("done")
