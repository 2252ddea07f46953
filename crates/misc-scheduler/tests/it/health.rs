//! Whether tasks are well.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_scheduler::{Scheduler, Task, every};

use crate::subject::{MS, Notes, SECS, pass, start};

#[tokio::test(start_paused = true)]
async fn a_task_is_well_while_its_last_run_has_not_failed() {
    let broken = Arc::new(AtomicBool::new(false));
    let work = async |broken: Arc<AtomicBool>| if broken.load(Ordering::Relaxed) { Err("no disk") } else { Ok(()) };
    let scheduler = Scheduler::new().add(Task::with("save", every(SECS(1)), Arc::clone(&broken), work));
    let healthy = scheduler.handle().healthy();
    assert_eq!(healthy().await.unwrap_err().to_string(), "the scheduler is not running");
    let app = start(scheduler).await;
    assert_eq!(healthy().await, Ok(()));
    pass(MS(1_500)).await;
    assert_eq!(healthy().await, Ok(()));
    broken.store(true, Ordering::Relaxed);
    pass(SECS(1)).await;
    let unhealthy = healthy().await.unwrap_err();
    assert_eq!(unhealthy.tasks().collect::<Vec<_>>(), ["save"]);
    assert_eq!(unhealthy.to_string(), "task `save` has failed: no disk");
    broken.store(false, Ordering::Relaxed);
    pass(SECS(1)).await;
    assert_eq!(healthy().await, Ok(()));
    app.stop().await.assert_clean().await;
    assert!(healthy().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_stuck() {
    let slow = Notes::taking(SECS(60));
    let scheduler = Scheduler::new().add(slow.task("slow", every(SECS(100))).stuck_after(SECS(30)));
    let healthy = scheduler.handle().healthy();
    let app = start(scheduler).await;
    pass(SECS(129)).await;
    assert_eq!(healthy().await, Ok(()));
    pass(SECS(2)).await;
    assert_eq!(healthy().await.unwrap_err().to_string(), "task `slow` is stuck: it has been running for 31.0 s");
    pass(SECS(60)).await;
    assert_eq!(healthy().await, Ok(()));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_should_have_fired_long_ago_is_overdue() {
    let scheduler = Scheduler::new().task("poll", every(SECS(20)), async || {});
    let tasks = scheduler.handle();
    let healthy = tasks.healthy();
    let app = start(scheduler).await;
    // Nothing runs meanwhile, as when the runtime is stuck.
    let advanced = tokio::time::advance(SECS(45));
    let mut advanced = Box::pin(advanced);
    assert!(futures_util::poll!(&mut advanced).is_pending());
    assert_eq!(healthy().await.unwrap_err().to_string(), "task `poll` is overdue by 25.0 s");
    advanced.await;
    pass(MS(10)).await;
    assert_eq!(healthy().await, Ok(()));
    // What is paused is not overdue.
    tasks.pause("poll").unwrap();
    pass(SECS(100)).await;
    assert_eq!(healthy().await, Ok(()));
    app.stop().await.assert_clean().await;
}
