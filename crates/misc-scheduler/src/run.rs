//! What a run of a task is given.

use std::{fmt, future::Future, sync::Arc, time::SystemTime};

use misc_core::Context;

use crate::{engine::Shared, handle::Tasks, instant, task::Def};

/// One run of a task, as its work sees it. Cheap to clone.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::{Run, Scheduler, every};
///
/// let scheduler = Scheduler::new().task("poll", every(Duration::from_secs(5)), async |run: Run| {
///     tracing::info!(due = ?run.due(), attempt = run.attempt(), "polling");
/// });
/// # drop(scheduler);
/// ```
#[derive(Clone)]
pub struct Run {
    shared: Arc<Shared>,
    def: Arc<Def>,
    ctx: Context,
    due: i64,
    attempt: u32,
}

impl Run {
    pub(crate) fn new(shared: Arc<Shared>, def: Arc<Def>, ctx: Context, due: i64, attempt: u32) -> Self {
        Self { shared, def, ctx, due, attempt }
    }

    /// Returns the name of the task.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.def.name
    }

    /// Returns the time for which the run was planned, which is before the time at which it began.
    ///
    /// A daily report takes its date from it, so that it is the right one also after a delay.
    #[must_use]
    pub fn due(&self) -> SystemTime {
        instant::to_system_time(self.due)
    }

    /// Returns which attempt this is, from 1; see [`Retry`](crate::Retry).
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Waits until the service shall stop.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn stopping(&self) {
        self.ctx.stopping().await;
    }

    /// Tells whether the service shall stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.ctx.is_stopping()
    }

    /// Runs `future` until the service shall stop; returns `None`, and drops it, when that comes first.
    ///
    /// # Cancel safety
    /// As cancel safe as `future`, which may be dropped at any await.
    pub async fn until_stopping<F: Future>(&self, future: F) -> Option<F::Output> {
        self.ctx.until_stopping(future).await
    }

    /// Returns a handle on the tasks of the scheduler, this one among them.
    ///
    /// Work should rather take it from here than keep one: what it keeps is kept by the scheduler itself, which would keep
    /// itself so.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        Tasks::new(Arc::clone(&self.shared))
    }

    /// Returns the context of the service, for its resources, its meter, and work on blocking threads.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.ctx
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("task", &self.task())
            .field("due", &self.due())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
