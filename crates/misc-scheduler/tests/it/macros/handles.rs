//! Tasks on demand, and the handle of all tasks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use misc_core::{App, BoxError, Context, Restart, spec};
use misc_scheduler::{Overlap, Running, service};
use misc_test::TestApp;
use tokio::time::sleep;

use crate::subject::{MS, SECS, pass};

#[derive(Debug, Clone, PartialEq)]
struct Receipt(u64);

#[derive(Debug, thiserror::Error)]
#[error("there is no order {0}")]
struct NoOrder(u64);

#[derive(Clone, Default)]
struct Orders {
    polls: Arc<AtomicU64>,
}

#[service]
impl Orders {
    const UNKNOWN: u64 = 13;

    #[task(every = "1s")]
    async fn poll(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// Processes an order.
    #[task]
    async fn process_order(&self, id: u64) -> Result<Receipt, NoOrder> {
        sleep(SECS(1)).await;
        if id == Self::UNKNOWN { Err(NoOrder(id)) } else { Ok(Receipt(id)) }
    }

    #[task(concurrency = 1, overlap = Overlap::Skip, timeout = "5s", name = "all")]
    async fn process_all(&self, (from, to): (u64, u64), mut left: usize) -> Result<Vec<Receipt>, BoxError> {
        let mut receipts = Vec::new();
        for id in from..=to {
            if left == 0 {
                return Err("too many".into());
            }
            left -= 1;
            // Called by itself it is a method as any other.
            receipts.push(self.process_order(id).await?);
        }
        Ok(receipts)
    }

    #[task]
    async fn forget(&self) {
        self.polls.store(0, Ordering::Relaxed);
    }

    fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }
}

async fn start(service: impl misc_core::Service) -> TestApp {
    TestApp::start(App::new("shop").service("orders", service)).await
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_demand_has_the_types_of_its_method() {
    let (tasks, orders) = Orders::default().with_tasks();
    let app = start(orders).await;
    let running: Running<Receipt> = tasks.process_order(7);
    assert_eq!(running.await.unwrap(), Receipt(7));
    let error = tasks.process_order(13).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().is::<NoOrder>());
    assert_eq!(tasks.process_all((1, 3), 10).await.unwrap(), [Receipt(1), Receipt(2), Receipt(3)]);
    assert!(tasks.process_all((1, 3), 2).await.unwrap_err().is_failed());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn policies_hold_on_demand() {
    let (tasks, orders) = Orders::default().with_tasks();
    let app = start(orders).await;
    let first = tasks.process_all((1, 100), 100);
    assert!(tasks.process_all((1, 1), 1).await.unwrap_err().is_skipped());
    assert!(first.await.unwrap_err().is_timeout());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_handle_steers_all_tasks() {
    let service = Orders::default();
    let polls = Arc::clone(&service.polls);
    let (tasks, orders) = service.with_tasks();
    let app = start(orders).await;
    let names: Vec<_> = tasks.list().iter().map(|task| task.name.to_string()).collect();
    assert_eq!(names, ["poll", "process_order", "all", "forget"]);
    pass(MS(2_500)).await;
    tasks.pause("poll").unwrap();
    pass(SECS(10)).await;
    assert_eq!(polls.load(Ordering::Relaxed), 2);
    tasks.run_now("poll").await.unwrap();
    assert_eq!(polls.load(Ordering::Relaxed), 3);
    tasks.clone().forget().await.unwrap();
    assert_eq!(polls.load(Ordering::Relaxed), 0);
    assert!(format!("{tasks:?}").starts_with("OrdersTasks("));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_service_keeps_its_handle_and_its_state() {
    let service = Orders::default();
    assert_eq!(service.polls(), 0);
    let (tasks, orders) = service.with_tasks();
    let app = start(spec(orders).restart(Restart::default())).await;
    assert_eq!(tasks.process_order(1).await.unwrap(), Receipt(1));
    app.handle().restart("orders").await.unwrap();
    assert_eq!(tasks.process_order(2).await.unwrap(), Receipt(2));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn others_in_the_app_start_its_tasks() {
    let (tasks, orders) = Orders::default().with_tasks();
    let web = async move |ctx: Context| {
        assert_eq!(tasks.process_order(7).await?, Receipt(7));
        ctx.ready();
        Ok(())
    };
    let app = TestApp::start(App::new("shop").service("orders", orders).service("web", web)).await;
    app.stop().await.assert_clean().await;
}
