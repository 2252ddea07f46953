//! Tasks that run when somebody says so, with arguments.

use misc_core::BoxError;
use misc_scheduler::{OnDemand, Overlap, Scheduler, Task, on_demand, on_demand_with};
use tokio::time::{Instant, sleep};

use crate::subject::{MS, SECS, start};

fn orders() -> (OnDemand<u64, String>, Task) {
    on_demand("process_order", async |id: u64| -> Result<String, BoxError> {
        sleep(SECS(1)).await;
        if id == 13 { Err("no such order".into()) } else { Ok(format!("order {id}")) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_an_argument_and_gives_a_result() {
    let (orders, task) = orders();
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let (seven, thirteen) = (orders.start(7), orders.start(13));
    assert_eq!(seven.await.unwrap(), "order 7");
    let error = thirteen.await.unwrap_err();
    assert!(error.is_failed());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no such order");
    let status = tasks.status("process_order").unwrap();
    assert_eq!((status.runs, status.failures), (2, 1));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn policies_hold_for_it_as_for_others() {
    let (orders, task) = orders();
    let app = start(Scheduler::new().add(task.concurrency(2))).await;
    let began = Instant::now();
    let runs: Vec<_> = (1..=6).map(|id| orders.start(id)).collect();
    for run in runs {
        run.await.unwrap();
    }
    assert_eq!(began.elapsed(), SECS(3));
    app.stop().await.assert_clean().await;

    let (slow, task) = orders_that_skip();
    let app = start(Scheduler::new().add(task)).await;
    let first = slow.start(());
    assert!(slow.start(()).await.unwrap_err().is_skipped());
    assert!(first.await.unwrap_err().is_timeout());
    app.stop().await.assert_clean().await;
}

fn orders_that_skip() -> (OnDemand<(), ()>, Task) {
    let (handle, task) = on_demand("slow", async |()| -> Result<(), BoxError> {
        sleep(SECS(10)).await;
        Ok(())
    });
    (handle, task.overlap(Overlap::Skip).concurrency(1).timeout(SECS(1)))
}

#[tokio::test(start_paused = true)]
async fn a_run_can_be_aborted_while_it_runs_and_while_it_waits() {
    let (orders, task) = orders();
    let scheduler = Scheduler::new().add(task.concurrency(1));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let (one, two, three) = (orders.start(1), orders.start(2), orders.start(3));
    sleep(MS(500)).await;
    two.abort();
    assert!(two.await.unwrap_err().is_cancelled());
    one.abort();
    assert!(one.await.unwrap_err().is_cancelled());
    assert_eq!(three.await.unwrap(), "order 3");
    assert_eq!(tasks.status("process_order").unwrap().runs, 2);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_to_who_waits() {
    let (handle, task) = on_demand_with("sum", 40, async |base: u32, more: u32| -> Result<u32, BoxError> {
        assert!(more > 0, "nothing to add");
        Ok(base + more)
    });
    let app = start(Scheduler::new().add(task)).await;
    assert_eq!(handle.start(2).await.unwrap(), 42);
    assert!(handle.start(0).await.unwrap_err().is_panic());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn before_the_start_and_after_the_end_it_is_refused() {
    let (orders, task) = orders();
    assert!(orders.start(1).await.unwrap_err().is_refused());
    let app = start(Scheduler::new().add(task)).await;
    let waits = orders.start(2);
    app.stop().await.assert_clean().await;
    // The stop waits for what runs.
    assert_eq!(waits.await.unwrap(), "order 2");
    assert!(orders.start(3).await.unwrap_err().is_refused());
}
