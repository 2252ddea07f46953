//! Captured logs: this test's own, and all of them.

use std::io;

use misc_core::Context;
use misc_test::{Logs, TestApp};
use tracing::{Level, debug, error, info, info_span, trace, warn};

use crate::support::{check_says, idle, panic_in, panic_of};

#[test]
fn a_line_has_its_level_target_message_fields_and_spans() {
    let logs = Logs::capture();
    let span = info_span!("request", id = 7);
    let _entered = span.entered();
    info_span!("query").in_scope(|| warn!(target: "db", rows = 3, table = "jobs", "slow {}", "query"));
    let line = &logs.lines()[0];
    assert_eq!((line.level(), line.target(), line.message()), (Level::WARN, "db", "slow query"));
    assert_eq!((line.field("rows"), line.field("table"), line.field("cost")), (Some("3"), Some("jobs"), None));
    assert_eq!(line.spans(), ["request", "query"]);
    assert_eq!(line.to_string(), "WARN db{request}{query}: slow query rows=3 table=jobs");
}

#[test]
fn a_value_is_shown_as_it_was_logged() {
    let logs = Logs::capture();
    let error = io::Error::other("no luck");
    error!(debug = ?"text", display = %"text", error = &error as &dyn std::error::Error, flag = true, "values");
    logs.assert_logged(r#"values debug="text" display=text error=no luck flag=true"#);
}

#[test]
fn lines_of_every_level_are_captured_and_filtered() {
    let logs = Logs::capture();
    trace!("a");
    debug!("b");
    info!("c");
    warn!("d");
    error!("e");
    let messages = |level| logs.at_least(level).iter().map(|line| line.message().to_owned()).collect::<String>();
    assert_eq!([Level::TRACE, Level::INFO, Level::WARN, Level::ERROR].map(messages), ["abcde", "cde", "de", "e"]);
}

#[tokio::test]
async fn what_an_app_logs_is_captured() {
    let logs = Logs::capture();
    let app = TestApp::service(async |ctx: Context| {
        ctx.spawn(async { info!("from a task") }).await?;
        idle(ctx).await
    })
    .await;
    app.stop().await.assert_ok();
    logs.assert_logged("from a task");
    logs.assert_logged("service ready service=service");
    logs.assert_not_logged("WARN");
}

#[test]
fn a_missing_line_is_told_with_all_there_are() {
    let logs = Logs::capture();
    check_says(&panic_in(|| logs.assert_logged("gone")), &["`gone` was not logged", "nothing was logged"]);
    info!(answer = 42, "here");
    check_says(&panic_in(|| logs.assert_logged("gone")), &["what was logged:\n  INFO it::logs: here answer=42"]);
    check_says(&panic_in(|| logs.assert_not_logged("here")), &["`here` was logged", "answer=42"]);
}

#[tokio::test]
async fn a_line_is_waited_for() {
    let logs = Logs::capture();
    let app = TestApp::service(async |ctx: Context| {
        ctx.ready();
        ctx.app().stopping().await;
        info!("cleaning up");
        Ok(())
    })
    .await;
    logs.assert_not_logged("cleaning up");
    drop(app.handle().shutdown());
    logs.until("cleaning up").await;
    app.ended().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_come_fails_the_test() {
    let logs = Logs::capture();
    check_says(&panic_of(logs.until("nothing")).await, &["`nothing` was not logged within 3600s"]);
}

#[test]
fn each_test_has_its_own() {
    let logs = Logs::capture();
    let others = std::thread::spawn(|| {
        let logs = Logs::capture();
        info!("there");
        logs.assert_logged("there");
        logs.lines().len()
    });
    assert_eq!(others.join().unwrap(), 1);
    info!("here");
    assert_eq!(logs.lines().len(), 1);
}

#[test]
fn a_thread_that_captures_nothing_does_not_silence_a_line() {
    fn log() {
        info!("heard");
    }
    let logs = Logs::capture();
    // The first that comes to the line is a thread that does not care for it.
    std::thread::spawn(log).join().unwrap();
    log();
    assert_eq!(logs.lines().len(), 1);
}

#[test]
fn nothing_is_captured_any_more_after_its_end() {
    let outer = Logs::capture();
    let inner = Logs::capture();
    info!("inner");
    drop(inner);
    info!("outer");
    outer.assert_logged("outer");
    outer.assert_not_logged("inner");
}

#[test]
fn captures_that_end_out_of_order_are_a_mistake() {
    let outer = Logs::capture();
    let _inner = Logs::capture();
    check_says(&panic_in(|| drop(outer)), &["captured later", "still there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_threads_cannot_be_captured() {
    check_says(&panic_in(Logs::capture), &["logs are captured on one thread", "`#[tokio::test]`"]);
}
