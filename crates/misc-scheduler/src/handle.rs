//! The handle of a scheduler.

use std::{fmt, future::Ready, sync::Arc};

use crate::{
    engine::Shared,
    health::Unhealthy,
    on_demand::Running,
    refused::{Kind, Refused},
    status::{Ran, TaskStatus},
    task::Task,
    trigger::Trigger,
};

/// Looks at the tasks of a [`Scheduler`](crate::Scheduler), and steers them, from anywhere. Cheap to clone.
///
/// Every call takes effect at once. It works from inside of a task, too, on that task itself as on others: nothing here
/// waits for a run, but [`next_run`](Self::next_run).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::{App, Context};
/// use misc_scheduler::{Scheduler, every, manual};
///
/// let scheduler = Scheduler::new()
///     .task("poll", every(Duration::from_secs(5)), async || {})
///     .task("rebuild", manual(), async || {});
/// let tasks = scheduler.handle();
/// let app = App::new("shop").service("tasks", scheduler).service("operator", async move |ctx: Context| {
///     ctx.ready();
///     tasks.run_now("rebuild").await?;
///     tasks.pause("poll")?;
///     for task in tasks.list() {
///         println!("{} is {:?}, next {:?}", task.name, task.state, task.next);
///     }
///     Ok(())
/// });
/// # drop(app);
/// ```
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

impl Tasks {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns the status of every task.
    #[must_use]
    pub fn list(&self) -> Vec<TaskStatus> {
        self.shared.list()
    }

    /// Returns the status of a task.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task.
    pub fn status(&self, task: &str) -> Result<TaskStatus, Refused> {
        self.shared.status(task)
    }

    /// Returns the last runs of a task that have ended, the latest last; how many is [`Scheduler::history`].
    ///
    /// # Errors
    /// [`Refused`] when there is no such task.
    ///
    /// [`Scheduler::history`]: crate::Scheduler::history
    pub fn history(&self, task: &str) -> Result<Vec<Ran>, Refused> {
        self.shared.past(task)
    }

    /// Starts a run now, as the overlap policy lets it; awaiting what is returned waits for its end.
    ///
    /// It does not have to be awaited. The schedule goes on as it was, also while it is paused.
    pub fn run_now(&self, task: &str) -> Running<()> {
        self.shared.run_now_without_argument(task)
    }

    /// Waits for the end of the next run of a task, and returns what it was.
    ///
    /// A run that is under way counts.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task, or it was removed, or the scheduler has ended, before that.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn next_run(&self, task: &str) -> Result<Ran, Refused> {
        let ran = self.shared.next_run(task)?;
        ran.await.map_err(|_| Refused::new(Kind::Removed(task.into())))
    }

    /// Pauses the schedule of a task. What runs goes on, and [`run_now`](Self::run_now) works.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task.
    pub fn pause(&self, task: &str) -> Result<(), Refused> {
        self.shared.pause(task)
    }

    /// Resumes the schedule of a task. What it has missed is up to its [`Misfire`](crate::Misfire) policy.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task.
    pub fn resume(&self, task: &str) -> Result<(), Refused> {
        self.shared.resume(task)
    }

    /// Gives a task another trigger, which begins now; a task that has finished runs again by it.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task, with all that is wrong with the trigger, or when the task runs on demand.
    pub fn reschedule(&self, task: &str, trigger: impl Into<Trigger>) -> Result<(), Refused> {
        self.shared.reschedule(task, trigger.into())
    }

    /// Drops what runs of a task at its next await, and what waits to run. The schedule goes on.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task.
    pub fn cancel(&self, task: &str) -> Result<(), Refused> {
        self.shared.cancel(task)
    }

    /// Adds a task.
    ///
    /// One that runs [`once`](crate::once) does so at once, and gates nothing if the service is ready already.
    ///
    /// # Errors
    /// [`Refused`], with all that is wrong with it.
    pub fn add(&self, task: Task) -> Result<(), Refused> {
        self.shared.add(task)
    }

    /// Takes a task out. What runs of it goes on to its end.
    ///
    /// # Errors
    /// [`Refused`] when there is no such task, or another one runs after it.
    pub fn remove(&self, task: &str) -> Result<(), Refused> {
        self.shared.remove(task)
    }

    /// Returns a check for misc-health: an async closure that answers at once.
    ///
    /// It passes while the scheduler runs, the last run of each task has not failed, none is overdue (by more than 10 s, its
    /// period and its grace), and no run is stuck (takes longer than [`Task::stuck_after`], or than its timeout).
    ///
    /// # Examples
    /// ```
    /// use misc_scheduler::Scheduler;
    ///
    /// # async fn check() -> Result<(), misc_scheduler::Unhealthy> {
    /// let scheduler = Scheduler::new();
    /// let healthy = scheduler.handle().healthy(); // Health::new().check("tasks", healthy)
    /// healthy().await
    /// # }
    /// ```
    pub fn healthy(&self) -> impl Fn() -> Ready<Result<(), Unhealthy>> + Clone + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || std::future::ready(shared.health())
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("shared", &self.shared).finish()
    }
}
