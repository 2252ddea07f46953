//! What runs once gates readiness.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_core::BoxError;
use misc_scheduler::{Retry, Scheduler, Task, after, every, once};
use misc_test::TestApp;

use crate::subject::{MS, Notes, SECS, app, pass, start};

#[tokio::test(start_paused = true)]
async fn the_service_is_ready_once_they_have_succeeded() {
    let (init, other) = (Notes::taking(SECS(2)), Notes::new());
    let scheduler = Scheduler::new().add(init.task("init", once())).add(other.task("other", every(SECS(1))));
    let app = start(scheduler).await;
    assert_eq!((init.ends(), other.runs()), (1, 0));
    // The others begin then.
    pass(MS(2_500)).await;
    assert_eq!(other.began(), [3_000, 4_000]);
    assert_eq!(init.began(), [0]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_after_one_of_them_does_not_wait_for_the_others() {
    let (slow, next) = (Notes::taking(SECS(5)), Notes::new());
    let scheduler = Scheduler::new()
        .add(slow.task("slow", once()))
        .task("quick", once(), async || {})
        .add(next.task("next", after("quick")));
    let app = start(scheduler).await;
    assert_eq!(next.began(), [0]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn one_in_the_background_gates_nothing() {
    let warm = Notes::taking(SECS(100));
    let scheduler = Scheduler::new().add(warm.task("warm", once()).background());
    let app = start(scheduler).await;
    assert_eq!(warm.ends(), 0);
    pass(SECS(101)).await;
    assert_eq!((warm.runs(), warm.ends()), (1, 1));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn its_failure_is_that_of_the_service() {
    let init = Task::new("init", once(), async || Err::<(), _>("no route to host"));
    let ended = TestApp::launch(app(Scheduler::new().add(init))).ended().await;
    assert_eq!(ended.exit_code(), 1);
    let report = ended.report().to_string();
    assert!(report.contains("task `init` failed") && report.contains("no route to host"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn it_is_retried_before_that() {
    let is_up = Arc::new(AtomicBool::new(false));
    let init = Task::with("init", once(), Arc::clone(&is_up), async |is_up: Arc<AtomicBool>| {
        if is_up.swap(true, Ordering::Relaxed) { Ok(()) } else { Err(BoxError::from("not yet")) }
    });
    let app = start(Scheduler::new().add(init.retry(Retry::new(3)))).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_meanwhile_waits_for_it_no_longer_than_for_others() {
    let init = Notes::taking(SECS(5));
    let app = TestApp::launch(app(Scheduler::new().add(init.task("init", once()))));
    app.phases().until("tasks starting").await;
    pass(SECS(1)).await;
    let ended = app.stop().await;
    ended.assert_ok();
    assert_eq!(init.ends(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_added_meanwhile_runs_with_the_others() {
    let (init, late) = (Notes::taking(SECS(2)), Notes::new());
    let scheduler = Scheduler::new().add(init.task("init", once()));
    let tasks = scheduler.handle();
    let app = TestApp::launch(app(scheduler));
    app.phases().until("tasks starting").await;
    pass(SECS(1)).await;
    tasks.add(late.task("late", once())).unwrap();
    app.ready().await;
    pass(SECS(5)).await;
    assert_eq!((init.runs(), late.began()), (1, vec![2_000]));
    app.stop().await.assert_clean().await;
}
