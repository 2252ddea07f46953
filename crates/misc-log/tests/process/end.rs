//! Every line is written, however the process ends.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use crate::subject::{Dir, Subject, command};

#[test]
fn all_lines_are_written_at_a_normal_end() {
    let ended = Subject::start("end", &json!({})).end();
    ended.with_code(0).has_all_lines();
    let last = ended.lines().pop().unwrap();
    assert_eq!((&last["target"], &last["message"]), (&"misc_core::lifecycle::log".into(), &"app stopped".into()));
}

#[test]
fn all_lines_are_written_when_a_service_panics() {
    let ended = Subject::start("panic", &json!({})).end();
    ended.with_code(1).has_all_lines();
    let panic = ended.lines().into_iter().find(|line| line["target"] == "panic").unwrap();
    assert_eq!((&panic["level"], &panic["message"]), (&"ERROR".into(), &"out of\ncheese".into()));
    assert_eq!((&panic["service"], &panic["thread"]), (&"logger".into(), &"misc-worker".into()));
    assert!(panic["location"].as_str().unwrap().starts_with("crates/misc-log/examples/log_subject.rs:"), "{panic}");
    assert!(panic.get("backtrace").is_none(), "{panic}");
    assert!(!ended.err.contains("thread 'misc-worker'"), "{ended:#?}");
}

#[test]
fn a_panic_is_written_before_anything_can_follow() {
    let ended = Subject::start("aborts", &json!({})).end();
    assert_eq!(ended.code, None);
    assert_eq!(ended.has_all_lines().lines().pop().unwrap()["target"], "panic");
}

#[test]
fn a_panic_that_the_filter_leaves_out_goes_to_the_hook_from_before() {
    let ended = Subject::start("panic", &json!({ "filter": "off" })).end();
    assert_eq!(ended.log, "");
    assert!(ended.err.contains("panicked at crates/misc-log/examples/log_subject.rs:"), "{ended:#?}");
}

/// Checks that a panic that is not on the log is told by the hook from before.
#[track_caller]
fn is_told_by_the_hook_from_before(scenario: &str, settings: &serde_json::Value) {
    let ended = Subject::start(scenario, settings).end();
    ended.with_code(0);
    assert_eq!(ended.log, "");
    assert!(ended.err.contains("panicked at crates/misc-log/examples/log_subject.rs:"), "{ended:#?}");
}

#[test]
fn another_layer_does_not_make_a_panic_vanish() {
    is_told_by_the_hook_from_before("panics-beside", &json!({ "filter": "off" }));
}

#[cfg(feature = "otel")]
#[test]
fn the_export_does_not_make_a_panic_vanish() {
    is_told_by_the_hook_from_before("panics", &json!({ "filter": "off", "otel": {} }));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_fails_does_not_make_a_panic_vanish() {
    is_told_by_the_hook_from_before("panics", &json!({ "output": "/dev/full" }));
}

#[test]
fn panics_are_not_limited() {
    let ended = Subject::start("panics", &json!({ "repeat_limit": { "lines": 1, "per": "1h" } })).end();
    let panics: Vec<_> = ended.lines().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(panics, ["first", "second"]);
}

#[test]
fn panics_are_left_to_others_where_that_is_configured() {
    let ended = Subject::start("panic", &json!({ "panic_hook": false })).end();
    assert!(ended.lines().iter().all(|line| line["target"] != "panic"), "{ended:#?}");
    assert!(ended.err.contains("panicked at crates/misc-log/examples/log_subject.rs:"), "{ended:#?}");
}

#[test]
fn a_backtrace_is_logged_when_it_is_asked_for() {
    let dir = Dir::new();
    let mut command = command("panic", &json!({ "format": "json", "output": dir.file("log") }));
    command.env("RUST_BACKTRACE", "1").output().unwrap();
    let log = fs::read_to_string(dir.file("log")).unwrap();
    let panic = log.lines().find(|line| line.contains("\"target\":\"panic\"")).unwrap();
    let panic: serde_json::Value = serde_json::from_str(panic).unwrap();
    assert!(panic["backtrace"].as_str().unwrap().contains("log_subject"), "{panic}");
}

#[test]
fn all_lines_are_written_when_a_second_signal_comes() {
    let mut subject = Subject::start("stays", &json!({}));
    subject.prints("stays");
    // Another one, since two of a kind may arrive as one.
    subject.signal(Signal::TERM);
    subject.signal(Signal::INT);
    let ended = subject.end();
    assert!(matches!(ended.code, Some(143 | 130)), "{ended:#?}");
    ended.has_all_lines();
    assert!(ended.log.contains("second signal: the process ends at once"), "{ended:#?}");
}

#[test]
fn all_lines_are_written_when_the_process_ends_hard() {
    let mut subject = Subject::start("wedged", &json!({}));
    subject.prints("wedged");
    subject.signal(Signal::TERM);
    let ended = subject.end();
    ended.with_code(70).has_all_lines();
    assert!(ended.lines().iter().any(|line| line["message"] == "the process ends hard"), "{ended:#?}");
}

#[test]
fn a_log_that_is_refused_later_has_written_its_lines() {
    Subject::start("refused", &json!({})).end().with_code(1).has_all_lines();
}
