//! What is measured, and under which labels.

use std::{convert::Infallible, future::pending, io, time::Duration};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use misc_core::Deadline;
use misc_http::{Route, layers::standard};
use misc_test::Metrics;
use tokio::time::advance;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::{ask, get, plain};

const ACTIVE: &str = "http_server_active_requests";
const DURATION: &str = "http_server_request_duration_seconds";
const REQUEST_SIZE: &str = "http_server_request_body_size_bytes";
const RESPONSE_SIZE: &str = "http_server_response_body_size_bytes";

fn labels<'a>(method: &'a str, route: &'a str, status: &'a str) -> [(&'a str, &'a str); 3] {
    [("http_request_method", method), ("http_route", route), ("http_response_status_code", status)]
}

#[tokio::test(start_paused = true)]
async fn a_request_is_measured_by_method_route_and_status() {
    let metrics = Metrics::new();
    let mut request = Request::post("/users/7").body("12345".to_owned()).expect("valid");
    request.extensions_mut().insert(Route("/users/{id}"));
    ask(standard(&metrics.meter()), request, async |_| {
        metrics.assert_metric(ACTIVE, &[("http_request_method", "POST")], 1.0);
        advance(Duration::from_secs(2)).await;
        let mut response = Response::new("created".to_owned());
        *response.status_mut() = StatusCode::CREATED;
        response
    })
    .await;
    let labels = labels("POST", "/users/{id}", "201");
    assert_eq!(metrics.values(DURATION, &labels), [2.0]);
    assert_eq!(metrics.values(REQUEST_SIZE, &labels), [5.0]);
    assert_eq!(metrics.values(RESPONSE_SIZE, &labels), [7.0]);
    metrics.assert_metric(ACTIVE, &[("http_request_method", "POST")], 0.0);
}

#[tokio::test]
async fn the_service_inside_may_name_the_route() {
    let metrics = Metrics::new();
    ask(standard(&metrics.meter()), get("/users/7"), async |_| {
        let mut response = Response::new(String::new());
        response.extensions_mut().insert(Route("/users/{id}"));
        response
    })
    .await;
    assert_eq!(metrics.values(DURATION, &labels("GET", "/users/{id}", "200")).len(), 1);
}

#[tokio::test]
async fn a_path_is_no_route_and_an_unknown_method_is_other() {
    let metrics = Metrics::new();
    let mut request = get("/admin.php");
    *request.method_mut() = Method::from_bytes(b"BREW").expect("valid");
    ask(standard(&metrics.meter()), request, async |_| Response::new(String::new())).await;
    assert_eq!(metrics.values(DURATION, &labels("_OTHER", "", "200")).len(), 1);
}

#[tokio::test]
async fn the_nine_methods_are_told_apart() {
    let metrics = Metrics::new();
    let names = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    for name in names {
        let mut request = get("/");
        *request.method_mut() = Method::from_bytes(name.as_bytes()).expect("valid");
        ask(standard(&metrics.meter()), request, async |_| Response::new(String::new())).await;
    }
    for name in names {
        assert_eq!(metrics.values(DURATION, &labels(name, "", "200")).len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_request_counts_as_503() {
    let metrics = Metrics::new();
    let layer = standard(&metrics.meter()).timeout(Duration::from_secs(3));
    let response = ask(layer, get("/"), async |_| pending().await).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds = metrics.values(DURATION, &labels("GET", "", "503"));
    assert!(matches!(*seconds, [seconds] if (3.0..3.01).contains(&seconds)), "{seconds:?}");
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_client_is_gone_counts_as_499() {
    let metrics = Metrics::new();
    let request = ask(standard(&metrics.meter()), get("/"), async |_| pending().await);
    tokio::time::timeout(Duration::from_secs(1), request).await.expect_err("the client does not wait");
    assert_eq!(metrics.values(DURATION, &labels("GET", "", "499")).len(), 1);
    assert!(metrics.values(RESPONSE_SIZE, &[]).is_empty(), "nothing was sent");
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cut_at_its_deadline_counts_as_503() {
    let metrics = Metrics::new();
    let meter = metrics.meter();
    // Whoever set the deadline drops the work first: its timer is the older one.
    let work = Deadline::within(Duration::from_secs(1));
    let request = ask(standard(&meter), get("/"), async |_| {
        advance(Duration::from_secs(2)).await;
        pending().await
    });
    let mut request = Box::pin(work.scope(request));
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx).is_pending())).await;
    assert!(polled);
    advance(Duration::from_secs(2)).await;
    drop(request);
    assert_eq!(metrics.values(DURATION, &labels("GET", "", "503")).len(), 1);
}

#[tokio::test]
async fn an_error_of_the_service_passes_and_counts_as_500() {
    let metrics = Metrics::new();
    let broken = service_fn(async |_: Request<String>| Err::<Response<String>, _>(io::Error::other("broken")));
    let error = standard(&metrics.meter()).layer(broken).oneshot(get("/")).await.expect_err("it passes");
    assert_eq!(error.to_string(), "broken");
    assert_eq!(metrics.values(DURATION, &labels("GET", "", "500")).len(), 1);
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

/// What the one request that was measured says of its failure, by its status.
#[track_caller]
fn failed(metrics: &Metrics, status: &str, error: &str) {
    let labels = [("http_response_status_code", status), ("error_type", error)];
    assert_eq!(metrics.values(DURATION, &labels).len(), 1, "{status} {error:?}");
    assert_eq!(metrics.values(DURATION, &[]).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn why_a_request_has_failed_is_a_label() {
    for (status, error) in [(200, ""), (404, ""), (500, "500"), (503, "503")] {
        let metrics = Metrics::new();
        ask(standard(&metrics.meter()), get("/"), async |_| {
            let mut response = Response::new("text".to_owned());
            *response.status_mut() = StatusCode::from_u16(status).expect("valid");
            response
        })
        .await;
        failed(&metrics, &status.to_string(), error);
    }

    let metrics = Metrics::new();
    ask(standard(&metrics.meter()), get("/"), async |_| std::panic::resume_unwind(Box::new("panic"))).await;
    failed(&metrics, "500", "panic");

    let metrics = Metrics::new();
    let layer = standard(&metrics.meter()).timeout(Duration::from_secs(1));
    ask(layer, get("/"), async |_| pending().await).await;
    failed(&metrics, "503", "timeout");

    let metrics = Metrics::new();
    let gone = ask(standard(&metrics.meter()), get("/"), async |_| pending().await);
    tokio::time::timeout(Duration::from_secs(1), gone).await.expect_err("the client does not wait");
    failed(&metrics, "499", "aborted");

    let metrics = Metrics::new();
    let broken = service_fn(async |_: Request<String>| Err::<Response<String>, _>(io::Error::other("broken")));
    standard(&metrics.meter()).layer(broken).oneshot(get("/")).await.expect_err("it passes");
    failed(&metrics, "500", "error");
}

#[tokio::test]
async fn a_body_that_fails_is_told_from_one_that_was_sent() {
    use super::streams::{self, Chunk};

    for (end, error) in [(Chunk::Data("two"), ""), (Chunk::Fail, "error"), (Chunk::Panic, "panic")] {
        let metrics = Metrics::new();
        let response = streams::ask(standard(&metrics.meter()), get("/"), [Chunk::Data("one"), end], None).await;
        assert_eq!(response.into_body().collect().await.is_err(), !error.is_empty());
        failed(&metrics, "200", error);
        let sizes = metrics.values(RESPONSE_SIZE, &[("http_response_status_code", "200"), ("error_type", error)]);
        assert_eq!(sizes.len(), 1, "{error:?}");
    }
}

#[tokio::test]
async fn failures_of_one_status_are_told_apart() {
    let metrics = Metrics::new();
    let service = standard(&metrics.meter()).layer(service_fn(async |request: Request<String>| {
        if request.uri().path() == "/panic" {
            std::panic::resume_unwind(Box::new("panic"));
        }
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Infallible>(response)
    }));
    for path in ["/panic", "/said", "/panic", "/panic"] {
        service.clone().oneshot(get(path)).await.expect("an answer");
    }
    for (error, count) in [("panic", 3), ("500", 1)] {
        assert_eq!(metrics.values(DURATION, &[("error_type", error)]).len(), count, "{error}");
    }
    assert_eq!(metrics.values(DURATION, &labels("GET", "", "500")).len(), 4);
}

#[tokio::test]
async fn one_service_may_have_more_series_than_it_finds_at_once() {
    let metrics = Metrics::new();
    let service = service_fn(async |request: Request<String>| {
        let mut response = Response::new(String::new());
        *response.status_mut() = request.uri().path()[1..].parse().expect("a status");
        Ok::<_, Infallible>(response)
    });
    let service = standard(&metrics.meter()).layer(service);
    for _ in 0..2 {
        for status in 200..300 {
            service.clone().oneshot(get(&format!("/{status}"))).await.expect("an answer");
        }
    }
    for status in 200..300 {
        assert_eq!(metrics.values(DURATION, &labels("GET", "", &status.to_string())).len(), 2, "{status}");
    }
}

#[tokio::test]
async fn two_services_behind_one_layer_share_series() {
    let metrics = Metrics::new();
    let layer = standard(&metrics.meter());
    for _ in 0..2 {
        ask(layer.clone(), get("/"), async |_| Response::new(String::new())).await;
    }
    assert_eq!(metrics.values(DURATION, &labels("GET", "", "200")).len(), 2);
}

#[tokio::test]
async fn what_the_meter_says_of_a_server_is_said_of_its_requests() {
    let metrics = Metrics::new();
    let layer = standard(&metrics.meter().label("url_scheme", "https"));
    ask(layer, get("/"), async |_| Response::new(String::new())).await;
    assert_eq!(metrics.values(DURATION, &[("url_scheme", "https"), ("http_request_method", "GET")]).len(), 1);
    metrics.assert_metric(ACTIVE, &[("url_scheme", "https"), ("http_request_method", "GET")], 0.0);
}

#[tokio::test]
async fn without_a_recorder_nothing_is_measured() {
    let response = ask(plain(), get("/"), async |_| Response::new("served".to_owned())).await;
    assert_eq!(super::text(response).await, "served");
}

#[cfg(feature = "axum")]
mod with_axum {
    use misc_http::{
        Problem,
        axum::{
            Router,
            body::Body,
            routing::{any, post},
        },
    };

    use super::*;
    use crate::standard::{
        streams::{Chunk, Chunks},
        text,
    };

    async fn send(routes: &Router, method: &str, path: &str, body: Body) -> Response<Body> {
        let request = Request::builder().method(method).uri(path).body(body).expect("valid");
        routes.clone().oneshot(request).await.expect("infallible")
    }

    #[tokio::test]
    async fn routes_are_those_of_the_router() {
        let metrics = Metrics::new();
        let inner = Router::new().route("/{id}", any(async || "a user"));
        let routes = Router::new().nest("/users", inner).route("/post", post(async || "posted"));
        let routes = routes.layer(standard(&metrics.meter()));
        for path in ["/users/7", "/users/8", "/nowhere", "/post"] {
            send(&routes, "GET", path, Body::empty()).await;
        }
        send(&routes, "BREW", "/users/7", Body::empty()).await;
        assert_eq!(metrics.values(DURATION, &labels("GET", "/users/{id}", "200")).len(), 2);
        assert_eq!(metrics.values(DURATION, &labels("_OTHER", "/users/{id}", "200")).len(), 1);
        assert_eq!(metrics.values(DURATION, &labels("GET", "", "404")).len(), 1, "the fallback has no route");
        assert_eq!(metrics.values(DURATION, &labels("GET", "/post", "405")).len(), 1);
        assert_eq!(metrics.values(DURATION, &[]).len(), 5);
    }

    #[tokio::test]
    async fn a_fallback_has_no_route_wherever_it_is() {
        let metrics = Metrics::new();
        let users = Router::new().route("/{id}", any(async || "a user")).fallback(async || "nobody");
        let files = Router::new().fallback(async || "a file");
        let routes = Router::new().nest("/users", users).nest_service("/files", files);
        let routes = routes.layer(standard(&metrics.meter()));
        for path in ["/users/7/8", "/users/a/b/c", "/files/secret"] {
            send(&routes, "GET", path, Body::empty()).await;
        }
        assert_eq!(metrics.values(DURATION, &labels("GET", "", "200")).len(), 3);
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_counted_as_it_is_read() {
        let metrics = Metrics::new();
        let routes = Router::new().route("/", post(async |body: String| body)).layer(standard(&metrics.meter()));
        let body = Body::new(Chunks::new(["one", "three", ""].map(Chunk::Data)));
        let response = send(&routes, "POST", "/", body).await;
        assert_eq!(text(response).await, "onethree");
        assert_eq!(metrics.values(REQUEST_SIZE, &[]), [8.0]);
        assert_eq!(metrics.values(RESPONSE_SIZE, &[]), [8.0]);
    }

    #[tokio::test]
    async fn problems_of_handlers_are_counted_by_their_status() {
        let metrics = Metrics::new();
        let refuse = async || Err::<String, _>(Problem::new(StatusCode::CONFLICT));
        let routes = Router::new().route("/", post(refuse)).layer(standard(&metrics.meter()));
        send(&routes, "POST", "/", Body::empty()).await;
        assert_eq!(metrics.values(DURATION, &labels("POST", "/", "409")).len(), 1);
    }
}
