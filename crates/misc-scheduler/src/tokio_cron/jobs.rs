//! What adds jobs is given.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use misc_core::Context;
use tokio_cron_scheduler::{JobScheduler, job::JobId};

use super::board::Board;

/// The scheduler of a [`Host`](super::Host), to add jobs to: it is a [`JobScheduler`] by `Deref`. Cheap to clone.
///
/// # Examples
/// ```
/// use misc_core::BoxError;
/// use misc_scheduler::tokio_cron::{Host, Jobs};
/// use tokio_cron_scheduler::{Job, JobScheduler};
///
/// async fn add_jobs(scheduler: &JobScheduler) -> Result<(), BoxError> {
///     scheduler.add(Job::new("0 * * * * *", |_id, _scheduler| println!("a minute has passed"))?).await?;
///     Ok(())
/// }
///
/// let host = Host::new(async |jobs: Jobs| {
///     add_jobs(&jobs).await?;
///     let nightly = Job::new_async("0 0 3 * * *", |_id, _scheduler| Box::pin(async {}))?;
///     jobs.name(jobs.add(nightly).await?, "nightly");
///     Ok::<_, BoxError>(())
/// });
/// # drop(host);
/// ```
#[derive(Clone)]
pub struct Jobs {
    scheduler: JobScheduler,
    board: Arc<Board>,
    ctx: Context,
}

impl Jobs {
    pub(super) fn new(scheduler: &JobScheduler, board: &Arc<Board>, ctx: Context) -> Self {
        let mut scheduler = scheduler.clone();
        let told = Arc::clone(board);
        scheduler.set_shutdown_handler(Box::new(move || {
            told.tell_shut_down();
            Box::pin(std::future::ready(()))
        }));
        Self { scheduler, board: Arc::clone(board), ctx }
    }

    /// Gives a job a name, by which metrics, logs and the status know it.
    ///
    /// Without one, it goes by its schedule, together with all others of that schedule.
    pub fn name(&self, job: JobId, name: impl Into<Arc<str>>) {
        self.board.name(job, name.into());
    }

    /// Returns the context of the service, for its resources.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.ctx
    }
}

impl Deref for Jobs {
    type Target = JobScheduler;

    fn deref(&self) -> &JobScheduler {
        &self.scheduler
    }
}

impl DerefMut for Jobs {
    fn deref_mut(&mut self) -> &mut JobScheduler {
        &mut self.scheduler
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("service", &self.ctx.name()).finish_non_exhaustive()
    }
}
