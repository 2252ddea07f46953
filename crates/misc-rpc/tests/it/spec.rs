//! The examples of the specification (section 7), over a real socket.

use http::StatusCode;
use misc_rpc::{Methods, Never, Param, Procedure, Server};
use serde::Deserialize;
use serde_json::Value;

use crate::served::Served;

const SUBTRACT: Procedure = Procedure::new("subtract").params(&[Param::new("minuend"), Param::new("subtrahend")]);

#[derive(Deserialize)]
struct Subtract {
    minuend: i64,
    subtrahend: i64,
}

fn server() -> Server {
    let methods = Methods::new()
        .method(SUBTRACT, async |of: Subtract| Ok::<_, Never>(of.minuend - of.subtrahend))
        .method("sum", async |numbers: Vec<i64>| Ok::<_, Never>(numbers.iter().sum::<i64>()))
        .method("update", async |_: Vec<i64>| Ok::<_, Never>(()))
        .method("notify_hello", async |_: (i64,)| Ok::<_, Never>(()))
        .method("notify_sum", async |_: Vec<i64>| Ok::<_, Never>(()))
        .method("get_data", async |()| Ok::<_, Never>(("hello", 5)));
    Server::new(methods).unwrap()
}

/// What is sent, and what comes back: nothing where there is no answer.
const EXAMPLES: &[(&str, &str, &str)] = &[
    (
        "rpc call with positional parameters",
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 1}"#,
    ),
    (
        "rpc call with positional parameters, the other way round",
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
        r#"{"jsonrpc": "2.0", "result": -19, "id": 2}"#,
    ),
    (
        "rpc call with named parameters",
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 3}"#,
    ),
    (
        "rpc call with named parameters, the other way round",
        r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}"#,
        r#"{"jsonrpc": "2.0", "result": 19, "id": 4}"#,
    ),
    ("a notification", r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#, ""),
    ("a notification of nothing that is there", r#"{"jsonrpc": "2.0", "method": "foobar"}"#, ""),
    (
        "rpc call of non-existent method",
        r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}"#,
    ),
    (
        "rpc call with invalid JSON",
        r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}"#,
    ),
    (
        "rpc call with invalid Request object",
        r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}"#,
    ),
    (
        "rpc call Batch, invalid JSON",
        r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]"#,
        r#"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}"#,
    ),
    (
        "rpc call with an empty Array",
        "[]",
        r#"{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}"#,
    ),
    (
        "rpc call with an invalid Batch (but not empty)",
        "[1]",
        r#"[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]"#,
    ),
    (
        "rpc call with invalid Batch",
        "[1,2,3]",
        r#"[
            {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
        ]"#,
    ),
    (
        "rpc call Batch",
        r#"[
            {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
        ]"#,
        r#"[
            {"jsonrpc": "2.0", "result": 7, "id": "1"},
            {"jsonrpc": "2.0", "result": 19, "id": "2"},
            {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
            {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
        ]"#,
    ),
    (
        "rpc call Batch (all notifications)",
        r#"[
            {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
            {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
        ]"#,
        "",
    ),
];

#[tokio::test]
async fn the_examples_of_the_specification_are_answered_as_it_says() {
    let served = Served::new(server()).await;
    for (name, sent, expected) in EXAMPLES {
        let answer = served.post(sent).await;
        if expected.is_empty() {
            assert_eq!((answer.status, &*answer.body), (StatusCode::NO_CONTENT, ""), "{name}");
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{name}");
            assert_eq!(answer.json(), serde_json::from_str::<Value>(expected).unwrap(), "{name}");
        }
    }
}
