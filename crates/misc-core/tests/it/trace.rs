//! Where work stands in a trace: what headers say, what a scope passes on, and what a tracer knows better.

use std::sync::{Arc, Mutex};

use misc_core::{App, Context, TraceContext, Tracer};
use tracing::{Span, span};

use crate::support::run;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parse(traceparent: &str) -> TraceContext {
    TraceContext::parse(traceparent).expect("a valid traceparent")
}

#[test]
fn a_traceparent_is_read_and_written() {
    let context = parse(PARENT);
    assert_eq!(context.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7);
    assert!(context.is_sampled());
    assert_eq!(context.to_string(), PARENT);
    assert!(!parse(&PARENT.replace("-01", "-00")).is_sampled());
    assert_eq!(parse(&PARENT.replace("-01", "-ff")).to_string(), PARENT.replace("-01", "-03"), "flags that are known");
    assert_eq!(context.tracestate(), None);
    assert_eq!(context.clone().state("vendor=1").tracestate(), Some("vendor=1"));
    assert_eq!(context.state("").tracestate(), None, "an empty list is none");
}

#[test]
fn later_versions_are_read_as_far_as_they_are_known() {
    assert_eq!(parse(&PARENT.replacen("00-", "cc-", 1)).to_string(), PARENT);
    assert_eq!(parse(&format!("{}-what-comes", PARENT.replacen("00-", "cc-", 1))).to_string(), PARENT);
}

#[test]
fn an_invalid_traceparent_is_none() {
    let zero_trace = PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
    let zero_span = PARENT.replace("00f067aa0ba902b7", &"0".repeat(16));
    for invalid in [
        "",
        "00",
        &PARENT[..54],
        &format!("{PARENT}0"),
        &format!("{PARENT}-later"),
        &PARENT.replacen("00-", "ff-", 1),
        &format!("{}x", PARENT.replacen("00-", "cc-", 1)),
        &PARENT.to_uppercase(),
        &PARENT.replace('-', "_"),
        &PARENT.replace('4', "g"),
        &PARENT.replace("4bf9", "4bé"),
        &zero_trace,
        &zero_span,
    ] {
        assert_eq!(TraceContext::parse(invalid), None, "{invalid}");
    }
}

#[tokio::test]
async fn work_inside_a_scope_is_a_part_of_the_trace() {
    assert_eq!(TraceContext::current(), None);
    let inside = parse(PARENT).scope(async { TraceContext::current() }).await;
    assert_eq!(inside, Some(parse(PARENT)));
    assert_eq!(parse(PARENT).sync_scope(TraceContext::current), Some(parse(PARENT)));
    assert_eq!(TraceContext::current(), None, "it ends with its scope");
    assert!(!parse(PARENT).adopt(&Span::none()), "nobody ties spans to traces here");
}

/// Knows one span, and remembers the parents that it was told.
#[derive(Clone, Default)]
struct Fixed(Arc<Mutex<Vec<TraceContext>>>);

impl Tracer for Fixed {
    fn current(&self) -> Option<TraceContext> {
        TraceContext::new(1, 2, false)
    }

    fn adopt(&self, _: &Span, parent: &TraceContext) {
        self.0.lock().expect("not poisoned").push(parent.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn the_tracer_of_an_app_knows_better_also_in_groups_and_tasks() {
    let (tracer, seen) = (Fixed::default(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&seen);
    let service = async move |ctx: Context| {
        let in_scope = parse(PARENT).scope(async { TraceContext::current() }).await;
        let in_task = ctx.spawn(async { TraceContext::current() }).await?;
        told.lock().unwrap().extend([in_scope, in_task]);
        assert!(parse(PARENT).adopt(&span!(tracing::Level::INFO, "request")));
        Ok(())
    };
    let group = App::new("group").service("inner", service);
    run(App::new("shop").tracer(tracer.clone()).service("group", group)).await.expect("a clean end");
    let known = TraceContext::new(1, 2, false);
    assert_eq!(*seen.lock().unwrap(), [known.clone(), known]);
    assert_eq!(*tracer.0.lock().unwrap(), [parse(PARENT)]);
    assert_eq!(TraceContext::current(), None, "outside of services there is no app");
}
