//! The standard layer in a server.

use std::{net::SocketAddr, time::Duration};

use misc_http::{
    Server,
    axum::{Router, routing::get},
    layers::standard,
};
use misc_test::{Logs, Metrics, TestApp};
use tokio::sync::mpsc;
use tower_layer::Layer as _;

use crate::support::{Client, config, echo, start};

const ACTIVE: &str = "http_server_active_requests";
const DURATION: &str = "http_server_request_duration_seconds";

async fn serve(metrics: &Metrics, routes: Router) -> TestApp {
    let layer = standard(&metrics.meter()).timeout(Duration::from_secs(60)).access_log(true);
    start(Server::new(config(|_| {}), routes.layer(layer))).await.0
}

#[tokio::test]
async fn a_panic_costs_neither_the_connection_nor_others() {
    let metrics = Metrics::new();
    let panics = async || -> &str { std::panic::resume_unwind(Box::new("guilty")) };
    let routes = Router::new().route("/panic", get(panics)).route("/fine", get(async || "fine"));
    let app = serve(&metrics, routes).await;
    let (mut guilty, mut innocent) = (Client::connect(&app).await, Client::connect(&app).await);
    for _ in 0..10 {
        let answer = guilty.get("/panic").await;
        assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/problem+json")));
        let answer = innocent.get("/fine").await;
        assert_eq!((answer.status, answer.text()), (200, "fine"));
    }
    drop((guilty, innocent));
    app.stop().await.assert_ok();
    assert_eq!(metrics.values(DURATION, &[("http_route", "/panic"), ("http_response_status_code", "500")]).len(), 10);
    assert_eq!(metrics.values(DURATION, &[("http_route", "/fine"), ("http_response_status_code", "200")]).len(), 10);
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test]
async fn a_client_that_does_not_wait_counts_as_499() {
    let metrics = Metrics::new();
    let (begun, mut is_begun) = mpsc::channel(1);
    let slow = async move || {
        begun.send(()).await.expect("the test waits");
        std::future::pending::<&str>().await
    };
    let app = serve(&metrics, Router::new().route("/slow", get(slow))).await;
    let mut client = Client::connect(&app).await;
    client.ask("/slow").await;
    is_begun.recv().await.expect("the handler runs");
    metrics.assert_metric(ACTIVE, &[("http_request_method", "GET")], 1.0);
    drop(client);
    metrics.until(ACTIVE, &[("http_request_method", "GET")], 0.0).await;
    app.stop().await.assert_ok();
    assert_eq!(metrics.values(DURATION, &[("http_route", "/slow"), ("http_response_status_code", "499")]).len(), 1);
}

#[tokio::test]
async fn an_id_and_a_length_are_in_the_head() {
    let app = serve(&Metrics::new(), Router::new().route("/", get(async || "fine"))).await;
    let mut client = Client::connect(&app).await;
    client.send("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.header("x-request-id"), answer.header("content-length")), (Some("mine"), Some("4")));
}

#[tokio::test]
async fn the_layer_goes_around_a_whole_service_too() {
    let metrics = Metrics::new();
    let service = standard(&metrics.meter())
        .layer(tower::service_fn(async |request| Ok::<_, std::convert::Infallible>(echo(request).await)));
    let (app, _) = start(Server::new(config(|_| {}), service)).await;
    let answer = Client::connect(&app).await.get("/echo").await;
    assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    app.stop().await.assert_ok();
    assert_eq!(metrics.values(DURATION, &[("http_route", ""), ("http_response_status_code", "200")]).len(), 1);
}

#[tokio::test]
async fn the_access_log_names_the_peer() {
    let logs = Logs::capture();
    let app = serve(&Metrics::new(), Router::new().route("/", get(async || "fine"))).await;
    let peer = SocketAddr::from(([127, 0, 0, 1], 0)).ip();
    Client::connect(&app).await.get("/").await;
    app.stop().await.assert_ok();
    logs.assert_logged(&format!("network.peer.address={peer} "));
}
