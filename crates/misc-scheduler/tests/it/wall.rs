//! Triggers of the wall clock, through clock changes of several zones.

use misc_scheduler::{Misfire, Trigger, at, cron, daily, every};

use crate::subject::{MS, Notes, SECS, pass, run_for, scheduler_at, start, time};

const DAY: u64 = 86_400;

/// For when runs were planned, from a time on, for so many seconds.
async fn due(from: &str, seconds: u64, trigger: impl Into<Trigger>) -> Vec<String> {
    let notes = Notes::new();
    run_for(scheduler_at(from).add(notes.task("task", trigger)), SECS(seconds)).await;
    // None early, none late.
    let start = time(from);
    for (due, began) in notes.due().iter().zip(notes.began()) {
        let late = began.checked_sub(time(due).duration_since(start).unwrap().as_millis());
        assert!(late.is_some_and(|late| late <= 1), "{due} {late:?}");
    }
    notes.due()
}

#[tokio::test(start_paused = true)]
async fn a_daily_task_keeps_its_local_time_through_clock_changes() {
    let table = [
        // Forward at 2027-03-28T01:00Z, so 09:00 moves from 08:00Z to 07:00Z.
        ("2027-03-26T12:00:00Z", "Europe/Berlin", "09:00", ["2027-03-27T08:00:00Z", "2027-03-28T07:00:00Z"]),
        ("2027-10-29T12:00:00Z", "Europe/Berlin", "09:00", ["2027-10-30T07:00:00Z", "2027-10-31T08:00:00Z"]),
        ("2027-03-12T20:00:00Z", "America/New_York", "09:00", ["2027-03-13T14:00:00Z", "2027-03-14T13:00:00Z"]),
        ("2027-11-05T20:00:00Z", "America/New_York", "09:00", ["2027-11-06T13:00:00Z", "2027-11-07T14:00:00Z"]),
        ("2027-04-02T12:00:00Z", "Australia/Lord_Howe", "09:00", ["2027-04-02T22:00:00Z", "2027-04-03T22:30:00Z"]),
        ("2027-07-01T12:00:00Z", "Asia/Shanghai", "09:00", ["2027-07-02T01:00:00Z", "2027-07-03T01:00:00Z"]),
    ];
    for (from, zone, time, expected) in table {
        assert_eq!(due(from, 2 * DAY, daily(time).tz(zone)).await, expected, "{from} {zone}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_skipped_runs_right_after_and_one_that_is_repeated_runs_once() {
    let spring = due("2027-03-27T12:00:00Z", 2 * DAY, daily("02:30").tz("Europe/Berlin")).await;
    assert_eq!(spring, ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]);
    let autumn = due("2027-10-30T12:00:00Z", 2 * DAY, daily("02:30").tz("Europe/Berlin")).await;
    assert_eq!(autumn, ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn wildcards_follow_the_clock() {
    let autumn = due("2027-10-30T23:59:00Z", 2 * 3600, cron("*/30 * * * *").tz("Europe/Berlin")).await;
    assert_eq!(
        autumn,
        ["2027-10-31T00:00:00Z", "2027-10-31T00:30:00Z", "2027-10-31T01:00:00Z", "2027-10-31T01:30:00Z"]
    );
}

#[tokio::test(start_paused = true)]
async fn cron_has_names_seconds_and_the_last_day() {
    let weekdays = cron("0 9 * * MON-FRI").tz("Asia/Shanghai");
    assert_eq!(due("2027-01-01T02:00:00Z", 4 * DAY, weekdays).await, ["2027-01-04T01:00:00Z", "2027-01-05T01:00:00Z"]);
    assert_eq!(
        due("2027-01-01T00:00:00Z", 60, cron("15,45 * * * * *")).await,
        ["2027-01-01T00:00:15Z", "2027-01-01T00:00:45Z"]
    );
    let last = cron("0 12 L * *");
    assert_eq!(due("2027-01-15T00:00:00Z", 50 * DAY, last).await, ["2027-01-31T12:00:00Z", "2027-02-28T12:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn an_aligned_task_runs_at_multiples_of_its_period() {
    let quarter = every(SECS(900)).aligned();
    assert_eq!(due("2027-01-01T00:07:12Z", 2_000, quarter).await, ["2027-01-01T00:15:00Z", "2027-01-01T00:30:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn an_interval_may_start_at_a_time_of_day() {
    let daily = every(SECS(DAY)).starting_at("09:00").tz("Europe/Berlin");
    assert_eq!(due("2027-03-27T12:00:00Z", 2 * DAY, daily).await, ["2027-03-28T07:00:00Z", "2027-03-29T07:00:00Z"]);
    let seven_hours = every(SECS(7 * 3600)).starting_at("09:00");
    assert_eq!(
        due("2027-01-01T10:00:00Z", 40 * 3600, seven_hours).await,
        ["2027-01-02T09:00:00Z", "2027-01-02T16:00:00Z", "2027-01-02T23:00:00Z"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_moment_fires_once_and_one_in_the_past_does_not() {
    assert_eq!(due("2027-01-01T00:00:00Z", DAY, at("2027-01-01T09:00:00+01:00")).await, ["2027-01-01T08:00:00Z"]);
    assert_eq!(due("2027-01-01T00:00:00Z", DAY, at(time("2026-12-31T23:00:00Z"))).await, [] as [&str; 0]);
    assert_eq!(due("2027-01-01T00:00:00Z", DAY, at(time("2027-01-01T00:00:00Z"))).await, ["2027-01-01T00:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_is_an_end() {
    let until = cron("0 * * * *").until("2027-01-01T02:00:00Z");
    assert_eq!(due("2027-01-01T00:30:00Z", DAY, until).await, ["2027-01-01T01:00:00Z", "2027-01-01T02:00:00Z"]);
    let limited = every(SECS(3600)).until("2027-01-01T02:00:00Z");
    assert_eq!(due("2027-01-01T00:30:00Z", DAY, limited).await, ["2027-01-01T01:30:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn every_other_day_is_the_same_days_after_a_restart() {
    let other = || daily("09:00").every_days(2).starting("2027-01-02");
    let expected = ["2027-01-02T09:00:00Z", "2027-01-04T09:00:00Z"];
    assert_eq!(due("2027-01-01T00:00:00Z", 4 * DAY, other()).await, expected);
    assert_eq!(due("2027-01-03T00:00:00Z", 2 * DAY, other()).await, expected[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_run_knows_for_when_it_was_planned_also_when_it_is_late() {
    let notes = Notes::new();
    let task = notes.task("task", daily("09:00")).misfire(Misfire::All);
    let scheduler = scheduler_at("2027-01-01T08:00:00Z").add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.pause("task").unwrap();
    tokio::time::sleep(SECS(DAY + 7_200)).await;
    tasks.resume("task").unwrap();
    pass(MS(10)).await;
    // The first one is made up for, the second meets it: it is skipped.
    assert_eq!(notes.due(), ["2027-01-01T09:00:00Z"]);
    assert_eq!(tasks.status("task").unwrap().skipped, 1);
    app.stop().await.assert_clean().await;
}
