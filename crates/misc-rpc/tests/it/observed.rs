//! What is seen of calls from outside: metrics, spans, traces.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::poll;
use misc_core::{App, Context, TraceContext, Tracer};
use misc_rpc::{Fault, Methods, Never, Server};
use misc_test::{Logs, Metrics, TestApp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;
use tracing::{
    Event, Instrument as _, Metadata, Span, Subscriber,
    field::{Field, Visit},
    info_span,
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

use crate::served::{call, post, request, send};

const DURATION: &str = "rpc_server_call_duration_seconds";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("code {0}")]
struct Code(i32);

impl Fault for Code {
    fn code(&self) -> i32 {
        self.0
    }
}

fn server() -> Server {
    let methods = Methods::new()
        .method("fine", async |()| Ok::<_, Never>(()))
        .method("fails", async |(code,): (i32,)| Err::<(), _>(Code(code)))
        .method("nap", async |(millis,): (u64,)| {
            sleep(Duration::from_millis(millis)).await;
            Ok::<_, Never>(())
        })
        .method("trace", async |()| Ok::<_, Never>(trace()));
    Server::new(methods).unwrap()
}

/// Where the handler stands in a trace.
fn trace() -> Option<(String, Option<String>)> {
    TraceContext::current().map(|trace| (trace.to_string(), trace.tracestate().map(str::to_owned)))
}

#[tokio::test(start_paused = true)]
async fn durations_are_by_method_and_outcome() {
    let metrics = Metrics::new();
    let server = server().meter(&metrics.meter()).timeout(Duration::from_secs(5));
    let durations = |method, code, error| {
        let labels = [
            ("rpc_system_name", "jsonrpc"),
            ("rpc_method", method),
            ("rpc_response_status_code", code),
            ("error_type", error),
        ];
        metrics.values(DURATION, &labels)
    };
    call(&server, "nap", "[250]").await;
    call(&server, "nap", "[500]").await;
    assert_eq!(durations("nap", "", ""), [0.25, 0.5]);
    call(&server, "nap", "[60000]").await;
    assert_eq!(durations("nap", "-32001", "-32001"), [5.0]);
    call(&server, "nap", "[]").await;
    assert_eq!(durations("nap", "-32602", "-32602"), [0.0]);
    let mut gone = Box::pin(call(&server, "nap", "[60000]"));
    assert!(poll!(&mut gone).is_pending());
    drop(gone);
    assert_eq!(durations("nap", "", "cancelled"), [0.0]);

    for code in [404, 423, 404] {
        call(&server, "fails", &format!("[{code}]")).await;
    }
    assert_eq!((durations("fails", "404", "404").len(), durations("fails", "423", "423").len()), (2, 1));
    call(&server, "rpc.discover", "[]").await;
    assert_eq!(durations("rpc.discover", "", ""), [0.0]);

    // What comes from outside makes no series.
    call(&server, "made up", "[]").await;
    call(&server, "made up as well", "[]").await;
    assert_eq!(durations("_OTHER", "-32601", "-32601").len(), 2);
    post(&server, "nonsense").await;
    assert_eq!(durations("_OTHER", "-32700", "-32700").len(), 1);
    post(&server, "[1,2]").await;
    assert_eq!(durations("_OTHER", "-32600", "-32600").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_batch_counts() {
    let metrics = Metrics::new();
    let server = server().meter(&metrics.meter());
    let nap = |millis| json!({ "jsonrpc": "2.0", "method": "nap", "params": [millis] });
    post(&server, json!([nap(1_000), nap(2_000)]).to_string()).await;
    assert_eq!(metrics.values(DURATION, &[("rpc_method", "nap")]), [1.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn codes_past_the_first_few_are_one_series() {
    let metrics = Metrics::new();
    let server = server().meter(&metrics.meter());
    for code in 1..=100 {
        call(&server, "fails", &format!("[{code}]")).await;
    }
    assert_eq!(metrics.values(DURATION, &[("error_type", "_OTHER")]).len(), 100 - 32);
    assert_eq!(metrics.values(DURATION, &[("error_type", "32")]).len(), 1);
}

/// The fields of spans, as text.
#[derive(Clone, Default)]
struct Spans(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicU64,
    fields: Mutex<HashMap<String, String>>,
}

impl Spans {
    /// Takes the spans of calls on this thread; the lines of `_logs` are not taken meanwhile.
    fn take(_logs: &Logs) -> (Self, DefaultGuard) {
        let spans = Self::default();
        (spans.clone(), set_default(spans))
    }

    fn field(&self, name: &str) -> Option<String> {
        self.0.fields.lock().unwrap().get(name).cloned()
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "misc_rpc"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Fields(&mut self.0.fields.lock().unwrap()));
        Id::from_u64(self.0.count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.fields.lock().unwrap()));
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

/// Checks the fields of a call's span; `None` if one is not to be there.
async fn check(method: &str, params: &str, expected: &[(&str, Option<&str>)]) {
    let logs = Logs::capture();
    let (spans, _taken) = Spans::take(&logs);
    call(&server(), method, params).await;
    for (name, value) in expected {
        assert_eq!(spans.field(name).as_deref(), *value, "{method}: {name}");
    }
    assert_eq!(spans.0.count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_span_has_the_fields_of_the_semantic_conventions() {
    let fine = [
        ("otel.kind", Some("server")),
        ("otel.name", Some("fine")),
        ("rpc.system.name", Some("jsonrpc")),
        ("jsonrpc.protocol.version", Some("2.0")),
        ("rpc.method", Some("fine")),
        ("rpc.response.status_code", None),
        ("error.type", None),
        ("otel.status_code", None),
    ];
    check("fine", "[]", &fine).await;
    let failed = [
        ("otel.name", Some("fails")),
        ("rpc.response.status_code", Some("404")),
        ("error.type", Some("404")),
        ("otel.status_code", Some("ERROR")),
    ];
    check("fails", "[404]", &failed).await;
    let unknown =
        [("otel.name", Some("jsonrpc")), ("rpc.method", Some("_OTHER")), ("rpc.response.status_code", Some("-32601"))];
    check("made up", "[]", &unknown).await;
}

#[tokio::test]
async fn lines_of_a_handler_are_in_its_span_and_that_is_in_the_one_around() {
    let logs = Logs::capture();
    let methods = Methods::new().method("says", async |()| {
        tokio::task::yield_now().await;
        tracing::info!("hello");
        Ok::<_, Never>(())
    });
    let server = Server::new(methods).unwrap();
    call(&server, "says", "[]").instrument(info_span!("request")).await;
    let lines = logs.lines();
    assert_eq!(lines.iter().find(|line| line.message() == "hello").unwrap().spans(), ["request", "call"]);
}

#[tokio::test]
async fn a_call_is_a_part_of_its_callers_trace() {
    let ask = async |server: Server, headers: &[(&'static str, &str)]| {
        let mut request = request(r#"{"jsonrpc":"2.0","method":"trace","id":1}"#);
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        send(&server, request).await.result()
    };
    let state = [("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")];
    assert_eq!(ask(server(), &[("traceparent", PARENT)]).await, json!([PARENT, null]));
    assert_eq!(ask(server(), &state).await, json!([PARENT, "a=1,b=2"]));
    assert_eq!(ask(server(), &[]).await, json!(null));
    assert_eq!(ask(server(), &[("traceparent", "nonsense")]).await, json!(null));
    assert_eq!(ask(server(), &[("traceparent", PARENT), ("traceparent", PARENT)]).await, json!(null));
    assert_eq!(ask(server().trust_clients(false), &[("traceparent", PARENT)]).await, json!(null));
    // A layer in front that has found out where the caller stands knows better.
    let around = TraceContext::new(7, 1, true).unwrap();
    let scoped = around.clone().scope(ask(server(), &[("traceparent", PARENT)])).await;
    assert_eq!(scoped, json!([around.to_string(), null]));
}

#[tokio::test]
async fn without_a_tracer_the_span_has_the_id_of_the_trace() {
    let logs = Logs::capture();
    let (spans, _taken) = Spans::take(&logs);
    let mut request = request(r#"{"jsonrpc":"2.0","method":"trace","id":1}"#);
    request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
    send(&server(), request).await;
    assert_eq!(spans.field("trace_id").as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

/// A tracer that has no span of its own, and notes which are made children of others.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<TraceContext>>>);

impl Tracer for Noting {
    fn current(&self) -> Option<TraceContext> {
        None
    }

    fn adopt(&self, _: &Span, parent: &TraceContext) {
        self.0.lock().unwrap().push(parent.clone());
    }
}

#[tokio::test]
async fn the_tracer_of_the_app_makes_the_span_a_child() {
    let logs = Logs::capture();
    let tracer = Noting::default();
    let app = App::new("test").tracer(tracer.clone()).service("rpc", async |ctx: Context| {
        let mut request = request(r#"{"jsonrpc":"2.0","method":"fine","id":1}"#);
        request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
        send(&server(), request).await.result();
        ctx.ready();
        Ok(())
    });
    TestApp::start(app).await.ended().await.assert_ok();
    drop(logs);
    assert_eq!(*tracer.0.lock().unwrap(), [TraceContext::parse(PARENT).unwrap()]);
}
