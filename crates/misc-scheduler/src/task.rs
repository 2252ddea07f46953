//! A task: a name, when it runs, what it does, and how its runs behave.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use misc_core::Context;

use crate::{
    arm::Arm,
    label::Label,
    meters::Meters,
    on_demand::Link,
    policy::{Misfire, OnFailure, OnStop, Overlap, Policy, Retry},
    trigger::Trigger,
    work::{DynWork, Nothing, Work, erase},
};

/// A task with its policies, for [`Scheduler::add`](crate::Scheduler::add) and [`Tasks::add`](crate::Tasks::add).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::{Misfire, OnStop, Overlap, Retry, Run, Scheduler, Task, daily};
///
/// async fn report(run: Run) -> std::io::Result<()> {
///     println!("the report of {:?}", run.due());
///     Ok(())
/// }
///
/// let report = Task::new("report", daily("09:00").tz("Europe/Berlin"), report)
///     .overlap(Overlap::QueueOne)
///     .misfire(Misfire::Once)
///     .grace(Duration::from_secs(3600))
///     .timeout(Duration::from_secs(300))
///     .retry(Retry::new(3))
///     .on_stop(OnStop::DrainFor(Duration::from_secs(10)));
/// let scheduler = Scheduler::new().add(report);
/// # drop(scheduler);
/// ```
#[must_use = "a task does nothing until it is added: `Scheduler::add`"]
pub struct Task {
    pub(crate) name: Arc<str>,
    /// `None` if it runs on demand.
    trigger: Option<Trigger>,
    work: Option<Box<DynWork>>,
    policy: Policy,
    jitter: Duration,
    link: Option<Arc<Link>>,
}

impl Task {
    /// Creates a task with the default policies.
    ///
    /// `work` is an async closure or function that takes nothing or a [`Run`](crate::Run). One that has something to keep
    /// gets it as an input: [`with`](Self::with).
    pub fn new<Shape>(name: impl Into<Arc<str>>, trigger: impl Into<Trigger>, work: impl Work<Nothing, Shape>) -> Self {
        Self::with(name, trigger, Nothing, work)
    }

    /// Creates a task whose work gets a clone of `input` for each run, as its first argument.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use misc_core::{BoxError, Resource, resource};
    /// use misc_scheduler::{Run, Scheduler, Task, every};
    ///
    /// #[derive(Clone)]
    /// struct Pool;
    ///
    /// impl Pool {
    ///     async fn sweep(&self) -> Result<(), BoxError> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (db, _db_service) = resource((), async |()| Ok::<_, BoxError>(Pool)).split();
    /// let sweep = Task::with("sweep", every(Duration::from_secs(60)), db, async |db: Resource<Pool>, _: Run| {
    ///     db.get().await?.sweep().await
    /// });
    /// let scheduler = Scheduler::new().add(sweep);
    /// # drop(scheduler);
    /// ```
    pub fn with<I, Shape>(
        name: impl Into<Arc<str>>,
        trigger: impl Into<Trigger>,
        input: I,
        work: impl Work<I, Shape>,
    ) -> Self
    where
        I: Clone + Send + Sync + 'static,
    {
        Self {
            name: name.into(),
            trigger: Some(trigger.into()),
            work: Some(erase(input, work)),
            policy: Policy::DEFAULT,
            jitter: Duration::ZERO,
            link: None,
        }
    }

    /// Creates a task that runs when its handle says so.
    pub(crate) fn on_demand(name: Arc<str>, link: Arc<Link>) -> Self {
        let policy = Policy { overlap: Overlap::QueueAll, at_once: 100, ..Policy::DEFAULT };
        Self { name, trigger: None, work: None, policy, jitter: Duration::ZERO, link: Some(link) }
    }

    /// Sets what becomes of a firing while the task still runs ([`Overlap::Skip`]).
    ///
    /// [`Overlap::Allow`] sets the [`concurrency`](Self::concurrency), too.
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        if let Overlap::Allow(at_once) = overlap {
            self.policy.at_once = at_once;
        }
        self.policy.overlap = overlap;
        self
    }

    /// Sets how many runs there may be at once (1; 100 for those [`on_demand`](crate::on_demand)).
    ///
    /// What a further firing meets is the [`overlap`](Self::overlap) policy.
    pub fn concurrency(mut self, runs: u32) -> Self {
        self.policy.at_once = runs;
        self
    }

    /// Sets what becomes of firings that come more than a second late ([`Misfire::Once`]).
    pub fn misfire(mut self, misfire: Misfire) -> Self {
        self.policy.misfire = misfire;
        self
    }

    /// Sets how old a missed firing may be and still be made up for (any age).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.policy.grace = Some(grace);
        self
    }

    /// Sets how long an attempt may take (any time); one that takes longer is dropped, and has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.policy.timeout = Some(timeout);
        self
    }

    /// Runs it again when it fails.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.policy.retry = Some(Box::new(retry));
        self
    }

    /// Delays each firing by a random time up to this; see [`Trigger::jitter`], which goes before it.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Sets what a stop means for its runs ([`OnStop::Drain`]).
    pub fn on_stop(mut self, on_stop: OnStop) -> Self {
        self.policy.on_stop = on_stop;
        self
    }

    /// Sets what a failed run means ([`OnFailure::Log`]).
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.policy.on_failure = on_failure;
        self
    }

    /// Sets after how long a run counts as stuck, for [`Tasks::healthy`](crate::Tasks::healthy) (its timeout).
    pub fn stuck_after(mut self, time: Duration) -> Self {
        self.policy.stuck_after = Some(time);
        self
    }

    /// Lets the service be ready before this task has succeeded; only for those that run [`once`](crate::once).
    pub fn background(mut self) -> Self {
        self.policy.background = true;
        self
    }

    /// Runs it on every replica, and forgets its firings at the end: the [`ledger`](crate::Scheduler::ledger) is not asked.
    pub fn local(mut self) -> Self {
        self.policy.local = true;
        self
    }

    /// Lets another replica run a firing again when the one that claimed it has not finished it within that time.
    ///
    /// Without it each firing starts at most once, and one whose process dies meanwhile is lost; with it each firing is
    /// finished at least once, as long as a replica is there that saw the claim. While its task is paused or busy there, it
    /// is looked at again after each such time. Choose more than a run may take with its retries, or it runs twice at once.
    /// It takes a [`ledger`](crate::Scheduler::ledger).
    pub fn rerun_after(mut self, time: Duration) -> Self {
        self.policy.rerun_after = Some(time);
        self
    }

    /// Makes it what the engine runs.
    ///
    /// # Errors
    /// All that is wrong with it by itself.
    pub(crate) fn compile(self) -> Result<Compiled, Vec<String>> {
        let mut problems = Vec::new();
        let is_once = self.trigger.as_ref().is_some_and(Trigger::is_once);
        if self.name.is_empty() {
            problems.push("it has an empty name; give it one".to_owned());
        }
        if self.policy.background && !is_once {
            problems.push("`background` is for tasks that run `once()`; take it out".to_owned());
        }
        self.policy.problems(&mut problems);
        let label = self.trigger.as_ref().map_or(Label::OnDemand, Trigger::label);
        let mut arms = match self.trigger {
            Some(trigger) => trigger.jitter_unless_set(self.jitter).compile(&mut problems),
            None => Vec::new(),
        };
        arms.shrink_to_fit();
        if !problems.is_empty() {
            let name = &self.name;
            return Err(problems.into_iter().map(|problem| format!("task `{name}`: {problem}")).collect());
        }
        let def = Def { name: self.name, work: self.work, policy: self.policy, meters: OnceLock::new() };
        Ok(Compiled { def: Arc::new(def), arms: arms.into(), label, link: self.link })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name)
            .field("trigger", &self.trigger)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// What of a task never changes, shared by its runs.
pub(crate) struct Def {
    pub(crate) name: Arc<str>,
    pub(crate) work: Option<Box<DynWork>>,
    pub(crate) policy: Policy,
    meters: OnceLock<Box<Meters>>,
}

impl Def {
    /// Returns its metrics, resolved the first time; `None` when nothing is recorded.
    pub(crate) fn meters(&self, ctx: &Context) -> Option<&Meters> {
        if self.meters.get().is_none()
            && let Some(meters) = Meters::resolve(ctx, &self.name)
        {
            // Lost to another one that has resolved the same.
            drop(self.meters.set(meters));
        }
        self.meters.get().map(|meters| &**meters)
    }
}

/// A task that makes sense by itself.
pub(crate) struct Compiled {
    pub(crate) def: Arc<Def>,
    pub(crate) arms: Box<[Arm]>,
    pub(crate) label: Label,
    pub(crate) link: Option<Arc<Link>>,
}
