//! A web server is tested like any other service.

use misc::test::TestApp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn greets_over_http() {
    use misc::http::axum::{Router, routing::get};

    let routes = Router::new().route("/hello", get(async || "Hello!"));
    let app = TestApp::service(misc::http::Server::new("0.0.0.0:8080", routes)).await;

    let mut client = app.connect("service").await;
    client.write_all(b"GET /hello HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("Hello!"), "{answer}");

    app.stop().await.assert_clean().await;
}
