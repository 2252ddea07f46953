//! Any body is answered: with JSON that says what it should, or with nothing.

use std::{pin::pin, task::Poll};

use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use misc_rpc::{Methods, Never, Param, Payload, Procedure, Server};
use serde::Deserialize;
use serde_json::Value;
use tower_service::Service as _;

const NAMED: Procedure = Procedure::new("named").params(&[Param::new("id"), Param::new("name").optional()]);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    id: u64,
    name: Option<String>,
}

pub(super) fn run(bytes: &[u8]) {
    let response = ask(bytes);
    let status = response.status();
    let body = response.into_body().into_bytes();
    if body.is_empty() {
        assert_eq!(status, StatusCode::NO_CONTENT);
        return;
    }
    assert_eq!(status, StatusCode::OK);
    match serde_json::from_slice(&body).expect("an answer is JSON") {
        Value::Array(answers) => {
            assert!(!answers.is_empty(), "an empty batch");
            answers.iter().for_each(check);
        }
        answer => check(&answer),
    }
}

fn ask(bytes: &[u8]) -> Response<Payload> {
    let methods = Methods::new()
        .method("echo", async |value: Value| Ok::<_, Never>(value))
        .method("nothing", async |()| Ok::<_, Never>(()))
        .method("rename", async |rename: Rename| Ok::<_, Never>((rename.id, rename.name)))
        .method("list", async |list: Vec<i8>| Ok::<_, Never>(list))
        .method("pair", async |pair: (u8, String)| Ok::<_, Never>(pair))
        .method(NAMED, async |named: (u64, Option<String>)| Ok::<_, Never>(named));
    let mut server = Server::new(methods).expect("the methods are a server");
    let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(Payload::from(bytes.to_vec()));
    let answer = pin!(server.call(request.expect("it is a request")));
    // No handler waits for anything.
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match answer.poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("it waits"),
    }
}

/// An answer has an id, and a result or an error.
fn check(answer: &Value) {
    assert_eq!(answer["jsonrpc"], "2.0");
    let id = answer.get("id").expect("an id");
    assert!(id.is_string() || id.is_number() || id.is_null(), "{id}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(3), "{answer}");
    if let Some(error) = answer.get("error") {
        let code = error["code"].as_i64().expect("a code");
        assert!([-32700, -32600, -32601, -32602].contains(&code), "{answer}");
        assert!(error["message"].is_string() && error.get("data").is_none_or(Value::is_string), "{answer}");
    } else {
        assert!(answer.get("result").is_some(), "{answer}");
    }
}
