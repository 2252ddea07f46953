//! Traces: in, through, and out again.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Response};
use misc_core::{App, Context, TraceContext, Tracer};
use misc_http::trace::inject;
use misc_test::TestApp;
use tokio::time::{Duration, sleep};
use tracing::Span;

use super::{ask, get, plain};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a handler would send on besides the request's id, given headers of its request.
async fn sent_on(headers: &[(&'static str, &str)]) -> HeaderMap {
    let mut request = get("/");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("valid"));
    }
    let mut sent = HeaderMap::new();
    ask(plain(), request, async |_| {
        sleep(Duration::from_millis(1)).await;
        inject(&mut sent);
        Response::new(String::new())
    })
    .await;
    assert!(sent.remove("x-request-id").is_some(), "{sent:?}");
    sent
}

#[tokio::test(start_paused = true)]
async fn a_trace_passes_through() {
    let sent = sent_on(&[("traceparent", PARENT), ("tracestate", "vendor=a")]).await;
    assert_eq!(sent["traceparent"], PARENT);
    assert_eq!(sent["tracestate"], "vendor=a");
    assert_eq!(sent.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn several_states_are_one_list() {
    let headers = [("traceparent", PARENT), ("tracestate", "a=1,b=2"), ("tracestate", "c=3"), ("tracestate", "d=4")];
    assert_eq!(sent_on(&headers).await["tracestate"], "a=1,b=2,c=3,d=4");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_trace_is_ignored_with_its_state() {
    let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    let upper = PARENT.to_uppercase();
    for parent in ["", "garbage", zero, &upper, &PARENT[1..], "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
    {
        let sent = sent_on(&[("traceparent", parent), ("tracestate", "vendor=a")]).await;
        assert!(sent.is_empty(), "{parent:?}: {sent:?}");
    }
    assert!(sent_on(&[("tracestate", "vendor=a")]).await.is_empty());
    let twice = [("traceparent", PARENT), ("traceparent", PARENT)];
    assert!(sent_on(&twice).await.is_empty(), "nobody knows which of two is right");
}

#[tokio::test(start_paused = true)]
async fn what_strangers_say_does_not_count_where_it_shall_not() {
    let mut request = get("/");
    let headers = request.headers_mut();
    headers.insert("traceparent", PARENT.parse().expect("valid"));
    headers.insert("x-request-id", "mine".parse().expect("valid"));
    headers.insert("x-envoy-expected-rq-timeout-ms", "1".parse().expect("valid"));
    let mut sent = HeaderMap::new();
    let response = ask(plain().trust_clients(false), request, async |_| {
        sleep(Duration::from_secs(1)).await;
        inject(&mut sent);
        Response::new(String::new())
    })
    .await;
    assert_eq!(response.status(), 200);
    assert_ne!(response.headers()["x-request-id"], "mine");
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["x-request-id"]);
}

#[tokio::test]
async fn a_trace_that_goes_out_replaces_what_was_there() {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "old".parse().expect("valid"));
    headers.insert("tracestate", "old=1".parse().expect("valid"));
    let context = TraceContext::parse(PARENT).expect("valid");
    context.scope(async { inject(&mut headers) }).await;
    assert_eq!(headers["traceparent"], PARENT);
    assert!(!headers.contains_key("tracestate"));
}

/// A tracer that gives each span the id 1 of a trace, and notes what it is told.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<TraceContext>>>);

impl Tracer for Noting {
    fn current(&self) -> Option<TraceContext> {
        TraceContext::new(7, 1, true)
    }

    fn adopt(&self, _: &Span, parent: &TraceContext) {
        self.0.lock().expect("no panic").push(parent.clone());
    }
}

#[tokio::test]
async fn the_tracer_of_the_app_makes_the_span_a_child_and_names_what_goes_out() {
    let logs = misc_test::Logs::capture();
    let tracer = Noting::default();
    let app = App::new("test").tracer(tracer.clone()).service("call", async |ctx: Context| {
        let sent = sent_on(&[("traceparent", PARENT)]).await;
        assert_eq!(sent["traceparent"], TraceContext::new(7, 1, true).expect("valid").to_string());
        ctx.ready();
        Ok(())
    });
    TestApp::start(app).await.ended().await.assert_ok();
    drop(logs);
    assert_eq!(*tracer.0.lock().expect("no panic"), [TraceContext::parse(PARENT).expect("valid")]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_too_long_to_pass_on_is_left_out() {
    let fits = format!("a={}", "x".repeat(510));
    let sent = sent_on(&[("traceparent", PARENT), ("tracestate", &fits)]).await;
    assert_eq!(sent["tracestate"], fits);
    for states in [vec![format!("{fits}x")], vec![fits, "b=2".to_owned()]] {
        let states = states.iter().map(|state| ("tracestate", &**state));
        let headers: Vec<_> = [("traceparent", PARENT)].into_iter().chain(states).collect();
        let sent = sent_on(&headers).await;
        assert_eq!(sent["traceparent"], PARENT);
        assert!(!sent.contains_key("tracestate"));
    }
}
