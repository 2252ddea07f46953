//! How much a client may send, and how many clients there may be.

use std::time::Duration;

use http::{Request, Response};
use misc_core::App;
use misc_http::{Body, Server};
use misc_test::{Metrics, TestApp};

use crate::support::{Client, Gate, config, echo, gated, start, until};

fn many_headers(count: usize) -> String {
    let headers: String = (1..count).map(|at| format!("x-{at}: 1\r\n")).collect();
    format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}

#[tokio::test]
async fn more_headers_than_allowed_are_a_431() {
    for allowed in [20, 100, 300] {
        let server = Server::new(config(|config| config.header_count = allowed.try_into().expect("not zero")), echo);
        let (app, _) = start(server).await;
        let mut client = Client::connect(&app).await;
        client.send(many_headers(allowed)).await;
        assert_eq!(client.answer().await.status, 200, "{allowed}");
        client.send(many_headers(allowed + 1)).await;
        assert_eq!(client.answer().await.status, 431, "{allowed}");
        client.ends().await;
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn a_larger_head_than_allowed_is_a_431() {
    for allowed in [1, 16 << 10, 64 << 10] {
        let server = Server::new(config(|config| config.header_size = allowed.try_into().expect("not zero")), echo);
        let (app, _) = start(server).await;
        let real = allowed.max(8 << 10);
        let mut client = Client::connect(&app).await;
        client.send(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "1".repeat(real - 100))).await;
        assert_eq!(client.answer().await.status, 200, "{allowed}");
        client.send(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "1".repeat(real + 100))).await;
        assert_eq!(client.answer().await.status, 431, "{allowed}");
        drop(client);
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_a_413_that_no_handler_sees() {
    let handler = async |_: Request<Body>| -> Response<String> { panic!("it was not to be called") };
    let (app, _) = start(Server::new(config(|config| config.body_size = 10), handler)).await;
    let mut client = Client::connect(&app).await;
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\nexpect: 100-continue\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.says_close()), (413, true));
    client.ends().await;
    app.stop().await.assert_clean().await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_body_that_turns_out_too_large_is_a_413_of_axum() {
    use misc_http::axum::{Router, routing::post};

    let routes = Router::new().route("/", post(async |body: String| body));
    let (app, _) = start(Server::new(config(|config| config.body_size = 10), routes)).await;
    let chunked = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = Client::connect(&app).await;
    client.send(format!("{chunked}5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n")).await;
    assert_eq!(client.answer().await.text(), "helloworld");
    client.send(format!("{chunked}5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 413);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let gate = Gate::new();
    let server = gated(config(|config| config.connections = 2.try_into().expect("it is not zero")), &gate);
    let (app, handle) = start(server).await;
    let (mut first, mut second) = (Client::connect(&app).await, Client::connect(&app).await);
    first.ask("/").await;
    second.ask("/").await;
    gate.entered().await;
    gate.entered().await;
    let mut third = Client::connect(&app).await;
    third.ask("/free").await;
    // Nothing is to happen, however long one waits; a stop would come through.
    let waited = tokio::time::timeout(Duration::from_millis(100), third.try_head()).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(handle.connections(), 2);
    drop(first);
    assert_eq!(third.answer().await.text(), "passed");
    gate.open();
    drop((second, third));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_server_that_is_full_can_be_stopped() {
    let server = Server::new(config(|config| config.connections = 1.try_into().expect("it is not zero")), echo);
    let (app, handle) = start(server).await;
    let mut client = Client::connect(&app).await;
    client.get("/").await;
    until(|| handle.connections() == 1).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn more_connections_of_a_peer_than_allowed_are_closed_at_once() {
    let metrics = Metrics::new();
    let few = config(|config| config.connections_per_peer = Some(2.try_into().expect("it is not zero")));
    let server = Server::new(few, echo);
    let handle = server.handle();
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("http", server)).await;
    let (mut first, mut second) = (Client::connect(&app).await, Client::connect(&app).await);
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    Client::connect(&app).await.ends().await;
    let labels = [("service", "http"), ("reason", "peer_limit")];
    metrics.assert_metric("http_server_closed_connections_total", &labels, 1.0);
    drop(first);
    until(|| handle.connections() == 1).await;
    assert_eq!(Client::connect(&app).await.get("/").await.status, 200);
    drop(second);
    app.stop().await.assert_clean().await;
}
