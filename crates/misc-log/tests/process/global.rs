//! What is global: the subscriber, the logger of the `log` crate, the panic hook.

use serde_json::json;

use crate::subject::{Dir, Subject, command};

#[test]
fn a_second_initialisation_is_an_error() {
    let ended = Subject::start("twice", &json!({})).end();
    ended.with_code(1);
    assert_eq!(ended.out, "true\n");
    assert_eq!(ended.lines()[0]["message"], "still here");
    assert!(ended.err.contains("the process has a tracing subscriber already"), "{ended:#?}");
}

#[test]
fn a_failed_initialisation_leaves_nothing_behind() {
    let ended = Subject::start("bad-then-good", &json!({})).end();
    ended.with_code(0);
    assert_eq!(ended.out, "true\n");
    let messages: Vec<_> = ended.lines().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["after all"]);
}

#[test]
fn a_foreign_subscriber_is_left_in_peace() {
    let ended = Subject::start("foreign", &json!({})).end();
    ended.with_code(0);
    assert_eq!((&*ended.out, &*ended.log), ("true\nOFF\n", ""));
}

#[test]
fn a_foreign_logger_is_left_in_peace() {
    let dir = Dir::new();
    let ended = Subject::start("foreign-logger", &json!({ "output": dir.file("empty") })).end();
    ended.with_code(0);
    assert_eq!(ended.out, "true\n");
    // The `log` crate does not tell before that it has a logger, so the file was made.
    assert_eq!(std::fs::read_to_string(dir.file("empty")).unwrap(), "");
}

/// What the program says with a filter in the environment, and how many of its lines are on the log.
fn with_environment(filter: &str, settings: &serde_json::Value) -> (String, usize) {
    let mut command = command("end", settings);
    let output = command.env("RUST_LOG", filter).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (err.clone(), err.lines().filter(|line| line.contains("line number=")).count())
}

#[test]
fn the_filter_of_the_environment_counts_where_none_is_configured() {
    assert_eq!(with_environment("warn", &json!({})).1, 0);
    assert_eq!(with_environment("", &json!({})).1, 1000);
    assert_eq!(with_environment("off", &json!({ "filter": "info" })).1, 1000);
}

#[test]
fn a_bad_filter_of_the_environment_is_named() {
    let (err, _) = with_environment("info,x=y", &json!({}));
    assert!(err.contains("bad log filter `info,x=y` in RUST_LOG: `x=y` at column 6: `y` is no level"), "{err}");
}

#[test]
fn a_value_that_logs_while_it_is_shown_has_a_line_of_its_own() {
    let ended = Subject::start("nested", &json!({})).end();
    let messages: Vec<_> = ended.lines().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["inner", "outer"]);
    assert_eq!(ended.lines()[1]["value"], "shown");
}

#[test]
fn records_of_the_log_crate_are_lines_like_others() {
    let ended = Subject::start("log-crate", &json!({})).end();
    let lines = ended.lines();
    let fields = |line: &serde_json::Value| (line["target"].clone(), line["message"].clone());
    assert_eq!(fields(&lines[0]), ("old::place".into(), "from the `log` crate".into()));
    assert_eq!(fields(&lines[1]), ("old::place".into(), "fine enough".into()));
    assert_eq!(lines.len(), 2, "{ended:#?}");
    assert_eq!(lines[0].as_object().unwrap().len(), 4, "{ended:#?}");
}
