//! Which lines are written, and how that changes at run time.

use misc_log::{Config, Format, Setup};
use tracing::{Level, debug, enabled, error, info, info_span, trace, warn};

use crate::support::Logged;

/// Logs once at each level from the same five places.
fn log_all() {
    error!(target: "shop::http", "1");
    warn!(target: "shop::http", "2");
    info!(target: "shop::http", "3");
    debug!(target: "shop::http", "4");
    trace!(target: "shop::http", "5");
}

fn levels(logged: &Logged) -> usize {
    let before = logged.json().len();
    logged.run(log_all);
    logged.json().len() - before
}

fn logged(filter: &str) -> Logged {
    Logged::with(|config| {
        config.format = Format::Json;
        config.filter = Some(filter.to_owned());
    })
}

#[test]
fn a_changed_filter_holds_at_places_that_were_hit_before() {
    let logged = logged("info");
    let level = logged.log.level();
    assert_eq!(levels(&logged), 3);
    for (filter, expected) in
        [("trace", 5), ("warn", 2), ("off", 0), ("debug", 4), ("other=trace", 0), ("shop=info", 3)]
    {
        level.set(filter).unwrap();
        assert_eq!((levels(&logged), &*level.current()), (expected, filter));
    }
}

#[test]
fn enabled_follows_a_changed_filter() {
    let logged = logged("info");
    let level = logged.log.level();
    let enabled = || logged.run(|| (enabled!(Level::INFO), enabled!(Level::DEBUG)));
    assert_eq!(enabled(), (true, false));
    level.set("debug").unwrap();
    assert_eq!(enabled(), (true, true));
    level.set("error").unwrap();
    assert_eq!(enabled(), (false, false));
}

#[test]
fn a_filter_may_change_inside_a_span_that_it_is_about() {
    let logged = logged("warn,[request{id=7}]=debug");
    logged.run(|| {
        let span = info_span!("request", id = 7).entered();
        debug!("in");
        logged.log.level().set("info").unwrap();
        debug!("filtered");
        drop(span);
        info!("out");
    });
    let messages: Vec<_> = logged.json().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["in", "out"]);
}

#[track_caller]
fn refused(filter: &str, why: &str) {
    let mut config = Config::default();
    config.filter = Some(filter.to_owned());
    let error = Setup::new(config).build().unwrap_err();
    assert!(error.is_filter());
    let error = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error, format!("bad log filter `{filter}`: {why}"));
}

#[test]
fn bad_directives_are_named_with_their_columns() {
    refused(
        "info,sqlx=wrn",
        "`sqlx=wrn` at column 6: `wrn` is no level; the levels are off, error, warn, info, debug and trace",
    );
    refused(
        "é=debug, a=b=c,info, [x",
        "`a=b=c` at column 10: `c` is no level; the levels are off, error, warn, info, debug and trace; `[x` at \
         column 22: it is not understood; write `level`, `target`, `target=level` or \
         `target[span{field=value}]=level`",
    );
    refused(
        "warning",
        "`warning` at column 1: it is no level; the levels are off, error, warn, info, debug and trace (for a target \
         of that name write `warning=trace`)",
    );
}

#[test]
fn an_empty_filter_is_refused() {
    let why = "it is empty; write `off` to log nothing, or a level such as `info`";
    refused("", why);
    refused(" , ", why);
}

#[test]
fn a_refused_filter_changes_nothing() {
    let logged = logged("info");
    let level = logged.log.level();
    let error = level.set("debug,!").unwrap_err();
    assert!(error.to_string().contains("`!` at column 7"), "{error}");
    assert_eq!((levels(&logged), &*level.current()), (3, "info"));
}

#[test]
fn spaces_around_directives_do_not_matter() {
    let logged = logged(" warn ,  é=trace , shop=off");
    assert_eq!(logged.log.level().current(), "warn,é=trace,shop=off");
}

#[test]
fn a_handle_outlives_its_log() {
    let logged = logged("info");
    let level = logged.log.level();
    drop(logged);
    level.set("debug").unwrap();
    assert_eq!(level.current(), "info");
}

#[test]
fn a_directive_that_would_be_guessed_at_is_refused() {
    for filter in ["shop[req{id=a=b}]=info", "shop[[req]=info", "shop[req{{id}]=info"] {
        let error = logged("info").log.level().set(filter).unwrap_err().to_string();
        assert!(error.contains("it is not understood"), "{error}");
    }
}

#[test]
fn of_two_directives_about_one_span_the_later_counts() {
    let logged = logged("info");
    let level = logged.log.level();
    level.set("off,shop[req{id=x}]=trace,shop[req{id=x}]=warn").unwrap();
    assert_eq!(level.current(), "off,shop[req{id=x}]=warn");
}

#[test]
fn a_refusal_stays_on_its_line() {
    let error = logged("info").log.level().set("a=\nb\u{1b}[31m").unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}
