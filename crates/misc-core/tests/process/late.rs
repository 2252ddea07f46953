//! Who does not stop: each is dropped at its bound, named, and holds up neither the others nor the process.

use std::time::Duration;

use rustix::process::Signal;

use crate::subject::{Ended, FILE, HARD_END, SOON, Subject};

/// What the late service may take, and what it may take to let go.
const BOUND: Duration = Duration::from_millis(300);
const LET_GO: Duration = Duration::from_millis(500);
/// The total of the stop.
const TOTAL: Duration = Duration::from_secs(2);

/// The others are stopped in order although one is late.
const OTHERS: &[&str] = &["idle down", "close db", "kept dropped"];

async fn end(scenario: &str, started: &str) -> Ended {
    Subject::started(scenario, started).await.end_by(Signal::TERM).await
}

fn spawned(line: u32, column: u32) -> String {
    format!("\n  unfinished task spawned at {FILE}:{line}:{column}")
}

#[tokio::test]
async fn stuck_service_is_named_with_its_task() {
    let ended = end("stuck", "subject is ready").await;
    ended.with_code(70).not_before(BOUND).within(TOTAL);
    ended.printed_last(&[&["stuck dropped"], OTHERS].concat());
    let task = spawned(ended.number_after("task line "), 32);
    ended.reported(&format!("service `subject` (ready) had not stopped after TIME and was dropped{task}"));
}

#[tokio::test]
async fn stuck_service_of_a_group_is_named_by_its_path() {
    let ended = end("stuck-in-group", "subject is ready").await;
    ended.with_code(70).within(TOTAL).printed_last(&[&["stuck dropped", "inner down"], OTHERS].concat());
    ended.reported_among_others("service `subject/stuck` (ready) had not stopped after TIME and was dropped");
}

#[tokio::test]
async fn stuck_start_is_named() {
    let ended = end("stuck-start", "starting").await;
    ended.with_code(70).not_before(BOUND).within(TOTAL);
    ended.printed_last(&[&["stuck start dropped"], OTHERS].concat());
    ended.reported("service `subject` (starting) had not stopped after TIME and was dropped");
}

#[tokio::test]
async fn stuck_open_is_named() {
    let ended = end("stuck-open", "open blocks").await;
    ended.with_code(70).not_before(BOUND + LET_GO).within(HARD_END).printed_last(OTHERS);
    ended.reported(
        "service `subject` (starting) had not stopped after TIME and was dropped; \
         it did not yield: it blocks a thread or never awaits",
    );
}

#[tokio::test]
async fn stuck_blocking_thread_is_named_with_its_task() {
    let ended = end("stuck-thread", "subject is ready").await;
    ended.with_code(70).not_before(BOUND + LET_GO).within(HARD_END).printed_last(OTHERS);
    let task = spawned(ended.number_after("task line "), 24);
    ended.reported(&format!(
        "service `subject` (ready) had not stopped after TIME and was dropped; \
         it did not yield: it blocks a thread or never awaits{task}"
    ));
}

#[tokio::test]
async fn stuck_close_does_not_keep_the_others_open() {
    let ended = end("stuck-close", "subject is ready").await;
    ended.with_code(70).within(HARD_END + SOON);
    ended.printed_last(&["idle down", "closing cache", "close of cache dropped", "close db"]);
    ended.reported("service `cache` (ready) had not stopped after TIME and was dropped");
}

#[tokio::test]
async fn late_service_leaves_the_others_time_to_stop() {
    let ended = end("stuck-without-bound", "subject is ready").await;
    ended.with_code(70).not_before(TOTAL / 2).within(HARD_END);
    ended.printed_last(&[&["stuck dropped"], OTHERS].concat());
    ended.reported("service `subject` (ready) had not stopped after TIME and was dropped");
}

/// Holds one of two workers while the other one sleeps, so that nobody fetches what the first one has to do.
async fn blocks_when_ready(scenario: &str, up: &[&str], down: &[&str]) {
    let ended = end(scenario, "subject is ready").await;
    ended.with_code(70).not_before(BOUND + LET_GO).within(HARD_END);
    ended.printed(&[&["open db"], up, &["subject is ready"], down, &["close db", "kept dropped"]].concat());
    ended.reported(
        "service `subject` (ready) had not stopped after TIME and was dropped; \
         it did not yield: it blocks a thread or never awaits",
    );
}

#[tokio::test]
async fn service_that_blocks_once_it_is_ready_holds_up_neither_the_next_start_nor_the_stop() {
    blocks_when_ready("blocks-when-ready", &["idle up"], &["idle down"]).await;
}

#[tokio::test]
async fn service_of_a_group_that_blocks_once_it_is_ready_holds_up_neither_the_next_start_nor_the_stop() {
    let ended = end("blocks-in-group", "subject is ready").await;
    ended.with_code(70).not_before(BOUND + LET_GO).within(HARD_END);
    ended.printed(&["open db", "idle up", "subject is ready", "idle down", "close db", "kept dropped"]);
    ended.reported_among_others("service `g/subject` (ready) had not stopped after TIME and was dropped;");
}

#[tokio::test]
async fn last_service_that_blocks_once_it_is_ready_does_not_hold_up_the_stop() {
    blocks_when_ready("blocks-when-ready-last", &[], &[]).await;
}

#[tokio::test]
async fn wedged_services_in_a_row_leave_the_resources_time_to_close() {
    let ended = end("wedged-in-a-row", "subject is ready").await;
    ended.with_code(70).within(HARD_END + SOON).printed_last(&["close db"]);
    for name in ["one", "two", "three"] {
        ended.reported_among_others(&format!("service `{name}` (ready) had not stopped after TIME and was dropped;"));
    }
}

#[tokio::test]
async fn child_process_of_a_late_service_is_no_orphan() {
    // The child prints where its parent does, so the end is not the end before the child has ended, too.
    let ended = end("child", "stubborn up").await;
    ended.with_code(70).not_before(BOUND).within(TOTAL).printed_last(OTHERS);
}

/// Nothing runs any more but the thread of the signals.
async fn wedged_workers_end_hard(scenario: &str, workers: usize) {
    let subject = Subject::started(scenario, "task line ").await;
    let ended = subject.end_by(Signal::TERM).await;
    ended.with_code(70).not_before(HARD_END).within(HARD_END + SOON).printed_last(&["kept dropped"]);
    let tasks = spawned(ended.number_after("task line "), 28).repeat(workers);
    ended.reported_among_others(&format!("did not yield: it blocks a thread or never awaits{tasks}"));
    ended.reported_among_others("after it began to stop, and ends hard\nservice `subject` (");
    ended.reported_among_others("left behind, neither stopped nor closed: `db` (ready), `idle` (ready)");
}

#[tokio::test]
async fn wedged_workers_are_named_and_do_not_hold_the_process() {
    let ended = Subject::started("wedged", "task line ").await.end_by(Signal::TERM).await;
    ended.with_code(70).within(HARD_END + SOON).printed_last(&["kept dropped"]);
    let tasks = spawned(ended.number_after("task line "), 28).repeat(2);
    ended.reported_among_others(&format!("did not yield: it blocks a thread or never awaits{tasks}"));
}

#[tokio::test]
async fn wedged_current_thread_ends_hard_in_main() {
    wedged_workers_end_hard("wedged-current-thread", 1).await;
}

#[tokio::test]
async fn wedged_current_thread_ends_hard_in_run() {
    wedged_workers_end_hard("tokio-main-wedged", 1).await;
}

#[tokio::test]
async fn stuck_blocking_thread_does_not_hold_a_runtime_of_ones_own() {
    let ended = end("tokio-main-stuck-thread", "subject is ready").await;
    ended.with_code(70).within(HARD_END + SOON);
    ended.reported_among_others("it did not yield: it blocks a thread or never awaits");
}

#[tokio::test]
async fn kept_value_that_hangs_is_the_reason_of_the_hard_end() {
    let ended = Subject::start("kept-hangs").end().await;
    ended.with_code(70).not_before(HARD_END).within(HARD_END + SOON).printed(&["done", "hanging"]);
    ended.reported_among_others("kept");
    assert!(!ended.err.contains("stopped cleanly"), "{ended:#?}");
}

#[tokio::test]
async fn hard_end_is_not_held_by_logs_that_do_not_get_through() {
    end("held-stderr", "holding").await.with_code(70).within(HARD_END + SOON);
}
