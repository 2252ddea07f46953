//! The ids of traces and spans on each line.

use misc_log::Format;
use tracing::{field::Empty, info, info_span};

use crate::support::{Logged, line, object};

#[test]
fn ids_are_those_of_the_nearest_span_that_has_them() {
    let line = object(|| {
        let _root = info_span!("root", trace_id = "t1", span_id = "s1").entered();
        let _request = info_span!("request", span_id = %"s2").entered();
        let _query = info_span!("query", table = "orders").entered();
        info!("found");
    });
    assert_eq!((&line["trace_id"], &line["span_id"]), (&"t1".into(), &"s2".into()));
    assert_eq!(line["spans"][0]["fields"], serde_json::json!({}));
}

#[test]
fn ids_may_be_recorded_later() {
    let logged = Logged::new(Format::Json);
    logged.run(|| {
        let request = info_span!("request", trace_id = Empty).entered();
        info!("without");
        request.record("trace_id", "t1");
        info!("with");
    });
    let lines = logged.json();
    assert_eq!((lines[0].get("trace_id"), &lines[1]["trace_id"]), (None, &"t1".into()));
}

#[test]
fn ids_of_the_event_itself_count() {
    let line = object(|| {
        let _request = info_span!("request", trace_id = "t1", span_id = "s1").entered();
        info!(trace_id = "t2", "linked");
    });
    assert_eq!((&line["trace_id"], &line["span_id"]), (&"t2".into(), &"s1".into()));
}

#[test]
fn ids_are_on_lines_of_text_once() {
    let shown = line(Format::Compact, || {
        let _request = info_span!("request", trace_id = "t1", span_id = "s1", id = 3).entered();
        info!(rows = 1, "found");
    });
    assert_eq!(shown, " INFO it::ids: found rows=1 trace_id=t1 span_id=s1 in request{id=3}");
}

#[test]
fn lines_outside_of_spans_have_no_ids() {
    let line = object(|| info!("alone"));
    assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
}

#[test]
fn a_field_without_a_value_takes_nothing_away() {
    let line = object(|| {
        let _request = info_span!("request", trace_id = "t1", span_id = "s1").entered();
        info!(trace_id = None::<&str>, "answered");
    });
    assert_eq!((&line["trace_id"], &line["span_id"]), (&"t1".into(), &"s1".into()));
}

#[test]
fn an_id_that_fails_to_show_itself_is_missing() {
    struct Broken;

    impl std::fmt::Debug for Broken {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }

    let line = object(|| {
        let _request = info_span!("request", trace_id = ?Broken).entered();
        info!("answered");
    });
    assert_eq!((line.get("trace_id"), &line["message"]), (None, &"answered".into()));
}
