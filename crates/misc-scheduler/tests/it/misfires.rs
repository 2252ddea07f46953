//! Firings that come too late: each policy, with exact counts.

use misc_scheduler::{Clock, Misfire, Overlap, Scheduler, Trigger, cron, every};

use crate::subject::{MS, Notes, SECS, pass, start, time};

/// A task that is due each 10 s is paused at 15 s and resumed at 65 s: when runs began within 94 s, and how many were missed.
async fn pause(trigger: impl Into<Trigger>, misfire: Misfire, grace: Option<u64>) -> (Vec<u128>, u64) {
    let notes = Notes::new();
    let task = notes.task("task", trigger).misfire(misfire).overlap(Overlap::QueueAll);
    let task = if let Some(grace) = grace { task.grace(SECS(grace)) } else { task };
    let scheduler = Scheduler::new().clock(Clock::starting_at(time("2027-01-01T00:00:00Z"))).add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(SECS(15)).await;
    tasks.pause("task").unwrap();
    assert_eq!(tasks.status("task").unwrap().next, None);
    tokio::time::sleep(SECS(50)).await;
    tasks.resume("task").unwrap();
    tokio::time::sleep(SECS(29)).await;
    let misfires = tasks.status("task").unwrap().misfires;
    app.stop().await.assert_clean().await;
    (notes.began(), misfires)
}

#[tokio::test(start_paused = true)]
async fn every_policy_has_its_exact_counts_after_a_pause() {
    let table = [
        (Misfire::Skip, None, vec![10, 70, 80, 90]),
        (Misfire::Once, None, vec![10, 65, 70, 80, 90]),
        (Misfire::All, None, vec![10, 65, 65, 65, 65, 65, 70, 80, 90]),
        (Misfire::All, Some(26), vec![10, 65, 65, 65, 70, 80, 90]),
        (Misfire::Once, Some(4), vec![10, 70, 80, 90]),
    ];
    for (misfire, grace, began) in table {
        let began: Vec<_> = began.into_iter().map(|second: u128| second * 1_000).collect();
        assert_eq!(pause(every(SECS(10)), misfire, grace).await, (began.clone(), 5), "{misfire:?} {grace:?}");
        let cron = cron("*/10 * * * * *");
        assert_eq!(pause(cron, misfire, grace).await, (began, 5), "{misfire:?} {grace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_was_missed_goes_on_from_there() {
    let table = [(Misfire::Skip, vec![10_000, 75_000, 85_000]), (Misfire::Once, vec![10_000, 65_000, 75_000, 85_000])];
    for (misfire, began) in table {
        assert_eq!(pause(every(SECS(10)).fixed_delay(), misfire, None).await, (began, 1), "{misfire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_an_overload() {
    let notes = Notes::new();
    let task = notes.task("task", every(SECS(1))).misfire(Misfire::Once);
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::advance(MS(60_500)).await;
    pass(SECS(1)).await;
    // The one that is half a second late is in time; it makes up for the others.
    assert_eq!(notes.began(), [60_500, 61_000]);
    assert_eq!(tasks.status("task").unwrap().misfires, 59);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn of_very_many_a_thousand_are_made_up_for() {
    let notes = Notes::new();
    let task = notes.task("task", every(MS(10))).misfire(Misfire::All).overlap(Overlap::Allow(10_000));
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.pause("task").unwrap();
    tokio::time::sleep(SECS(3_600)).await;
    tasks.resume("task").unwrap();
    tokio::time::sleep(MS(5)).await;
    assert_eq!((tasks.status("task").unwrap().misfires, notes.runs()), (359_999, 1_001));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_firing_of_a_cron_task_of_years_ago_costs_nothing() {
    let notes = Notes::new();
    let scheduler = Scheduler::new().add(notes.task("task", cron("* * * * * *")));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.pause("task").unwrap();
    tokio::time::sleep(SECS(3 * 365 * 86_400)).await;
    tasks.resume("task").unwrap();
    tokio::time::sleep(MS(5)).await;
    assert_eq!(notes.runs(), 1);
    assert!(tasks.status("task").unwrap().misfires > 1_000);
    app.stop().await.assert_clean().await;
}
