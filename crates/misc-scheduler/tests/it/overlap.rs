//! What a firing does that meets a run: every policy, with exact counts.

use misc_scheduler::{Overlap, Scheduler, every};

use crate::subject::{MS, Notes, SECS, start};

/// A task that is due each second and takes 2.5 s, for 10 s: when runs began, how many ended, were skipped, and wait.
async fn meet(overlap: Overlap) -> (Vec<u128>, usize, u64, usize) {
    let notes = Notes::taking(MS(2_500));
    let scheduler = Scheduler::new().add(notes.task("slow", every(SECS(1))).overlap(overlap));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(MS(10_250)).await;
    let status = tasks.status("slow").unwrap();
    let met = (notes.began(), notes.ends(), status.skipped, status.queued);
    app.stop().await.assert_clean().await;
    met
}

#[tokio::test(start_paused = true)]
async fn every_policy_has_its_exact_counts() {
    let table = [
        (Overlap::Skip, vec![1_000, 4_000, 7_000, 10_000], 3, 6, 0),
        (Overlap::QueueOne, vec![1_000, 3_500, 6_000, 8_500], 3, 5, 1),
        (Overlap::QueueAll, vec![1_000, 3_500, 6_000, 8_500], 3, 0, 6),
        (Overlap::CancelRunning, (1..=10).map(|second| second * 1_000).collect(), 0, 0, 0),
        (Overlap::Allow(2), vec![1_000, 2_000, 4_000, 5_000, 7_000, 8_000, 10_000], 5, 3, 0),
        (Overlap::Allow(10), (1..=10).map(|second| second * 1_000).collect(), 7, 0, 0),
    ];
    for (overlap, began, ended, skipped, queued) in table {
        assert_eq!(meet(overlap).await, (began, ended, skipped, queued), "{overlap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cancels_another_one_begins_when_that_is_gone() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            INSIDE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let work = async || {
        MOST.fetch_max(INSIDE.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let _inside = Inside;
        std::future::pending::<()>().await;
    };
    let task = misc_scheduler::Task::new("task", every(SECS(1)), work)
        .overlap(Overlap::CancelRunning)
        .on_stop(misc_scheduler::OnStop::Cancel);
    crate::subject::run_for(Scheduler::new().add(task), SECS(10)).await;
    assert_eq!((INSIDE.load(Ordering::Relaxed), MOST.load(Ordering::Relaxed)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn concurrency_bounds_runs_and_the_others_queue() {
    let notes = Notes::taking(MS(2_500));
    let task = notes.task("slow", every(SECS(1))).concurrency(2).overlap(Overlap::QueueAll);
    let app = start(Scheduler::new().add(task)).await;
    tokio::time::sleep(MS(6_250)).await;
    assert_eq!(notes.began(), [1_000, 2_000, 3_500, 4_500, 6_000]);
    app.stop().await.assert_clean().await;
}
