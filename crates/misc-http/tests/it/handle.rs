//! What can be seen of a server from outside.

use misc_core::App;
use misc_http::Server;
use misc_test::{Metrics, TestApp};

use crate::{
    http2::Http2,
    support::{Client, Gate, config, echo, gated, start, until},
};

#[tokio::test]
async fn connections_and_requests_are_counted_while_they_are_there() {
    let gate = Gate::new();
    let (app, handle) = start(gated(config(|_| {}), &gate)).await;
    assert_eq!((handle.connections(), handle.requests()), (0, 0));
    let mut client = Client::connect(&app).await;
    let http2 = Http2::connect(&app).await;
    client.ask("/").await;
    let asked = [(); 3].map(|()| tokio::runtime::Handle::current().spawn(http2.try_get("/")));
    for _ in 0..4 {
        gate.entered().await;
    }
    assert_eq!((handle.connections(), handle.requests()), (2, 4));
    let status = serde_json::to_value(app.handle().status()).expect("it is data").to_string();
    assert!(status.contains(r#""connections":2"#) && status.contains(r#""requests":4"#), "{status}");
    assert!(format!("{handle:?}").contains("connections: 2, requests: 4"), "{handle:?}");
    for _ in 0..4 {
        gate.open();
    }
    client.answer().await;
    for answer in asked {
        answer.await.expect("no panic").expect("an answer");
    }
    until(|| (handle.connections(), handle.requests()) == (2, 0)).await;
    drop((client, http2));
    until(|| handle.connections() == 0).await;
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn connections_are_measured() {
    let metrics = Metrics::new();
    let app = App::new("test").meter(metrics.meter()).service("http", Server::new("127.0.0.1:0", echo));
    let app = TestApp::start(app).await;
    let labels = [("service", "http")];
    metrics.assert_metric("http_server_active_connections", &labels, 0.0);
    metrics.assert_metric("http_server_connections_total", &labels, 0.0);
    for reason in ["peer_limit", "header_timeout", "idle_timeout", "write_timeout", "drain"] {
        let labels = [("service", "http"), ("reason", reason)];
        metrics.assert_metric("http_server_closed_connections_total", &labels, 0.0);
    }
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(&app).await;
        client.get("/").await;
        clients.push(client);
    }
    metrics.assert_metric("http_server_active_connections", &labels, 3.0);
    drop(clients);
    metrics.until("http_server_active_connections", &labels, 0.0).await;
    metrics.assert_metric("http_server_connections_total", &labels, 3.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_thousand_connections_of_every_end() {
    let metrics = Metrics::new();
    let gate = Gate::new();
    let few = config(|config| config.connections_per_peer = Some(1000.try_into().expect("it is not zero")));
    let server = gated(few, &gate);
    let handle = server.handle();
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("http", server)).await;
    for round in 0..1000_usize {
        let mut client = Client::connect(&app).await;
        match round % 8 {
            0 => {}
            1 => client.send("GET / HT").await,
            2 => client.ask("/").await,
            3 => drop(client.get("/free").await),
            4 => client.send("nonsense\r\n\r\n").await,
            5 => client.send("POST /free HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await,
            6 => {
                let http2 = Http2::connect(&app).await;
                http2.get("/free").await;
            }
            _ => {
                let http2 = Http2::connect(&app).await;
                drop(tokio::time::timeout(std::time::Duration::from_millis(1), http2.try_get("/")).await);
            }
        }
    }
    until(|| (handle.connections(), handle.requests()) == (0, 0)).await;
    metrics.until("http_server_active_connections", &[], 0.0).await;
    app.stop().await.assert_clean().await;
}
