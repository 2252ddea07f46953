//! Deadlines: from the layer, from whoever calls it, from the client.

use std::{future::pending, time::Duration};

use http::{HeaderMap, Response, StatusCode};
use misc_core::Deadline;
use misc_http::trace::inject;
use tokio::time::{Instant, sleep};

use super::{ask, get, header, plain, text};

/// What a handler has left, given headers and the layer's own timeout.
async fn left(headers: &[(&'static str, &str)], timeout: Option<Duration>) -> Option<Duration> {
    let mut request = get("/");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("valid"));
    }
    let layer = timeout.map_or_else(plain, |timeout| plain().timeout(timeout));
    let mut left = None;
    ask(layer, request, async |_| {
        left = Deadline::current().map(Deadline::remaining);
        Response::new(String::new())
    })
    .await;
    left
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_late_is_dropped_and_answered_for() {
    struct Told<'a>(&'a std::cell::Cell<bool>);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = std::cell::Cell::new(false);
    let start = Instant::now();
    let response = ask(plain().timeout(SECOND), get("/"), async |_| {
        let _told = Told(&dropped);
        pending().await
    })
    .await;
    assert!(dropped.get());
    assert!((SECOND..SECOND * 2).contains(&start.elapsed()));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let id = header(&response, "x-request-id").to_owned();
    let body = text(response).await;
    assert!(body.contains("the request could not be answered in time"), "{body}");
    assert!(body.contains(&id), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_in_time_is_left_alone() {
    let response = ask(plain().timeout(SECOND), get("/"), async |_| {
        sleep(SECOND / 2).await;
        Response::new("in time".to_owned())
    })
    .await;
    assert_eq!(text(response).await, "in time");
}

#[tokio::test(start_paused = true)]
async fn the_soonest_deadline_counts() {
    assert_eq!(left(&[], None).await, None);
    assert_eq!(left(&[], Some(SECOND * 3)).await, Some(SECOND * 3));
    assert_eq!(left(&[("x-envoy-expected-rq-timeout-ms", "2000")], Some(SECOND * 3)).await, Some(SECOND * 2));
    assert_eq!(left(&[("x-envoy-expected-rq-timeout-ms", "4000")], Some(SECOND * 3)).await, Some(SECOND * 3));
    let both = [("x-envoy-expected-rq-timeout-ms", "2000"), ("grpc-timeout", "1S")];
    assert_eq!(left(&both, None).await, Some(SECOND));
    let outer = Deadline::within(SECOND);
    assert_eq!(outer.scope(left(&both, Some(SECOND * 3))).await, Some(SECOND));
    let outer = Deadline::within(SECOND / 2);
    assert_eq!(outer.scope(left(&both, Some(SECOND * 3))).await, Some(SECOND / 2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_from_outside_is_kept_without_a_timeout_of_ones_own() {
    let start = Instant::now();
    let work = ask(plain(), get("/"), async |_| pending().await);
    let response = Deadline::within(SECOND).scope(work).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(start.elapsed() < SECOND * 2);
}

#[tokio::test(start_paused = true)]
async fn grpc_timeouts_have_a_unit() {
    let cases = [
        ("1H", SECOND * 3600),
        ("2M", SECOND * 120),
        ("3S", SECOND * 3),
        ("4m", Duration::from_millis(4)),
        ("5000u", Duration::from_millis(5)),
        ("6000000n", Duration::from_millis(6)),
        ("99999999H", SECOND * 3600 * 99_999_999),
    ];
    for (value, expected) in cases {
        assert_eq!(left(&[("grpc-timeout", value)], None).await, Some(expected), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_cannot_be_read_is_none() {
    for value in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1 S", "0x1S"] {
        assert_eq!(left(&[("grpc-timeout", value)], None).await, None, "{value:?}");
    }
    for value in ["", "1s", "-1", "+1", "1.5", "1e3", "9999999999999999999"] {
        assert_eq!(left(&[("x-envoy-expected-rq-timeout-ms", value)], None).await, None, "{value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_clock_is_none() {
    assert_eq!(left(&[], Some(Duration::MAX)).await, None);
}

#[tokio::test(start_paused = true)]
async fn nothing_left_is_late_unless_the_answer_is_there() {
    assert_eq!(left(&[("grpc-timeout", "0n")], None).await, Some(Duration::ZERO));
    let mut request = get("/");
    request.headers_mut().insert("x-envoy-expected-rq-timeout-ms", "0".parse().expect("valid"));
    let response = ask(plain(), request, async |_| pending().await).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_goes_out_rounded_up() {
    let sent = async |time| {
        let mut headers = HeaderMap::new();
        Deadline::within(time).scope(async { inject(&mut headers) }).await;
        headers["x-envoy-expected-rq-timeout-ms"].to_str().expect("a number").to_owned()
    };
    assert_eq!(sent(SECOND).await, "1000");
    assert_eq!(sent(Duration::from_micros(1)).await, "1");
    assert_eq!(sent(Duration::from_micros(1_001)).await, "2");
    assert_eq!(sent(Duration::ZERO).await, "0");
    let mut headers = HeaderMap::new();
    inject(&mut headers);
    assert!(headers.is_empty(), "there is nothing to say");
}

#[tokio::test(start_paused = true)]
async fn what_goes_out_is_what_comes_in() {
    let mut headers = HeaderMap::new();
    Deadline::within(SECOND * 7).scope(async { inject(&mut headers) }).await;
    let value = headers["x-envoy-expected-rq-timeout-ms"].to_str().expect("a number");
    assert_eq!(left(&[("x-envoy-expected-rq-timeout-ms", value)], None).await, Some(SECOND * 7));
}

#[tokio::test]
async fn a_handler_that_always_has_work_is_late_too() {
    // It gives way when its budget is spent, and has spent that of the timer with it.
    let busy = ask(plain().timeout(Duration::from_millis(20)), get("/"), async |_| {
        loop {
            tokio::task::consume_budget().await;
        }
    });
    let response = tokio::time::timeout(SECOND * 10, busy).await.expect("it is answered for");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
