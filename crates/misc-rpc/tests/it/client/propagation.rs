//! Traces and deadlines from one process to the next.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, Context, Deadline, TraceContext, Tracer};
use misc_rpc::{Client, Error, Methods, Never, Server};
use misc_test::{Logs, TestApp};
use tokio::time::sleep;
use tracing::Instrument as _;

use super::support::{Backend, Recorder};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

type Seen = Arc<Mutex<Vec<(Option<TraceContext>, Option<Duration>)>>>;

fn note(seen: &Seen) {
    let now = (TraceContext::current(), Deadline::current().map(Deadline::remaining));
    seen.lock().expect("unspoiled").push(now);
}

/// A server that asks another one, or answers itself.
fn hop(seen: &Seen, next: Option<Client>) -> Server {
    let methods = Methods::new().method_with("get", (Arc::clone(seen), next), async |(seen, next): (Seen, _), ()| {
        note(&seen);
        match next {
            Some(next) => get(&next).await.map_err(|error: Error| panic!("{error}")),
            None => Ok::<u64, Never>(1),
        }
    });
    Server::new(methods).expect("valid")
}

async fn get(client: &Client) -> Result<u64, Error> {
    client.method("get").call(&()).await
}

fn context() -> TraceContext {
    TraceContext::parse(TRACEPARENT).expect("valid").state("shop=1")
}

#[tokio::test]
async fn trace_and_deadline_pass_through_two_hops() {
    let seen = Seen::default();
    let last = Backend::start(hop(&seen, None)).await;
    let first = Backend::start(hop(&seen, Some(Client::builder(last.url()).build().expect("valid")))).await;
    let client = Client::builder(first.url()).build().expect("valid");
    let work = Deadline::within(Duration::from_secs(10)).scope(context().scope(get(&client)));
    assert_eq!(work.await.expect("an answer"), 1);

    let seen = seen.lock().expect("unspoiled");
    let [(first_trace, first_left), (last_trace, last_left)] = &seen[..] else { panic!("two hops") };
    assert_eq!((first_trace.as_ref(), last_trace.as_ref()), (Some(&context()), Some(&context())));
    let (first_left, last_left) = (first_left.expect("a deadline"), last_left.expect("a deadline"));
    // Each hop rounds up to a millisecond.
    let second = Duration::from_secs(1);
    assert!(first_left > 9 * second && first_left <= 10 * second + Duration::from_millis(1), "{first_left:?}");
    assert!(last_left > 9 * second && last_left <= first_left + Duration::from_millis(1), "{last_left:?}");
}

#[tokio::test(start_paused = true)]
async fn trace_and_deadline_pass_through_two_hops_in_process() {
    let seen = Seen::default();
    let slow = tower::layer::layer_fn(|inner: misc_rpc::Transport| {
        tower::service_fn(move |request| {
            let mut inner = inner.clone();
            async move {
                sleep(Duration::from_secs(2)).await;
                tower::Service::call(&mut inner, request).await
            }
        })
    });
    let last: Client = Client::builder("").layer(slow).over(hop(&seen, None)).build().expect("valid");
    let client = Client::over(hop(&seen, Some(last)));
    let work = Deadline::within(Duration::from_secs(10)).scope(context().scope(get(&client)));
    assert_eq!(work.await.expect("an answer"), 1);
    let left = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(*seen.lock().expect("unspoiled"), [(Some(context()), left(10)), (Some(context()), left(8))]);
}

#[tokio::test]
async fn a_trace_is_written_as_it_is() {
    let recorder = Recorder::new();
    let client = Client::builder("").timeout(None).over(recorder.clone()).build().expect("valid");
    context().scope(get(&client)).await.expect("an answer");
    let plain = TraceContext::parse(TRACEPARENT).expect("valid");
    plain.scope(get(&client)).await.expect("an answer");
    get(&client).await.expect("an answer");
    let [with_state, without, none] = &recorder.seen()[..] else { panic!("three requests") };
    assert_eq!(
        (&with_state.headers["traceparent"], &with_state.headers["tracestate"]),
        (&TRACEPARENT.parse().expect("a header"), &"shop=1".parse().expect("a header"))
    );
    assert_eq!(without.headers["traceparent"], TRACEPARENT);
    assert!(!without.headers.contains_key("tracestate"));
    for name in ["traceparent", "tracestate", "x-envoy-expected-rq-timeout-ms"] {
        assert!(!none.headers.contains_key(name), "{name}");
    }
}

/// Names each span by its id.
struct ById;

impl Tracer for ById {
    fn current(&self) -> Option<TraceContext> {
        let id = tracing::Span::current().id()?;
        TraceContext::new(1, id.into_u64(), true)
    }

    fn adopt(&self, _: &tracing::Span, _: &TraceContext) {}
}

#[tokio::test]
async fn the_span_of_the_call_is_the_parent_where_spans_are_exported() {
    let _logs = Logs::capture();
    let recorder = Recorder::new();
    let client = Client::over(recorder.clone());
    let app = App::new("shop").tracer(ById).service("work", async move |ctx: Context| {
        let outer = tracing::info_span!("work");
        let current = || TraceContext::current().expect("a span").span_id();
        assert_eq!(get(&client).instrument(outer.clone()).await?, 1);
        ctx.ready();
        let came = recorder.seen();
        let sent = came[0].headers["traceparent"].to_str().expect("a text");
        let sent = TraceContext::parse(sent).expect("valid");
        assert_eq!(sent.trace_id(), 1);
        assert_ne!(sent.span_id(), outer.in_scope(current));
        Ok(())
    });
    TestApp::start(app).await.ended().await.assert_ok();
}
