#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod anchored;
mod arm;
mod calendar;
mod clock;
mod engine;
mod handle;
mod health;
mod instant;
mod label;
mod ledger;
mod meters;
mod on_demand;
mod opened;
mod policy;
mod refused;
mod run;
mod scheduler;
mod status;
mod task;
mod times;
#[cfg(feature = "tokio-cron")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-cron")))]
pub mod tokio_cron;
mod trigger;
mod with_tasks;
mod work;

/// # Examples
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::Duration};
/// use misc_core::{App, BoxError, Context};
/// use misc_scheduler::{Next, Run, service};
///
/// #[derive(Clone)]
/// struct Pool;
///
/// impl Pool {
///     async fn connect(url: &str) -> Result<Self, BoxError> {
///         Ok(Self)
///     }
///     async fn find(&self, id: u64) -> Result<String, BoxError> {
///         Ok(format!("order {id}"))
///     }
///     async fn close(&self) {}
/// }
///
/// struct Orders {
///     url: String,
///     sweep_every: Duration,
///     open: Mutex<HashMap<u64, String>>,
/// }
///
/// #[service]
/// impl Orders {
///     /// Opened before the tasks, and closed after them.
///     #[context(close = Pool::close)]
///     async fn pool(&self) -> Result<Pool, BoxError> {
///         Pool::connect(&self.url).await
///     }
///
///     /// The service is not ready before.
///     #[task(once)]
///     async fn load(&self) -> Result<(), BoxError> {
///         let order = self.pool().await?.find(1).await?;
///         self.open.lock().unwrap().insert(1, order);
///         Ok(())
///     }
///
///     #[task(every = self.sweep_every, overlap = "skip", timeout = "2s")]
///     async fn sweep(&self) -> Result<(), BoxError> {
///         self.pool().await?;
///         Ok(())
///     }
///
///     #[task(after = sweep)]
///     async fn log(&self) {
///         println!("{} orders are open", self.open.lock().unwrap().len());
///     }
///
///     #[task(daily = "09:00", tz = "Europe/Berlin", misfire = "once", grace = "1h", retry = 3)]
///     async fn report(&self, run: Run) -> Result<Next, BoxError> {
///         println!("the report for {:?}", run.due());
///         Ok(Next::Continue)
///     }
///
///     /// Processes an order; others do so by the handle.
///     #[task(concurrency = 10)]
///     pub async fn process(&self, id: u64) -> Result<String, BoxError> {
///         self.pool().await?.find(id).await
///     }
///
///     /// Runs beside the tasks; there need not be one.
///     async fn run(&self, ctx: Context) -> Result<(), BoxError> {
///         ctx.ready();
///         ctx.stopping().await;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_core::Report> {
/// let orders = Orders { url: "db://shop".to_owned(), sweep_every: Duration::from_secs(60), open: Mutex::default() };
/// let (tasks, orders) = orders.with_tasks();
/// let web = async move |ctx: Context| {
///     ctx.ready();
///     assert_eq!(tasks.process(7).await?, "order 7");
///     tasks.pause("sweep")?;
///     # ctx.app().shutdown();
///     Ok(())
/// };
/// App::new("shop").service("orders", orders).service("web", web).run().await?;
/// # Ok(()) }
/// ```
pub use misc_macros::service;
#[cfg(feature = "tokio-cron")]
#[doc(no_inline)]
pub use tokio_cron_scheduler;

pub use self::{
    clock::Clock,
    handle::Tasks,
    health::Unhealthy,
    ledger::{FileLedger, MemoryLedger},
    on_demand::{OnDemand, RunError, Running, on_demand, on_demand_with},
    opened::NotOpen,
    policy::{Misfire, OnFailure, OnStop, Overlap, Retry, WhenAway},
    refused::Refused,
    run::Run,
    scheduler::Scheduler,
    status::{Outcome, Ran, State, TaskStatus},
    task::Task,
    trigger::{
        After, Any, At, Cron, Daily, Every, Fire, Firing, Moment, Names, On, Schedule, Trigger, after, any_of, at,
        cron, custom, daily, every, manual, once,
    },
    with_tasks::WithTasks,
    work::{Answer, Next, Nothing, Work},
};

#[doc(hidden)]
pub mod __private {
    pub use misc_core::{BoxError, Context, Plan, Service};

    pub use crate::{
        opened::{Contexts, opened},
        with_tasks::{Returned, Tasked, This, describe, on_demand, task},
    };
}
