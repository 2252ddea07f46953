//! What a process says when something fails, and which code it ends with.

use rustix::process::Signal;

use crate::subject::{Ended, FILE, SOON, Subject};

const CHAIN: &str = "
  caused by: cannot reach the database
  caused by: connection refused
  caused by: no route to host";

const STOPPED: &[&str] = &["b down", "a down", "close cache", "close db", "kept dropped"];

async fn end(scenario: &str) -> Ended {
    Subject::start(scenario).end().await
}

async fn check(scenario: &str, code: i32, out: &[&str], err: &str) {
    end(scenario).await.with_code(code).within(SOON).printed(out).reported(err);
}

#[tokio::test]
async fn failing_service_exits_1_with_its_chain() {
    let ended = end("fails").await;
    ended.with_code(1).within(SOON).printed_last(STOPPED).reported(&format!("service `api` failed{CHAIN}"));
}

#[tokio::test]
async fn failing_service_of_a_group_is_named_by_its_path() {
    let ended = end("fails-in-group").await;
    ended.with_code(1).within(SOON).printed_last(STOPPED).reported(&format!("service `group/api` failed{CHAIN}"));
}

#[tokio::test]
async fn failed_start_stops_what_was_started() {
    let ended = end("fails-at-start").await;
    ended.with_code(1).within(SOON).reported(&format!("service `api` failed{CHAIN}"));
    ended.printed(&[&["open db", "open cache", "a up", "b up"], STOPPED].concat());
}

#[tokio::test]
async fn late_start_is_a_failed_start() {
    let ended = end("never-ready").await;
    ended.with_code(1).within(SOON).printed(&[&["open db", "open cache", "a up", "b up"], STOPPED].concat()).reported(
        "service `api` failed\n  caused by: `api` was not ready within 200ms: it never called `ctx.ready()`; \
         call it once the service is up, or raise `start_within`",
    );
}

#[tokio::test]
async fn panic_of_a_service_says_where_and_who() {
    let ended = end("panics").await;
    let line = ended.number_after("panic line ");
    ended.with_code(1).within(SOON).printed_last(STOPPED);
    ended.reported_among_others(&format!("panicked at {FILE}:{line}:"));
    ended.reported_among_others("service `api` failed\n  caused by: panicked: out of cheese");
}

#[tokio::test]
async fn panic_of_a_task_says_where_and_whose() {
    let ended = end("task-panics").await;
    let line = ended.number_after("panic line ");
    ended.with_code(1).within(SOON).printed_last(STOPPED);
    ended.reported_among_others(&format!("panicked at {FILE}:{line}:"));
    let told = format!("service `api` failed\n  caused by: a task spawned at {FILE}:{line}:");
    ended.reported_among_others(&told);
    ended.reported_among_others(" panicked: out of cheese");
}

#[tokio::test]
async fn panic_of_the_set_up_says_where() {
    let ended = end("set-up-panics").await;
    let line = ended.number_after("panic line ");
    ended.with_code(1).within(SOON);
    ended.reported_among_others(&format!("panicked at {FILE}:{line}:"));
    ended.reported_among_others("error: panicked: out of cheese");
}

#[tokio::test]
async fn panic_before_the_set_up_is_a_future_is_its_failure_too() {
    let ended = end("set-up-panics-at-once").await;
    ended.with_code(1).within(SOON).reported_among_others("error: panicked: out of cheese");
}

#[tokio::test]
async fn failed_set_up_exits_1_with_its_chain() {
    let text = format!("error: {}", CHAIN.trim_start().trim_start_matches("caused by: "));
    check("set-up-fails", 1, &[], &text).await;
}

#[tokio::test]
async fn failed_set_up_waits_for_no_thread() {
    let ended = end("set-up-fails-with-thread").await;
    ended.with_code(1).within(SOON).reported_among_others("error: cannot reach the database");
}

#[tokio::test]
async fn exit_from_the_set_up_is_all_that_is_printed() {
    check("exit", 78, &[], "PORT=x: not a port").await;
}

#[tokio::test]
async fn exit_0_prints_where_output_belongs() {
    check("help", 0, &["Usage: subject <SCENARIO>"], "").await;
}

#[tokio::test]
async fn exit_inside_another_error_chooses_the_code_and_leaves_the_chain() {
    let text = "error: cannot read the configuration\n  caused by: PORT=x: not a port";
    check("exit-inside", 78, &[], text).await;
}

#[tokio::test]
async fn exit_in_the_chain_of_a_service_chooses_the_code() {
    let ended = end("fails-with-exit").await;
    ended.with_code(75).within(SOON).printed_last(STOPPED);
    ended.reported("service `api` failed\n  caused by: cannot serve\n  caused by: come again");
}

#[tokio::test]
async fn refused_app_starts_nothing() {
    let text = "error: app `subject` cannot start; nothing was started\n  - two services are named `a`; rename one";
    check("refused", 1, &["kept dropped"], text).await;
}

#[tokio::test]
async fn empty_app_is_refused() {
    let text = "error: app `subject` cannot start; nothing was started\n  \
                - it has no services; register one with `.service(name, ..)`";
    check("empty", 1, &["kept dropped"], text).await;
}

#[tokio::test]
async fn kept_values_are_dropped_last_when_all_is_done() {
    check("done", 0, &["open db", "done", "close db", "kept dropped"], "").await;
}

#[tokio::test]
async fn panic_of_a_kept_value_spares_the_others() {
    let ended = Subject::started("kept-panics", "idle up").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON);
    ended.printed(&["idle up", "idle down", "panicking", "first kept dropped"]);
}

/// A log on a full disk: nobody reads the report, but the code still tells.
#[cfg(target_os = "linux")]
#[test]
fn full_disk_does_not_change_how_a_failure_ends() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = std::process::Command::new(crate::subject::program());
    let status = command.arg("fails").stdout(std::process::Stdio::null()).stderr(full).status();
    assert_eq!(status.expect("it runs").code(), Some(1));
}
