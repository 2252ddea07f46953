//! All that a service may have, with nothing to warn of.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types, unused_qualifications)]

use std::sync::Mutex;

use misc_core::{App, BoxError, Context};
use misc_scheduler::{NotOpen, Overlap, Retry, Run, service};

/// A pool.
#[derive(Debug, Clone)]
pub struct Pool;

impl Pool {
    async fn close(&self) {}
}

/// A receipt.
#[derive(Debug)]
pub struct Receipt(u64);

/// Orders.
#[derive(Debug)]
pub struct Orders {
    every: std::time::Duration,
    latest: Mutex<u64>,
}

#[service]
impl Orders {
    /// A constant beside them.
    pub const MOST: u64 = 3;

    /// The pool.
    #[context(close = Pool::close)]
    async fn pool(&self) -> Result<Pool, BoxError> {
        Ok(Pool)
    }

    #[task(once)]
    async fn init(&self) -> Result<(), NotOpen> {
        self.pool().await?;
        Ok(())
    }

    #[task(every = self.every, retry = Retry::new(2), overlap = Overlap::QueueOne)]
    async fn poll(&self, run: Run) {
        *self.latest.lock().unwrap() = u64::from(run.attempt());
    }

    #[task(after = poll, on = "always")]
    async fn log(&self) {}

    /// Processes an order.
    #[task(overlap = "allow(3)")]
    pub async fn process(&self, id: u64) -> Result<Receipt, BoxError> {
        Ok(Receipt(id))
    }

    /// Does nothing.
    #[task]
    pub async fn nothing(&self) {}

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }
}

fn app() -> App {
    App::new("shop").service("orders", Orders { every: std::time::Duration::from_secs(1), latest: Mutex::default() })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    app().run_until(async {}).await.unwrap();
    let orders = Orders { every: std::time::Duration::from_secs(1), latest: Mutex::default() };
    let (tasks, service) = orders.with_tasks();
    let receipt = App::new("shop").service("orders", service).run_until(async move { tasks.process(7).await }).await;
    assert_eq!(receipt.unwrap().unwrap().unwrap().0, 7);
    assert_eq!(Orders::MOST, 3);
}
