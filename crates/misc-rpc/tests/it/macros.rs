//! Contracts that are written with `#[rpc]`.

mod calls;
mod contracts;
mod mocks;
mod params;
mod twin;

use http::{Request, header::CONTENT_TYPE};
use misc_rpc::{Payload, Server};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Calls a method as a stranger does.
async fn ask(server: &Server, method: &str, params: Value) -> Value {
    answer(server, json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await
}

async fn answer(server: &Server, call: Value) -> Value {
    let request = Request::post("/").header(CONTENT_TYPE, "application/json");
    let request = request.body(Payload::from(call.to_string())).expect("a request");
    let response = server.clone().oneshot(request).await.expect("an answer");
    serde_json::from_slice(response.body().as_bytes()).expect("JSON")
}
