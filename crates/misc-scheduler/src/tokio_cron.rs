//! Hosts a [`tokio_cron_scheduler::JobScheduler`] as a service, so that existing jobs move in as they are.
//!
//! New tasks belong in a [`Scheduler`](crate::Scheduler): tokio-cron-scheduler looks at the clock every 500 ms, knows whole
//! seconds only, and cannot cancel a run. The guide, `docs/scheduling.md`, has the numbers.

mod board;
mod changes;
mod code;
mod jobs;
mod session;

use std::{
    fmt,
    future::{Future, Ready},
    pin::Pin,
    sync::Arc,
};

use misc_core::{BoxError, Context, Service};
use tokio_cron_scheduler::JobScheduler;
use tracing::error;

pub use self::jobs::Jobs;
use self::{
    board::Board,
    changes::{Change, Changes},
    session::Session,
};
use crate::{health::Unhealthy, status::TaskStatus};

/// How large the channels are, for each job: a firing sends three messages through one of them.
const SLOTS: usize = 4;

/// A service that runs the jobs of a [`JobScheduler`].
///
/// It makes the scheduler, with channels that are large enough to lose no firing, lets a closure add its jobs, and starts
/// it; then the service is ready. When it shall stop, nothing fires any more, and it waits for the jobs that run. A job
/// cannot be cancelled: one that outlasts the stop bound makes the service late, is named in the log, and runs on until the
/// runtime ends. A job that calls `shutdown` on the scheduler ends the service in the same way, as one that has done its work.
///
/// Runs have the metrics of tasks, but for drift and misfires, which nobody tells: `scheduler_task_runs_total{outcome}`
/// (`succeeded`, `panicked`, or `failed` for a job that is dead since it has panicked),
/// `scheduler_task_duration_seconds` and `scheduler_active_runs`. The label `task` is the job's name, see [`Jobs::name`], or
/// else its schedule.
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError};
/// use misc_scheduler::tokio_cron::{Host, Jobs};
/// use tokio_cron_scheduler::Job;
///
/// let host = Host::new(async |jobs: Jobs| {
///     jobs.add(Job::new_async("0 0 9 * * *", |_id, _scheduler| Box::pin(async { println!("good morning") }))?).await?;
///     Ok::<_, BoxError>(())
/// });
/// let app = App::new("shop").service("jobs", host);
/// # drop(app);
/// ```
#[derive(Clone)]
#[must_use = "a host does nothing until it is registered: `App::service`"]
pub struct Host {
    make: Option<Arc<Make>>,
    add_jobs: Arc<AddJobs>,
    board: Arc<Board>,
    capacity: usize,
}

type Make = dyn Fn() -> Pin<Box<dyn Future<Output = Result<JobScheduler, BoxError>> + Send>> + Send + Sync;
type AddJobs = dyn Fn(Jobs) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send + Sync;

impl Host {
    /// Creates a host whose jobs are added by an async closure, at each start of the service.
    ///
    /// It need not start the scheduler.
    pub fn new<F, Fut, E>(add_jobs: F) -> Self
    where
        F: Fn(Jobs) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let add_jobs = move |jobs| {
            let adding = add_jobs(jobs);
            Box::pin(async move { adding.await.map_err(Into::into) }) as Pin<Box<_>>
        };
        Self { make: None, add_jobs: Arc::new(add_jobs), board: Arc::default(), capacity: 1_000 }
    }

    /// Sets how many jobs there may be (1,000).
    ///
    /// The channels of the scheduler are four times as large, and take about 3 kB for each job: what does not fit into
    /// them is lost. More jobs than that fail the start; if they are added later, an error is logged.
    pub fn capacity(mut self, jobs: usize) -> Self {
        self.capacity = jobs;
        self
    }

    /// Sets how the scheduler is made, for one with stores of its own.
    ///
    /// The size of its channels is up to whoever makes it then: with less than the number of jobs, firings are lost. Of runs
    /// that have begun before it is handed over, the host knows nothing.
    pub fn scheduler<F, Fut, E>(mut self, make: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<JobScheduler, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.make = Some(Arc::new(move || {
            let making = make();
            Box::pin(async move { making.await.map_err(Into::into) })
        }));
        self
    }

    /// Returns a check for misc-health: it passes while the service runs, unless the last run of a job has failed.
    ///
    /// See [`Tasks::healthy`](crate::Tasks::healthy).
    pub fn healthy(&self) -> impl Fn() -> Ready<Result<(), Unhealthy>> + Clone + Send + Sync + 'static {
        let board = Arc::clone(&self.board);
        move || std::future::ready(board.health())
    }

    /// Returns the status of each job. Those of a scheduler with stores of its own appear with their first run.
    #[must_use]
    pub fn list(&self) -> Vec<TaskStatus> {
        self.board.list()
    }

    async fn make(&self, ctx: &Context) -> Result<Session, BoxError> {
        match &self.make {
            Some(make) => Ok(Session::around(make().await?, &self.board, ctx).await),
            None => Ok(Session::in_memory(self.capacity.saturating_mul(SLOTS), &self.board, ctx).await?),
        }
    }

    /// Follows the jobs until the service shall stop, or the scheduler was shut down.
    async fn follow(&self, ctx: &Context, mut jobs: usize, mut changes: Changes) {
        loop {
            let change = tokio::select! {
                biased;
                () = ctx.stopping() => return,
                () = self.board.shut_down() => return,
                change = changes.next() => change,
            };
            match change {
                Change::Added => {
                    jobs += 1;
                    if let Err(error) = self.check(jobs) {
                        error!(%error, "firings of hosted jobs may be lost");
                    }
                }
                Change::Removed(job) => {
                    jobs = jobs.saturating_sub(1);
                    self.board.forget(job);
                }
            }
        }
    }

    /// Tells whether the channels have room for so many jobs, as far as they are ours.
    fn check(&self, jobs: usize) -> Result<(), TooMany> {
        let capacity = self.capacity;
        if self.make.is_some() || jobs <= capacity { Ok(()) } else { Err(TooMany { jobs, capacity }) }
    }
}

impl Service for Host {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let session = self.make(&ctx).await?;
        let board = Arc::clone(&self.board);
        ctx.inspect("tasks", move || board.list());
        let jobs = Jobs::new(session.scheduler(), &self.board, ctx.clone());
        let Some(added) = ctx.until_stopping((self.add_jobs)(jobs)).await else {
            return Ok(());
        };
        added?;
        let count = session.count().await?;
        self.check(count)?;
        let changes = Changes::of(session.scheduler());
        session.start().await?;
        ctx.ready();
        self.follow(&ctx, count, changes).await;
        session.drain().await;
        Ok(())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// There are more jobs than the channels have room for.
#[derive(Debug, thiserror::Error)]
#[error("there are {jobs} jobs, and channels for {capacity}; raise `Host::capacity`")]
struct TooMany {
    jobs: usize,
    capacity: usize,
}
