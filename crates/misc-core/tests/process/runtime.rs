//! The same behaviour on every runtime, and with one of one's own.

use rustix::process::Signal;

use crate::subject::{Ended, SOON, Subject};

const IN_ORDER: &[&str] = &[
    "open db",
    "open cache",
    "a up",
    "b up",
    "subject is ready",
    "b down",
    "a down",
    "close cache",
    "close db",
    "kept dropped",
];

async fn end(scenario: &str) -> Ended {
    Subject::started(scenario, "subject is ready").await.end_by(Signal::TERM).await
}

#[tokio::test]
async fn sigterm_stops_a_current_thread_runtime() {
    end("current-thread").await.with_code(0).within(SOON).printed(IN_ORDER).reported("");
}

#[tokio::test]
async fn sigterm_stops_a_runtime_with_one_worker() {
    end("one-worker").await.with_code(0).within(SOON).printed(IN_ORDER).reported("");
}

#[tokio::test]
async fn sigterm_stops_a_run_inside_tokio_main() {
    let lines = [IN_ORDER, &["run returned Ok(())"]].concat();
    end("tokio-main").await.with_code(0).within(SOON).printed(&lines).reported("");
}

#[tokio::test]
async fn sigterm_stops_a_run_inside_tokio_main_on_one_thread() {
    let lines = [IN_ORDER, &["run returned Ok(())"]].concat();
    end("tokio-main-current-thread").await.with_code(0).within(SOON).printed(&lines).reported("");
}

#[tokio::test]
async fn one_sigterm_stops_two_apps() {
    let mut subject = Subject::start("twice");
    subject.prints_all(&["one is ready", "two is ready"]).await;
    let ended = subject.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).reported("").printed_last(&["run returned Ok(())"]);
    let closed = ended.out.iter().filter(|line| *line == "close db").count();
    assert_eq!(closed, 2, "{ended:#?}");
}

#[tokio::test]
async fn without_signals_the_default_action_stays() {
    let ended = end("without-signals").await;
    assert_eq!((ended.code, ended.signal), (None, Some(15)), "{ended:#?}");
    ended.within(SOON).printed_last(&["subject is ready"]);
}
