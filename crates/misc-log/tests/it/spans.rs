//! The spans around a line.

use misc_log::Format;
use tracing::{field::Empty, info, info_span};

use crate::support::{Logged, line, object};

#[test]
fn a_field_that_is_recorded_again_is_replaced() {
    let work = || {
        let span = info_span!("request", status = Empty, id = 1, path = "/a").entered();
        span.record("status", 200).record("status", 404).record("id", "two words");
        info!("done");
    };
    let expected = serde_json::json!({ "path": "/a", "status": 404, "id": "two words" });
    assert_eq!(object(work)["spans"][0]["fields"], expected);
    assert!(line(Format::Compact, work).ends_with(r#"in request{path=/a status=404 id="two words"}"#));
}

#[test]
fn spans_are_left_out_where_that_is_configured() {
    let logged = Logged::with(|config| (config.format, config.spans) = (Format::Json, false));
    logged.run(|| {
        let _span = info_span!("request", trace_id = "t1", id = 1).entered();
        info!("done");
    });
    let line = logged.json().remove(0);
    assert_eq!((line.get("spans"), &line["trace_id"]), (None, &"t1".into()));
}

#[test]
fn an_explicit_parent_counts() {
    let line = object(|| {
        let other = info_span!("other", trace_id = "t1");
        let _current = info_span!("current").entered();
        info!(parent: &other, "done");
    });
    assert_eq!((&line["spans"][0]["name"], &line["trace_id"]), (&"other".into(), &"t1".into()));
}
