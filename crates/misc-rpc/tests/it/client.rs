//! Calls over real connections, and in one process.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::post};
use misc_rpc::{Client, Error};
use tokio::net::TcpListener;

async fn serve(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router =
        Router::new().route("/rpc", post(async move |_: Bytes| ([(CONTENT_TYPE, "application/json")], answer)));
    drop(tokio::runtime::Handle::current().spawn(async move { axum::serve(listener, router).await }));
    address
}

#[tokio::test]
async fn calls_a_server() {
    let address = serve(r#"{"jsonrpc":"2.0","id":1,"result":"Ada"}"#).await;
    let client: Client = Client::builder(format!("http://{address}/rpc")).build().expect("valid");
    let name: Result<String, Error> = client.method("name").call(&(7,)).await;
    assert_eq!(name.expect("an answer"), "Ada");
}
