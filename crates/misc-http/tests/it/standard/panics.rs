//! Panics end in the layer.

use std::{convert::Infallible, panic::resume_unwind};

use http::{Request, Response, StatusCode};
use misc_http::layers::standard;
use misc_test::{Logs, Metrics};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::{ask, get, header, plain, text};

const DURATION: &str = "http_server_request_duration_seconds";

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing_of_it() {
    let logs = Logs::capture();
    let response = ask(plain(), get("/"), async |_| panic!("the password is {}", "hunter2")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let id = header(&response, "x-request-id").to_owned();
    let body = text(response).await;
    assert_eq!(
        body,
        format!(
            r#"{{"title":"Internal Server Error","status":500,"detail":"the request failed in the server","request_id":"{id}"}}"#
        )
    );
    logs.assert_logged("ERROR misc_http{request}: a handler panicked panic=the password is hunter2");
    logs.assert_logged(&format!("request_id={id}"));
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_one_too() {
    let metrics = Metrics::new();
    let service = service_fn(|_: Request<String>| -> std::future::Ready<Result<Response<String>, Infallible>> {
        resume_unwind(Box::new("at once"))
    });
    let response = standard(&metrics.meter()).layer(service).oneshot(get("/")).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(metrics.values(DURATION, &[("http_response_status_code", "500")]).len(), 1);
    metrics.assert_metric("http_server_active_requests", &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_late_handler_is_dropped_is_no_harm() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            resume_unwind(Box::new("in a drop"));
        }
    }
    let layer = plain().timeout(std::time::Duration::from_secs(1));
    let response = ask(layer, get("/"), async |_| {
        let _guard = Guard;
        std::future::pending().await
    })
    .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn ten_thousand_panics_leave_the_innocent_alone() {
    let metrics = Metrics::new();
    let service = service_fn(async |request: Request<String>| {
        tokio::task::yield_now().await;
        if request.uri().path() == "/panic" {
            resume_unwind(Box::new("guilty"));
        }
        Ok::<_, Infallible>(Response::new("innocent".to_owned()))
    });
    let service = standard(&metrics.meter()).layer(service);
    for at in 0..11_000 {
        let (path, status) = if at % 11 == 0 { ("/", 200) } else { ("/panic", 500) };
        let response = service.clone().oneshot(get(path)).await.expect("an answer");
        assert_eq!(response.status().as_u16(), status);
    }
    assert_eq!(metrics.values(DURATION, &[("http_response_status_code", "500")]).len(), 10_000);
    assert_eq!(metrics.values(DURATION, &[("http_response_status_code", "200")]).len(), 1_000);
    metrics.assert_metric("http_server_active_requests", &[], 0.0);
}

#[tokio::test]
async fn what_panics_when_it_is_dropped_gets_no_further() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(()));
        }
    }
    let response = ask(plain(), get("/"), async |_| resume_unwind(Box::new(Bomb))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn the_answer_to_head_is_counted_as_it_is_sent() {
    let metrics = Metrics::new();
    let request = Request::head("/").body(String::new()).expect("valid");
    ask(standard(&metrics.meter()), request, async |_| resume_unwind(Box::new("panic"))).await;
    assert_eq!(metrics.values("http_server_response_body_size_bytes", &[]), [0.0]);
}
