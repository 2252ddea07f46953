//! What callers cannot make a server hold.

use std::{num::NonZeroUsize, sync::Arc};

use bytes::Bytes;
use futures_util::{future::join_all, poll};
use http::{StatusCode, header::RETRY_AFTER};
use http_body_util::{Full, Limited};
use misc_core::schema::{Describe, Kind};
use misc_rpc::{Limits, Methods, Never, Server, code};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::served::{Served, call, post, request};

fn server(change: impl FnOnce(&mut Limits)) -> Server {
    gated(change).0
}

/// One of whose methods waits until it is let through.
fn gated(change: impl FnOnce(&mut Limits)) -> (Server, Arc<Semaphore>) {
    let mut limits = Limits::default();
    change(&mut limits);
    let gate = Arc::new(Semaphore::new(0));
    let methods = Methods::new().method("version", async |()| Ok::<_, Never>("1"));
    let methods = methods.method_with("waits", Arc::clone(&gate), async |gate: Arc<Semaphore>, ()| {
        drop(gate.acquire().await.unwrap());
        Ok::<_, Never>(())
    });
    (Server::new(methods).unwrap().limits(limits), gate)
}

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

fn batch(methods: &[&str]) -> String {
    let one = |(id, method)| json!({ "jsonrpc": "2.0", "method": method, "id": id });
    Value::from_iter(methods.iter().enumerate().map(one)).to_string()
}

#[test]
fn are_these_by_default() {
    let Limits { body, batch, batch_concurrency, calls, .. } = Limits::default();
    assert_eq!((body, batch.get(), batch_concurrency.get(), calls.get()), (1 << 20, 100, 10, 1_000));
}

#[test]
fn are_a_part_of_settings() {
    let limits: Limits = serde_json::from_str(r#"{"calls":7}"#).unwrap();
    assert_eq!((limits.calls.get(), limits.body), (7, 1 << 20));
    assert!(serde_json::from_str::<Limits>(r#"{"call":7}"#).is_err());
    assert!(serde_json::from_str::<Limits>(r#"{"calls":0}"#).is_err());
    let Kind::Struct(schema) = Limits::KIND else { panic!("a struct") };
    let names: Vec<_> = schema.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["body", "batch", "batch_concurrency", "calls"]);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let text = r#"{"jsonrpc":"2.0","method":"version","id":1}"#;
    let exact = server(|limits| limits.body = text.len());
    assert_eq!(post(&exact, text).await.status, StatusCode::OK);
    let small = server(|limits| limits.body = text.len() - 1);
    let expected = (i64::from(code::INVALID_REQUEST), json!("too large: a body has 42 bytes at most"));
    let answer = post(&small, text).await;
    assert_eq!((answer.status, answer.error()), (StatusCode::PAYLOAD_TOO_LARGE, expected.clone()));
    assert_eq!(answer.json()["id"], Value::Null);
    // Also when it does not say before how large it is.
    let frames = text.as_bytes().chunks(5).map(|chunk| Ok::<_, Never>(http_body::Frame::data(Bytes::from(chunk))));
    let streamed = request("").map(|_| http_body_util::StreamBody::new(futures_util::stream::iter(frames)));
    let response = small.oneshot(streamed).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // And when a server in front has a limit of its own.
    let limited = request("").map(|_| Limited::new(Full::new(Bytes::from(text)), 7));
    assert_eq!(exact.oneshot(limited).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_taken_over_the_wire() {
    let served = Served::new(server(|_| {})).await;
    let mut body = r#"{"jsonrpc":"2.0","method":"version","id":1}"#.to_owned();
    body.push_str(&" ".repeat((1 << 20) - body.len()));
    assert_eq!(served.post(&body).await.status, StatusCode::OK);
    body.push(' ');
    assert_eq!(served.post(&body).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_batch_of_too_many_calls_is_refused_as_a_whole() {
    let server = server(|limits| limits.batch = number(2));
    assert_eq!(post(&server, batch(&["version"; 2])).await.json().as_array().unwrap().len(), 2);
    let answer = post(&server, batch(&["version"; 3])).await;
    let expected = (i64::from(code::INVALID_REQUEST), json!("too many calls: a batch has 2 at most"));
    assert_eq!((answer.status, answer.error()), (StatusCode::OK, expected));
    // It has to be JSON to be one.
    assert_eq!(post(&server, "[1,2,3,").await.error().0, i64::from(code::PARSE_ERROR));
}

#[tokio::test]
async fn a_call_too_many_is_told_to_come_again() {
    let server = server(|limits| limits.calls = number(2));
    let (mut first, mut second) = (Box::pin(call(&server, "waits", "[]")), Box::pin(call(&server, "waits", "[]")));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());

    // A clone has no room of its own.
    let answer = call(&server.clone(), "version", "[]").await;
    assert_eq!((answer.status, answer.error().0), (StatusCode::SERVICE_UNAVAILABLE, i64::from(code::BUSY)));
    assert_eq!((&answer.headers[RETRY_AFTER], &answer.json()["id"]), (&"1".parse().unwrap(), &json!(1)));
    let notified = post(&server, r#"{"jsonrpc":"2.0","method":"version"}"#).await;
    assert_eq!((notified.status, &*notified.body), (StatusCode::SERVICE_UNAVAILABLE, ""));
    // What takes no handler takes no room.
    assert_eq!(call(&server, "unknown", "[]").await.error().0, i64::from(code::METHOD_NOT_FOUND));
    assert_eq!(call(&server, "rpc.discover", "[]").await.status, StatusCode::OK);

    drop(first);
    assert_eq!(call(&server, "version", "[]").await.status, StatusCode::OK);
    drop(second);
    // What has failed has made room, too.
    for _ in 0..3 {
        assert_eq!(call(&server, "version", "[1]").await.error().0, i64::from(code::INVALID_PARAMS));
    }
    let all = join_all((0..2).map(|_| call(&server, "version", "[]"))).await;
    assert!(all.iter().all(|answer| answer.status == StatusCode::OK));
}

#[tokio::test]
async fn a_call_too_many_in_a_batch_is_refused_alone() {
    let (server, gate) = gated(|limits| limits.calls = number(2));
    let mut waiting = Box::pin(call(&server, "waits", "[]"));
    assert!(poll!(&mut waiting).is_pending());
    let mut batched = Box::pin(post(&server, batch(&["waits", "version", "rpc.discover"])));
    assert!(poll!(&mut batched).is_pending());
    drop(waiting);
    gate.add_permits(1);
    let answer = batched.await;
    assert_eq!(answer.status, StatusCode::OK);
    let json = answer.json();
    assert_eq!((&json[0]["result"], &json[1]["error"]["code"]), (&Value::Null, &json!(code::BUSY)));
    assert!(json[2]["result"].is_object());
}
