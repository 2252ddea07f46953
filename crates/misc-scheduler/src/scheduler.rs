//! The scheduler: a service that runs tasks.

use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use misc_core::{BoxError, Context, Ledger, Plan, Service};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use crate::{
    clock::Clock,
    engine::{Drain, Shared, Turn, Verdict},
    handle::Tasks,
    ledger::{Claims, DynLedger},
    policy::WhenAway,
    task::{Def, Task},
    trigger::Trigger,
    work::{Nothing, Work},
};

/// How many last firings the ledger is asked for at once.
const RECALLS: usize = 32;

/// A service that runs tasks, each by its trigger and its policies.
///
/// It is ready once its [`once`](crate::once) tasks have succeeded. When it shall stop it fires no more, and waits for
/// runs, or drops them, as their tasks say. What is wrong with tasks is told, all of it, before the app starts anything.
/// With `spec(scheduler).restart(..)` it can be started again, with its tasks as they are then.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::App;
/// use misc_scheduler::{Overlap, Scheduler, Task, after, daily, every};
///
/// async fn report() -> std::io::Result<()> {
///     Ok(())
/// }
///
/// let scheduler = Scheduler::new()
///     .task("measure", every(Duration::from_secs(5)), async || println!("measured"))
///     .task("log", after("measure"), async || println!("logged"))
///     .add(Task::new("report", daily("09:00").tz("Europe/Berlin"), report).timeout(Duration::from_secs(60)));
/// let app = App::new("shop").service("tasks", scheduler);
/// # drop(app);
/// ```
#[derive(Clone)]
#[must_use = "a scheduler does nothing until it is registered: `App::service`"]
pub struct Scheduler {
    shared: Arc<Shared>,
    ledger: Option<Arc<dyn DynLedger>>,
    when_away: WhenAway,
}

impl Scheduler {
    /// Creates a scheduler without tasks.
    pub fn new() -> Self {
        Self { shared: Shared::new(), ledger: None, when_away: WhenAway::default() }
    }

    /// Adds a task with the default policies; see [`Task::new`].
    pub fn task<Shape>(
        self,
        name: impl Into<Arc<str>>,
        trigger: impl Into<Trigger>,
        work: impl Work<Nothing, Shape>,
    ) -> Self {
        self.add(Task::new(name, trigger, work))
    }

    /// Adds a task whose work gets a clone of `input` for each run; see [`Task::with`].
    pub fn task_with<I, Shape>(
        self,
        name: impl Into<Arc<str>>,
        trigger: impl Into<Trigger>,
        input: I,
        work: impl Work<I, Shape>,
    ) -> Self
    where
        I: Clone + Send + Sync + 'static,
    {
        self.add(Task::with(name, trigger, input, work))
    }

    /// Adds a task with policies of its own, or one that runs on demand.
    #[expect(clippy::should_implement_trait, reason = "nobody adds a task by `+`")]
    pub fn add(self, task: Task) -> Self {
        self.shared.describe(task);
        self
    }

    /// Keeps what fires by the wall clock in a ledger: a restart catches up, and of several replicas one runs each.
    ///
    /// That are [`daily`](crate::daily), [`cron`](crate::cron), [`at`](crate::at) and
    /// [`every`](crate::every) that is aligned or starts at a time of day. Others have no time that replicas agree on: they
    /// run on each, as do tasks that are [`local`](Task::local). A firing is claimed, and remembered as the last one, before
    /// it runs: so it starts at most once, and one whose process dies meanwhile is not run again. After a restart, what was
    /// due since the last firing is up to the task's [`Misfire`](crate::Misfire) policy. Keys begin with
    /// `<service>/<task>`, so replicas must have the same names.
    pub fn ledger(mut self, ledger: impl Ledger) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// Sets what becomes of a firing when the ledger cannot be asked ([`WhenAway::Wait`]).
    pub fn when_away(mut self, when_away: WhenAway) -> Self {
        self.when_away = when_away;
        self
    }

    /// Sets where the time of day comes from ([`Clock::system`]).
    pub fn clock(self, clock: Clock) -> Self {
        self.shared.set_clock(clock);
        self
    }

    /// Sets how many ended runs of each task are kept to be looked at (16).
    pub fn history(self, runs: usize) -> Self {
        self.shared.set_history(runs);
        self
    }

    /// Returns a handle on the tasks.
    #[must_use]
    pub fn handle(&self) -> Tasks {
        Tasks::new(Arc::clone(&self.shared))
    }

    /// Reads the last firings from the ledger; without those that it does not tell, unless they are waited for.
    async fn recall(&self, claims: &Claims) {
        let tasks = self.shared.durable().into_iter();
        let recalls = tasks.map(|(id, def)| async move { self.recall_one(claims, id, &def).await });
        let mut recalled = stream::iter(recalls).buffer_unordered(RECALLS);
        while let Some(true) = recalled.next().await {}
    }

    /// Returns whether the ledger has told.
    async fn recall_one(&self, claims: &Claims, id: usize, def: &Arc<Def>) -> bool {
        loop {
            let Err(error) = self.try_recall(claims, id, def).await else {
                return true;
            };
            warn!(task = %def.name, error, "the ledger does not say when this task last ran");
            if !claims.waits() {
                return false;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn try_recall(&self, claims: &Claims, id: usize, def: &Arc<Def>) -> Result<(), BoxError> {
        let now = self.shared.wall();
        let last = claims.last(def, now).await?;
        for (name, first) in self.shared.recalled(id, def, last, now) {
            let anchor = claims.anchor(def, &name, first).await?;
            self.shared.anchor(id, def, &name, anchor);
        }
        Ok(())
    }

    /// Runs until `stop` says that it shall end, and how; `ready` is told once the tasks that run once have succeeded.
    pub(crate) async fn drive(
        self,
        ctx: &Context,
        ready: impl FnMut(),
        stop: impl Future<Output = Result<(), BoxError>>,
    ) -> Result<(), BoxError> {
        let Some(session) = self.shared.open(ctx) else {
            return Err("this scheduler runs as another service already; register it once".into());
        };
        let tasks = self.handle();
        ctx.inspect("tasks", move || tasks.list());
        let claims = self.ledger.as_ref().map(|ledger| Claims::new(Arc::clone(ledger), self.when_away, ctx.name()));
        let claims = claims.map(Arc::new);
        if let Some(claims) = &claims
            && ctx.until_stopping(self.recall(claims)).await.is_none()
        {
            return Ok(());
        }
        self.shared.begin(claims);
        let ended = tokio::select! {
            biased;
            ended = stop => ended.and_then(|()| self.shared.verdict().into_result()),
            verdict = self.work(ready) => verdict.into_result(),
        };
        self.shared.stop();
        if ctx.is_stopping() {
            self.drain().await;
        } else {
            // The service ends by itself. Its runs shall hear of it, and have no more time than for any other stop: both come
            // with the end of this future, so that they are waited for beside it.
            drop(ctx.spawn(async move {
                self.drain().await;
                drop(session);
            }));
        }
        ended
    }

    /// Fires what is due.
    async fn work(&self, mut ready: impl FnMut()) -> Verdict {
        loop {
            let alarm = match self.shared.turn() {
                Turn::Ready => {
                    ready();
                    continue;
                }
                Turn::Again => {
                    make_way().await;
                    continue;
                }
                Turn::Sleep(alarm) => alarm,
                Turn::End(verdict) => return verdict,
            };
            tokio::select! {
                biased;
                () = self.shared.woken() => {}
                () = until(alarm) => {}
            }
        }
    }

    /// Waits for runs, each for as long as its task says.
    async fn drain(&self) {
        let since = Instant::now();
        while let Drain::Until(alarm) = self.shared.drain(since) {
            tokio::select! {
                () = self.shared.woken() => {}
                () = until(alarm) => {}
            }
        }
    }
}

/// Lets those run that wait for this thread.
///
/// Tokio's own `yield_now` waits until none is left, and looks for work elsewhere, so that all threads run dry in between.
async fn make_way() {
    let mut has_made_way = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_made_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(alarm) => sleep_until(alarm).await,
        None => std::future::pending().await,
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Scheduler {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let stop = async {
            ctx.stopping().await;
            Ok(())
        };
        self.drive(&ctx, || ctx.ready(), stop).await
    }

    fn describe(&mut self, plan: &mut Plan) {
        for problem in self.shared.problems() {
            plan.problem(problem);
        }
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("shared", &self.shared).finish_non_exhaustive()
    }
}
