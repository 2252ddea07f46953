//! The operator's endpoints.

use http::{Request, Response};
use http_body_util::BodyExt as _;
use misc_core::App;
use misc_http::{Body, Ops, Server, ops};
use misc_test::TestApp;
use tower::{ServiceExt as _, service_fn};

use crate::support::{Client, Gate, config, gated, start};

fn says(what: &str, request: &Request<Body>) -> std::io::Result<Response<String>> {
    match request.uri().path() {
        "/metrics/broken" => Err(std::io::Error::other("no disk")),
        path => Ok(Response::new(format!("{what} {path}"))),
    }
}

fn endpoints() -> Ops {
    ops()
        .metrics(service_fn(async |request| says("metrics", &request)))
        .health(service_fn(async |request| says("health", &request)))
        .route("/jobs", service_fn(async |request| says("jobs", &request)))
}

#[tokio::test]
async fn each_endpoint_answers_at_its_path_and_below() {
    let (app, _) = start(Server::new("127.0.0.1:0", endpoints())).await;
    let mut client = Client::connect(&app).await;
    for path in ["/livez", "/readyz", "/startupz", "/health", "/health/db", "/livez/a/b"] {
        assert_eq!(client.get(path).await.text(), format!("health {path}"));
    }
    for (path, what) in [("/metrics", "metrics"), ("/metrics/more", "metrics"), ("/jobs/1", "jobs")] {
        assert_eq!(client.get(path).await.text(), format!("{what} {path}"));
    }
    for path in ["/nowhere", "/metricsmore", "/jobsz", "//"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    let index = client.get("/").await;
    assert_eq!(index.text(), "/metrics\n/livez\n/readyz\n/startupz\n/health\n/jobs\n");
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 404);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[test]
fn a_path_that_cannot_be_asked_for_is_refused() {
    for path in ["jobs", ""] {
        let route = || endpoints().route(path, service_fn(async |request| says("jobs", &request)));
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(route));
        assert!(refused.is_err(), "{path:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_500_that_is_logged() {
    let logs = misc_test::Logs::capture();
    let (app, _) = start(Server::new("127.0.0.1:0", endpoints())).await;
    assert_eq!(Client::connect(&app).await.get("/metrics/broken").await.status, 500);
    logs.assert_logged("an operator's endpoint failed to answer a request error=no disk");
    app.stop().await.assert_clean().await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn they_can_be_beside_the_routes_of_a_program() {
    use misc_http::axum::{Router, routing::get};

    let routes = Router::new().route("/shop", get(async || "shop")).merge(endpoints());
    let (app, _) = start(Server::new("127.0.0.1:0", routes)).await;
    let mut client = Client::connect(&app).await;
    assert_eq!(client.get("/shop").await.text(), "shop");
    assert_eq!(client.get("/livez").await.text(), "health /livez");
    assert_eq!(client.get("/health/db").await.text(), "health /health/db");
    assert_eq!(client.get("/metrics").await.text(), "metrics /metrics");
    assert_eq!(client.get("/nowhere").await.status, 404);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn they_answer_until_the_last_request_of_the_others_has_ended() {
    let gate = Gate::new();
    let (ops, http) = (Server::new("127.0.0.1:0", endpoints()), gated(config(|_| {}), &gate));
    let app = TestApp::start(App::new("test").service("ops", ops).service("http", http)).await;
    let operator = app.address("ops").await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    let stopped = app.handle().shutdown();
    crate::support::until(|| app.handle().status().children[1].phase == misc_core::Phase::Stopping).await;
    let mut probe = Client::connect_to(&app, operator).await;
    assert_eq!(probe.get("/livez").await.text(), "health /livez");
    gate.open();
    assert!(client.answer().await.says_close());
    drop(probe);
    stopped.await.expect("a clean end");
}

fn named(name: &'static str) -> impl OpsEndpoint {
    service_fn(move |request: Request<Body>| async move { says(name, &request) })
}

/// The bounds of an endpoint, in one word.
trait OpsEndpoint:
    tower::Service<Request<Body>, Response = Response<String>, Error = std::io::Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> OpsEndpoint for S where
    S: tower::Service<Request<Body>, Response = Response<String>, Error = std::io::Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

async fn answer_of(ops: &Ops, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).expect("valid");
    let answer = ops.clone().oneshot(request).await.expect("infallible");
    let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn the_last_endpoint_at_a_path_counts() {
    let ops = ops().metrics(named("old")).health(named("health")).metrics(named("new")).route("/livez", named("own"));
    assert_eq!(answer_of(&ops, "/metrics").await, "new /metrics");
    assert_eq!(answer_of(&ops, "/livez").await, "own /livez");
    assert_eq!(answer_of(&ops, "/").await, "/readyz\n/startupz\n/health\n/metrics\n/livez\n");
}

#[tokio::test]
async fn the_longest_path_counts() {
    let ops = ops().health(named("health")).route("/health/jobs/", named("jobs")).route("/", named("rest"));
    for (path, who) in [
        ("/health/db", "health"),
        ("/health/jobs", "jobs"),
        ("/health/jobs/", "jobs"),
        ("/health/jobs/7", "jobs"),
        ("/health/jobsz", "health"),
        ("/healthz", "rest"),
        ("/", "rest"),
    ] {
        assert_eq!(answer_of(&ops, path).await, format!("{who} {path}"));
    }
}

#[tokio::test]
async fn the_list_is_plain_text() {
    let answer = endpoints().oneshot(Request::get("/").body(Body::empty()).expect("valid")).await.expect("infallible");
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn beside_routes_they_answer_as_they_do_alone() {
    use misc_http::axum::{Router, body::Body as AxumBody};

    let ops = ops().health(named("health")).health(named("new")).route("/jobs/", named("jobs"));
    let routes: Router = ops.clone().into();
    for path in ["/livez", "/livez/", "/livez/a/b", "/jobs", "/jobs/", "/jobs/7"] {
        let request = Request::get(path).body(AxumBody::empty()).expect("valid");
        let answer = routes.clone().oneshot(request).await.expect("infallible");
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        assert_eq!(bytes, answer_of(&ops, path).await, "{path}");
    }
    drop(Router::<()>::from(misc_http::ops().route("/", named("all"))));
}
