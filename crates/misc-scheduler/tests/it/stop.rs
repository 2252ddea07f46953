//! What a stop means for runs.

use misc_scheduler::{Next, OnFailure, OnStop, Overlap, Run, Scheduler, Task, every};
use misc_test::{Logs, TestApp};
use tokio::time::{Instant, timeout};
use tracing::Level;

use crate::subject::{MS, Notes, SECS, app, start};

/// Stops while a run that takes 5 s has 4 s to go: how long the stop takes, and how many runs end.
async fn stop(on_stop: OnStop) -> (u128, usize) {
    let notes = Notes::taking(SECS(5));
    let scheduler = Scheduler::new().add(notes.task("slow", every(SECS(1))).on_stop(on_stop));
    let app = start(scheduler).await;
    tokio::time::sleep(SECS(2)).await;
    let asked = Instant::now();
    let ended = app.stop().await;
    ended.assert_clean().await;
    assert_eq!(notes.runs(), 1);
    (asked.elapsed().as_millis(), notes.ends())
}

#[tokio::test(start_paused = true)]
async fn every_policy_has_its_exact_time() {
    let table = [
        (OnStop::Drain, 4_000, 1),
        (OnStop::DrainFor(SECS(10)), 4_000, 1),
        (OnStop::DrainFor(SECS(3)), 3_000, 0),
        (OnStop::Cancel, 0, 0),
    ];
    for (on_stop, takes, ends) in table {
        assert_eq!(stop(on_stop).await, (takes, ends), "{on_stop:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_is_named() {
    let logs = Logs::capture();
    stop(OnStop::DrainFor(SECS(3))).await;
    let lines = logs.at_least(Level::WARN);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].message(), lines[0].field("task")), ("task was cut off by the stop", Some("slow")));
}

#[tokio::test(start_paused = true)]
async fn each_task_has_its_own_time() {
    let (short, long) = (Notes::taking(SECS(100)), Notes::taking(SECS(8)));
    let scheduler = Scheduler::new()
        .add(short.task("short", every(SECS(1))).on_stop(OnStop::DrainFor(SECS(2))))
        .add(long.task("long", every(SECS(1))));
    let app = start(scheduler).await;
    tokio::time::sleep(MS(1_500)).await;
    let asked = Instant::now();
    app.stop().await.assert_clean().await;
    assert_eq!((asked.elapsed(), short.ends(), long.ends()), (MS(7_500), 0, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_fires_while_it_drains() {
    let (slow, queued) = (Notes::taking(SECS(5)), Notes::taking(SECS(5)));
    let scheduler = Scheduler::new()
        .add(slow.task("slow", every(SECS(1))))
        .add(queued.task("queued", every(SECS(1))).overlap(Overlap::QueueAll));
    let app = start(scheduler).await;
    tokio::time::sleep(MS(3_500)).await;
    app.stop().await.assert_clean().await;
    assert_eq!((slow.runs(), queued.runs()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_makes_the_service_late() {
    let logs = Logs::capture();
    let stuck = Notes::taking(SECS(1_000));
    let app = start(Scheduler::new().add(stuck.task("stuck", every(SECS(1))))).await;
    tokio::time::sleep(MS(1_500)).await;
    assert_eq!(app.stop().await.exit_code(), 70);
    logs.assert_logged("task was cut off by the stop");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_the_service_stops_the_others_as_any_stop_does() {
    for failure in [None, Some("no disk")] {
        let scheduler = Scheduler::new()
            .task("waits", every(SECS(1)), async |run: Run| run.stopping().await)
            .add(Notes::taking(SECS(100)).task("cancelled", every(SECS(1))).on_stop(OnStop::Cancel))
            .add(
                Task::with("ends", every(SECS(2)), failure, async |failure: Option<&'static str>| match failure {
                    None => Ok(Next::StopService),
                    Some(failure) => Err(failure),
                })
                .on_failure(OnFailure::FailService(1)),
            );
        let began = Instant::now();
        let ended = timeout(SECS(60), TestApp::launch(app(scheduler)).ended()).await.unwrap();
        assert_eq!((ended.exit_code(), began.elapsed()), (u8::from(failure.is_some()), SECS(2)));
    }
}
