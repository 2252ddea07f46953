//! What failures, panics and lateness of runs mean, and what runs return.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use misc_core::Restart;
use misc_scheduler::{Next, OnFailure, Outcome, Retry, Run, Scheduler, Task, at, every, manual, on_demand};
use misc_test::{Logs, TestApp};
use tracing::Level;

use crate::subject::{MS, Notes, SECS, app, pass, scheduler_at, start};

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_by_name_and_the_schedule_goes_on() {
    let logs = Logs::capture();
    let task = Task::new("import", every(SECS(1)), async || Err::<(), _>("no such file"));
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(3_500)).await;
    let status = tasks.status("import").unwrap();
    assert_eq!((status.runs, status.failures, status.failures_in_a_row), (3, 3, 3));
    assert_eq!(status.last_outcome, Some(Outcome::Failed));
    assert_eq!(status.last_error.as_deref(), Some("no such file"));
    let lines = logs.at_least(Level::ERROR);
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0].field("task"), lines[0].field("error")), (Some("import"), Some("no such file")));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_failure_of_its_run_alone() {
    let sound = Notes::new();
    let scheduler = Scheduler::new()
        .task("broken", every(SECS(1)), async || -> () { panic!("out of cheese") })
        .task("at_once", every(SECS(1)), || -> std::future::Ready<()> { panic!("before the future") })
        .add(sound.task("sound", every(SECS(1))));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(3_500)).await;
    for (task, error) in [("broken", "panicked: out of cheese"), ("at_once", "panicked: before the future")] {
        let status = tasks.status(task).unwrap();
        assert_eq!((status.runs, status.last_outcome), (3, Some(Outcome::Panicked)));
        assert_eq!(status.last_error.as_deref(), Some(error));
    }
    assert_eq!(sound.runs(), 3);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_dropped() {
    let slow = Notes::taking(SECS(10));
    let scheduler = Scheduler::new().add(slow.task("slow", every(SECS(1)).limit(1)).timeout(SECS(2)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let ran = tasks.next_run("slow").await.unwrap();
    assert_eq!((ran.outcome, ran.took), (Outcome::TimedOut, SECS(2)));
    assert_eq!(ran.error.as_deref(), Some("took longer than 2s"));
    assert_eq!(slow.ends(), 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_one_run() {
    let attempts = Arc::new(AtomicU32::new(0));
    let work = async |attempts: Arc<AtomicU32>, run: Run| {
        assert_eq!(attempts.fetch_add(1, Ordering::Relaxed) + 1, run.attempt());
        if run.attempt() < 3 { Err("not yet") } else { Ok(()) }
    };
    let retry = Retry::new(5).backoff(SECS(1), SECS(60)).jitter(0.0);
    let scheduler = Scheduler::new().add(Task::with("task", manual(), attempts, work).retry(retry));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.run_now("task").await.unwrap();
    let ran = &tasks.history("task").unwrap()[0];
    assert_eq!((ran.outcome, ran.attempts, ran.took), (Outcome::Succeeded, 3, SECS(1 + 2)));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn retries_end() {
    let task = Task::new("task", manual(), async || Err::<(), _>("broken"));
    let scheduler = Scheduler::new().add(task.retry(Retry::new(2)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let error = tasks.run_now("task").await.unwrap_err();
    assert!(error.is_failed());
    assert_eq!(tasks.history("task").unwrap()[0].attempts, 3);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn so_many_failures_in_a_row_fail_the_service() {
    let count = Arc::new(AtomicU32::new(0));
    // Fails twice, succeeds once, and fails from then on.
    let work = async |count: Arc<AtomicU32>| match count.fetch_add(1, Ordering::Relaxed) {
        2 => Ok(()),
        _ => Err("broken"),
    };
    let task = Task::with("task", every(SECS(1)), Arc::clone(&count), work).on_failure(OnFailure::FailService(3));
    let ended = TestApp::launch(app(Scheduler::new().add(task))).ended().await;
    assert_eq!(ended.exit_code(), 1);
    assert!(ended.report().to_string().contains("task `task` failed"), "{}", ended.report());
    assert_eq!(count.load(Ordering::Relaxed), 6);
}

#[tokio::test(start_paused = true)]
async fn a_failure_may_stop_the_app() {
    let task = Task::new("task", every(SECS(1)), async || Err::<(), _>("broken")).on_failure(OnFailure::StopApp);
    let ended = TestApp::launch(app(Scheduler::new().add(task))).ended().await;
    ended.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_task_may_end_itself_its_service_or_the_app() {
    let notes = Notes::new();
    let last = Task::with("last", every(SECS(1)), notes.clone(), async |notes: Notes, run: Run| {
        notes.run(&run).await;
        if notes.runs() == 3 { Next::Finish } else { Next::Continue }
    });
    let scheduler = Scheduler::new().add(last).task("end", every(SECS(10)), async || Next::StopService);
    let ended = TestApp::launch(app(scheduler)).ended().await;
    ended.assert_ok();
    assert_eq!(notes.began(), [1_000, 2_000, 3_000]);

    let stop = Scheduler::new().task("end", every(SECS(1)), async || Ok::<_, std::io::Error>(Next::StopApp));
    let other = Scheduler::new().task("other", every(SECS(1)), async || {});
    let ended = TestApp::launch(app(stop).service("other", other)).ended().await;
    ended.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_is_restarted_begins_again_with_its_tasks() {
    let (init, notes) = (Notes::new(), Notes::new());
    let scheduler = Scheduler::new()
        .add(init.task("init", misc_scheduler::once()))
        .add(notes.task("task", every(SECS(1))))
        .add(Task::new("bad", every(MS(2_500)), async || Err::<(), _>("x")).on_failure(OnFailure::FailService(1)));
    let service = misc_core::spec(scheduler).restart(Restart::new().backoff(SECS(1), SECS(1)).jitter(0.0));
    let app = TestApp::start(misc_core::App::new("shop").service("tasks", service)).await;
    pass(MS(5_800)).await;
    assert_eq!(notes.began(), [1_000, 2_000, 4_500, 5_500]);
    assert_eq!(init.began(), [0, 3_500]);
    app.stop().await.assert_ok();
}

/// An error whose text panics.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::panic::panic_any("no words")
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test(start_paused = true)]
async fn an_error_that_cannot_be_written_is_a_failure_like_any_other() {
    let scheduler = Scheduler::new().task("task", every(SECS(1)), async || Err::<(), _>(Unspeakable));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(2_500)).await;
    let status = tasks.status("task").unwrap();
    assert_eq!((status.runs, status.last_outcome), (2, Some(Outcome::Failed)));
    app.stop().await.assert_clean().await;
}

/// What panics when it is dropped, the first time.
#[derive(Clone)]
struct Mine(Arc<AtomicU32>);

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "stepped on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_task_holds_may_panic_when_it_is_removed() {
    let scheduler = Scheduler::new();
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let task = Task::with("task", every(SECS(1)), Mine(Arc::default()), async |_: Mine| {});
    tasks.add(task).unwrap();
    tasks.remove("task").unwrap();
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_backoff_as_long_as_can_be_is_one() {
    let retry = Retry::new(1).backoff(Duration::MAX, Duration::MAX).jitter(0.0);
    let task = Task::new("task", every(SECS(1)), async || Err::<(), _>("no")).timeout(Duration::MAX).retry(retry);
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(1_500)).await;
    assert_eq!(tasks.status("task").unwrap().active, 1);
    tasks.healthy()().await.unwrap();
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn what_is_due_at_a_time_is_not_fired_again_by_a_restart_right_after() {
    let notes = Notes::new();
    let task = Task::with("task", at("2037-01-01T00:00:10Z"), notes.clone(), async |notes: Notes, run: Run| {
        notes.run(&run).await;
        Err::<(), _>("no")
    });
    let scheduler = scheduler_at("2037-01-01T00:00:00Z").add(task.on_failure(OnFailure::FailService(1)));
    let service = misc_core::spec(scheduler).restart(Restart::new().backoff(MS(100), MS(100)).jitter(0.0));
    let app = TestApp::start(misc_core::App::new("shop").service("tasks", service)).await;
    pass(SECS(30)).await;
    assert_eq!(notes.runs(), 1);
    app.stop().await.assert_ok();
}

#[test]
fn a_runtime_that_goes_away_takes_all_that_waits_with_it() {
    let (orders, task) = on_demand("orders", async |(): ()| {
        std::future::pending::<()>().await;
        Ok::<(), std::io::Error>(())
    });
    let scheduler = Scheduler::new().add(task.concurrency(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let app = runtime.block_on(start(scheduler));
    let runs = runtime.block_on(async {
        let runs: Vec<_> = (0..9_000).map(|_| orders.start(())).collect();
        tokio::task::yield_now().await;
        runs
    });
    drop(runtime);
    drop((runs, app));
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_is_one_service() {
    let scheduler = Scheduler::new().task("task", every(SECS(1)), async || {});
    let app = misc_core::App::new("shop").service("one", scheduler.clone()).service("other", scheduler);
    let ended = TestApp::launch(app).ended().await;
    assert!(ended.report().to_string().contains("register it once"), "{}", ended.report());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_comes_with_the_stop_is_still_the_service_s() {
    let task = Task::new("task", manual(), async || Err::<(), _>("no")).on_failure(OnFailure::FailService(1));
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    assert!(tasks.run_now("task").await.is_err());
    let ended = app.stop().await;
    assert!(ended.report().to_string().contains("task `task` failed"), "{}", ended.report());
}
