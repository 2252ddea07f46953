//! The span of a request, and its line in the access log.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use misc_core::{App, Context, TraceContext, Tracer};
use misc_http::Route;
use misc_test::{Logs, TestApp};
use tokio::time::advance;
use tracing::{
    Event, Metadata, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

use super::{ask, get, header, plain};

/// The fields of spans, as text.
#[derive(Clone, Default)]
struct Spans(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicU64,
    fields: Mutex<HashMap<String, String>>,
}

impl Spans {
    /// Takes the spans of the layer on this thread; the lines of `_logs` are not taken meanwhile.
    fn take(_logs: &Logs) -> (Self, DefaultGuard) {
        let spans = Self::default();
        (spans.clone(), set_default(spans))
    }

    fn field(&self, name: &str) -> Option<String> {
        self.0.fields.lock().expect("no panic").get(name).cloned()
    }

    fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "misc_http"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Fields(&mut self.0.fields.lock().expect("no panic")));
        Id::from_u64(self.0.count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.fields.lock().expect("no panic")));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut HashMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

async fn not_found(_: http::Request<String>) -> Response<String> {
    let mut response = Response::new("nobody".to_owned());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.extensions_mut().insert(Route("/users/{id}"));
    response
}

#[tokio::test]
async fn a_span_has_the_fields_of_the_semantic_conventions() {
    let logs = Logs::capture();
    let (spans, _taken) = Spans::take(&logs);
    let mut request = get("/users/7?token=secret");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", parent.parse().expect("valid"));
    let response = ask(plain(), request, not_found).await;
    for (name, value) in [
        ("otel.kind", "server"),
        ("http.request.method", "GET"),
        ("http.route", "/users/{id}"),
        ("http.response.status_code", "404"),
        ("url.path", "/users/7"),
        ("request_id", header(&response, "x-request-id")),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ] {
        assert_eq!(spans.field(name).as_deref(), Some(value), "{name}");
    }
    for name in ["error.type", "otel.status_code", "otel.name"] {
        assert_eq!(spans.field(name), None, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_says_what_went_wrong() {
    let logs = Logs::capture();
    let (spans, _taken) = Spans::take(&logs);
    ask(plain(), get("/"), async |_| {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
    .await;
    assert_eq!(spans.field("error.type").as_deref(), Some("502"));
    assert_eq!(spans.field("otel.status_code").as_deref(), Some("ERROR"));
    ask(plain(), get("/"), async |_| std::panic::resume_unwind(Box::new("panic"))).await;
    assert_eq!(spans.field("error.type").as_deref(), Some("panic"));
    ask(plain().timeout(Duration::from_secs(1)), get("/"), async |_| std::future::pending().await).await;
    assert_eq!(spans.field("error.type").as_deref(), Some("timeout"));
    let gone = ask(plain(), get("/"), async |_| std::future::pending().await);
    tokio::time::timeout(Duration::from_secs(1), gone).await.expect_err("the client does not wait");
    assert_eq!(spans.field("error.type").as_deref(), Some("aborted"));
    assert_eq!(spans.field("http.response.status_code").as_deref(), Some("499"));
}

#[tokio::test]
async fn a_span_tells_a_body_that_was_cut_from_one_that_was_sent() {
    use super::streams::{self, Chunk};

    let logs = Logs::capture();
    for (sent, error) in [("5", None), ("7", Some("aborted"))] {
        let (spans, _taken) = Spans::take(&logs);
        let chunks = [Chunk::Data("three"), Chunk::Data("more")];
        let mut response = streams::ask(plain(), get("/"), chunks, Some(sent)).await;
        response.body_mut().frame().await.expect("a frame").expect("no error");
        drop(response);
        assert_eq!(spans.field("error.type").as_deref(), error, "{sent}");
        assert_eq!(spans.field("otel.status_code"), None, "a client that goes is no error of the server");
        assert_eq!(spans.field("http.response.status_code").as_deref(), Some("200"));
    }
}

#[tokio::test]
async fn a_span_of_a_body_that_failed_is_an_error_whatever_its_status() {
    use super::streams::{self, Chunk};

    let logs = Logs::capture();
    for (end, error) in [(Chunk::Fail, "error"), (Chunk::Panic, "panic")] {
        let (spans, _taken) = Spans::take(&logs);
        let response = streams::ask(plain(), get("/"), [Chunk::Data("one"), end], None).await;
        response.into_body().collect().await.expect_err("it fails");
        assert_eq!(spans.field("http.response.status_code").as_deref(), Some("200"));
        assert_eq!(spans.field("error.type").as_deref(), Some(error));
        assert_eq!(spans.field("otel.status_code").as_deref(), Some("ERROR"), "{error}");
    }
}

#[tokio::test]
async fn without_spans_there_is_none() {
    let logs = Logs::capture();
    let (spans, taken) = Spans::take(&logs);
    ask(plain().span(false), get("/"), not_found).await;
    assert_eq!(spans.count(), 0);
    drop(taken);
}

/// A tracer that names every span.
struct Naming;

impl Tracer for Naming {
    fn current(&self) -> Option<TraceContext> {
        TraceContext::new(7, 1, true)
    }

    fn adopt(&self, _: &Span, _: &TraceContext) {}
}

/// The name of the span of a request that is exported.
async fn name(method: &str, route: Option<Route>) -> Option<String> {
    let logs = Logs::capture();
    let (spans, taken) = Spans::take(&logs);
    let method: http::Method = method.parse().expect("valid");
    let app = App::new("test").tracer(Naming).service("call", async move |ctx: Context| {
        let mut request = get("/users/7");
        *request.method_mut() = method.clone();
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        request.headers_mut().insert("traceparent", parent.parse().expect("valid"));
        if let Some(route) = route {
            request.extensions_mut().insert(route);
        }
        ask(plain(), request, async |_| Response::new(String::new())).await;
        ctx.ready();
        Ok(())
    });
    TestApp::start(app).await.ended().await.assert_ok();
    drop(taken);
    assert_eq!(spans.field("trace_id"), None, "the tracer's own id is on each line");
    spans.field("otel.name")
}

#[tokio::test]
async fn a_span_that_is_exported_is_named_by_method_and_route() {
    let route = Route("/users/{id}");
    assert_eq!(name("GET", Some(route)).await.as_deref(), Some("GET /users/{id}"));
    assert_eq!(name("GET", None).await.as_deref(), Some("GET"));
    assert_eq!(name("BREW", Some(route)).await.as_deref(), Some("HTTP /users/{id}"), "an unknown method is no name");
    assert_eq!(name("BREW", None).await.as_deref(), Some("HTTP"));
}

#[tokio::test(start_paused = true)]
async fn the_access_log_has_a_line_for_each_request() {
    let logs = Logs::capture();
    let response = ask(plain().access_log(true), get("/users/7?token=secret"), async |request| {
        advance(Duration::from_micros(1_500)).await;
        not_found(request).await
    })
    .await;
    let id = header(&response, "x-request-id");
    logs.assert_logged(&format!(
        "INFO misc_http::access: request served http.request.method=GET http.route=/users/{{id}} \
         url.path=/users/7 http.response.status_code=404 http.response.body.size=6 duration_ms=1.5 request_id={id}"
    ));
    logs.assert_not_logged("secret");
    assert_eq!(logs.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_line_of_the_access_log_names_the_trace() {
    let logs = Logs::capture();
    let mut request = get("/users/7");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", parent.parse().expect("valid"));
    ask(plain().access_log(true), request, not_found).await;
    logs.assert_logged("trace_id=4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test(start_paused = true)]
async fn the_access_log_names_those_who_did_not_wait() {
    let logs = Logs::capture();
    let gone = ask(plain().access_log(true), get("/slow"), async |_| std::future::pending().await);
    tokio::time::timeout(Duration::from_secs(1), gone).await.expect_err("the client does not wait");
    logs.assert_logged("url.path=/slow http.response.status_code=499 duration_ms=");
}

#[tokio::test]
async fn the_access_log_is_off_unless_it_is_asked_for() {
    let logs = Logs::capture();
    ask(plain(), get("/"), not_found).await;
    assert!(logs.lines().is_empty());
}
