//! Many tasks, many threads: nothing is lost, early, or run twice.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use misc_scheduler::{Overlap, Scheduler, Task, every, manual};
use misc_test::TestApp;
use tokio::task::JoinSet;

use crate::subject::{MS, Notes, SECS, app, pass, start};

#[tokio::test(start_paused = true)]
async fn a_herd_that_is_due_at_once_fires_as_a_whole() {
    let notes = Notes::new();
    let scheduler = (0..10_000)
        .fold(Scheduler::new(), |scheduler, at| scheduler.add(notes.task(&format!("task-{at}"), every(SECS(1)))));
    let app = start(scheduler).await;
    pass(MS(3_500)).await;
    let began = notes.began();
    assert_eq!(began.len(), 30_000);
    assert!(began.iter().all(|at| at % 1_000 == 0), "none early, and none late");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn tasks_of_all_paces_keep_to_theirs() {
    let runs: Vec<_> = (0..100).map(|_| Notes::new()).collect();
    let scheduler = runs.iter().enumerate().fold(Scheduler::new(), |scheduler, (at, notes)| {
        scheduler.add(notes.task(&format!("task-{at}"), every(MS(at as u64 * 7 + 3))))
    });
    let app = start(scheduler).await;
    tokio::time::sleep(SECS(10)).await;
    for (at, notes) in runs.iter().enumerate() {
        let period = at as u128 * 7 + 3;
        let expected: Vec<_> = (1..=10_000 / period).map(|time| time * period).filter(|at| *at < 10_000).collect();
        let began: Vec<_> = notes.began().into_iter().filter(|at| *at < 10_000).collect();
        assert_eq!(began, expected, "each {period} ms");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handles_in_many_threads_lose_nothing() {
    let runs = Arc::new(AtomicU64::new(0));
    let work = async |runs: Arc<AtomicU64>| {
        tokio::task::yield_now().await;
        runs.fetch_add(1, Ordering::Relaxed);
    };
    let task = Task::with("task", manual(), Arc::clone(&runs), work).overlap(Overlap::QueueAll).concurrency(3);
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = TestApp::start(app(scheduler)).await;
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let tasks = tasks.clone();
        callers.spawn(async move {
            for round in 0..200 {
                let run = tasks.run_now("task");
                let name = format!("{caller}-{round}");
                tasks.add(Task::new(&*name, every(SECS(3_600)), async || {})).unwrap();
                run.await.unwrap();
                tasks.run_now(&name).await.unwrap();
                tasks.remove(&name).unwrap();
            }
        });
    }
    while let Some(joined) = callers.join_next().await {
        joined.unwrap();
    }
    let status = tasks.status("task").unwrap();
    assert_eq!((runs.load(Ordering::Relaxed), status.runs, status.active, status.queued), (1_600, 1_600, 0, 0));
    assert_eq!(tasks.list().len(), 1);
    app.stop().await.assert_ok();
}
