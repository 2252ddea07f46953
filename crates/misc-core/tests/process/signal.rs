//! What each signal means, at each moment of a process.

use std::time::Duration;

use rustix::process::Signal;

use crate::subject::{HARD_END, SOON, Subject};

const ORDINARY_START: &[&str] = &["open db", "open cache", "a up", "b up", "subject is ready"];
const ORDINARY_STOP: &[&str] = &["b down", "a down", "close cache", "close db", "kept dropped"];

async fn stops_in_order(signal: Signal) {
    let subject = Subject::started("ready", "subject is ready").await;
    let ended = subject.end_by(signal).await;
    ended.with_code(0).within(SOON).printed(&[ORDINARY_START, ORDINARY_STOP].concat()).reported("");
}

#[tokio::test]
async fn sigterm_stops_in_order() {
    stops_in_order(Signal::TERM).await;
}

#[tokio::test]
async fn sigint_stops_in_order() {
    stops_in_order(Signal::INT).await;
}

#[tokio::test]
async fn sighup_stops_where_nobody_asked_for_reloads() {
    stops_in_order(Signal::HUP).await;
}

#[tokio::test]
async fn sighup_reloads_where_somebody_asked() {
    let mut subject = Subject::started("reloads", "reloader up").await;
    for _ in 0..3 {
        subject.signal(Signal::HUP);
        subject.prints("reloaded").await;
    }
    let ended = subject.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).reported("");
    ended.printed(&["reloader up", "reloaded", "reloaded", "reloaded", "reloader down"]);
}

#[tokio::test]
async fn sigterm_during_the_set_up_exits_0() {
    let ended = Subject::started("set-up", "setting up").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).printed(&["setting up", "set-up dropped"]).reported("");
}

#[tokio::test]
async fn sigterm_during_the_set_up_waits_for_no_thread() {
    let ended = Subject::started("set-up-with-thread", "setting up").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).reported("");
}

#[tokio::test]
async fn sigterm_during_the_start_drops_a_pending_open() {
    let ended = Subject::started("opening", "open never").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).reported("");
    ended.printed(&["open db", "open never", "open of never dropped", "close db", "kept dropped"]);
}

#[tokio::test]
async fn sigterm_during_the_start_reaches_who_is_starting() {
    let ended = Subject::started("starting", "slow starts").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).reported("");
    ended.printed(&["open db", "slow starts", "slow gave up", "close db", "kept dropped"]);
}

async fn second_signal_ends_at_once(signal: Signal, code: i32) {
    let mut subject = Subject::started("stubborn", "stubborn up").await;
    subject.signal(Signal::TERM);
    subject.prints("stubborn stays").await;
    let ended = subject.end_by(signal).await;
    ended.with_code(code).within(SOON).reported_among_others("a second time: the process ends at once");
    ended.printed(&["open db", "stubborn up", "stubborn stays", "kept dropped"]);
}

#[tokio::test]
async fn second_sigterm_ends_at_once() {
    second_signal_ends_at_once(Signal::TERM, 143).await;
}

#[tokio::test]
async fn second_sigint_ends_at_once() {
    second_signal_ends_at_once(Signal::INT, 130).await;
}

#[tokio::test]
async fn second_sighup_ends_at_once() {
    second_signal_ends_at_once(Signal::HUP, 129).await;
}

#[tokio::test]
async fn second_signal_during_a_blocking_set_up_ends_at_once() {
    let mut subject = Subject::started("set-up-blocks", "setting up").await;
    subject.signal(Signal::TERM);
    // Another one, since two of a kind may arrive as one.
    let ended = subject.end_by(Signal::INT).await;
    // Either one may be seen first.
    assert!(matches!(ended.code, Some(130 | 143)), "{ended:#?}");
    ended.within(SOON).printed(&["setting up"]);
}

#[tokio::test]
async fn kept_value_that_hangs_does_not_hold_the_second_signal() {
    let mut subject = Subject::started("stubborn-kept", "stubborn up").await;
    subject.signal(Signal::TERM);
    subject.prints("stubborn stays").await;
    let ended = subject.end_by(Signal::TERM).await;
    ended.with_code(143).not_before(Duration::from_millis(200)).within(SOON);
    ended.printed(&["open db", "stubborn up", "stubborn stays", "last kept dropped", "hanging"]);
}

#[tokio::test]
async fn second_signal_is_not_held_by_logs_that_do_not_get_through() {
    let mut subject = Subject::started("held-stderr", "holding").await;
    subject.signal(Signal::TERM);
    let ended = subject.end_by(Signal::INT).await;
    // Either one may be seen first.
    assert!(matches!(ended.code, Some(130 | 143)), "{ended:#?}");
    ended.within(HARD_END);
}

#[tokio::test]
async fn app_of_resources_runs_until_it_is_stopped() {
    let ended = Subject::started("only-resources", "subject is ready").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).printed(&["open db", "subject is ready", "close db"]).reported("");
}

#[tokio::test]
async fn stop_without_a_bound_is_a_stop() {
    let ended = Subject::started("no-bounds", "subject is ready").await.end_by(Signal::TERM).await;
    ended.with_code(0).within(SOON).printed(&[ORDINARY_START, ORDINARY_STOP].concat()).reported("");
}
