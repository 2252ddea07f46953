//! Tasks that run when somebody says so, with arguments, and what they give back.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, Weak},
    task::{Context as TaskContext, Poll},
};

use misc_core::BoxError;
use tokio::sync::oneshot;

use crate::{
    engine::{Ended, Shared, lock},
    refused::{self, Refused},
    run::Run,
    status::Outcome,
    task::Task,
    work::{Attempt, Next},
};

/// Describes a task that runs on demand, with an argument; returns its handle, and the task to add.
///
/// Up to 100 run at once and the others wait in order, unless [`Task::concurrency`] and [`Task::overlap`] say otherwise.
/// Several arguments are a tuple. Each attempt gets a clone of the argument.
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError, Context};
/// use misc_scheduler::{Scheduler, on_demand};
///
/// let (orders, task) = on_demand("process_order", async |id: u64| -> Result<String, BoxError> {
///     Ok(format!("order {id} is on its way"))
/// });
/// let app = App::new("shop").service("tasks", Scheduler::new().add(task)).service("web", async move |_: Context| {
///     assert_eq!(orders.start(7).await?, "order 7 is on its way");
///     Ok(())
/// });
/// # drop(app);
/// ```
pub fn on_demand<A, T, E, F, Fut>(name: impl Into<Arc<str>>, work: F) -> (OnDemand<A, T>, Task)
where
    A: Clone + Send + Sync + 'static,
    T: Send + 'static,
    E: Into<BoxError>,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    on_demand_with(name, (), move |(), argument| work(argument))
}

/// Describes a task that runs on demand, whose work gets a clone of `input` before its argument.
///
/// # Examples
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use misc_core::BoxError;
/// use misc_scheduler::on_demand_with;
///
/// let sum = Arc::new(AtomicU64::new(0));
/// let (add, task) = on_demand_with("add", sum, async |sum: Arc<AtomicU64>, by: u64| -> Result<u64, BoxError> {
///     Ok(sum.fetch_add(by, Ordering::Relaxed) + by)
/// });
/// # drop((add, task));
/// ```
pub fn on_demand_with<I, A, T, E, F, Fut>(name: impl Into<Arc<str>>, input: I, work: F) -> (OnDemand<A, T>, Task)
where
    I: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
    T: Send + 'static,
    E: Into<BoxError>,
    F: Fn(I, A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    let link = Arc::new(Link { name: name.into(), shared: OnceLock::new() });
    let begin = move |argument: A, result: Slot<T>| -> Attempt {
        let work = work(input.clone(), argument);
        Box::pin(async move {
            let value = work.await.map_err(Into::into)?;
            *lock(&result) = Some(value);
            Ok(Next::Continue)
        })
    };
    let task = Task::on_demand(Arc::clone(&link.name), Arc::clone(&link));
    (OnDemand { link, begin: Arc::new(begin) }, task)
}

type Slot<T> = Arc<Mutex<Option<T>>>;
type Begin<A, T> = dyn Fn(A, Slot<T>) -> Attempt + Send + Sync;

/// Starts a task that runs [`on_demand`]. Cheap to clone.
pub struct OnDemand<A, T> {
    link: Arc<Link>,
    begin: Arc<Begin<A, T>>,
}

impl<A: Clone + Send + Sync + 'static, T: Send + 'static> OnDemand<A, T> {
    /// Starts a run, as the task's policies let it; awaiting what is returned gives its result.
    ///
    /// It does not have to be awaited: the run is the scheduler's own. When the scheduler is not running, the result is
    /// an error that says so.
    pub fn start(&self, argument: A) -> Running<T> {
        let result = Slot::<T>::default();
        let (begin, into) = (Arc::clone(&self.begin), Arc::clone(&result));
        let payload = Arc::new(move |_: Run| begin(argument.clone(), Arc::clone(&into)));
        let started = match self.link.shared.get().and_then(Weak::upgrade) {
            Some(shared) => shared.run_now(&self.link.name, Some(payload)),
            None => Err(Refused::new(refused::Kind::NotRunning)),
        };
        Running::new(started, result)
    }

    /// Returns the name of the task.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.link.name
    }
}

impl<A, T> Clone for OnDemand<A, T> {
    fn clone(&self) -> Self {
        Self { link: Arc::clone(&self.link), begin: Arc::clone(&self.begin) }
    }
}

impl<A, T> fmt::Debug for OnDemand<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemand").field("task", &self.link.name).finish_non_exhaustive()
    }
}

/// Ties the handle of a task to the scheduler that it was added to.
pub(crate) struct Link {
    name: Arc<str>,
    shared: OnceLock<Weak<Shared>>,
}

impl Link {
    /// Ties it; `false` if it is tied already.
    pub(crate) fn tie(&self, shared: &Arc<Shared>) -> bool {
        self.shared.set(Arc::downgrade(shared)).is_ok()
    }
}

/// A run that was asked for: a future of its result.
///
/// Dropping it leaves the run alone.
///
/// # Cancel safety
/// Strict.
pub struct Running<T> {
    started: Result<Started, Option<Refused>>,
    result: Slot<T>,
    _value: PhantomData<fn() -> T>,
}

/// What is known of a run that was asked for.
pub(crate) struct Started {
    pub(crate) shared: Weak<Shared>,
    pub(crate) id: usize,
    pub(crate) ticket: u64,
    pub(crate) ended: oneshot::Receiver<Ended>,
}

impl<T> Running<T> {
    pub(crate) fn new(started: Result<Started, Refused>, result: Slot<T>) -> Self {
        Self { started: started.map_err(Some), result, _value: PhantomData }
    }

    /// Drops the run at its next await, or takes it out of the queue. Its result then is a cancelled [`RunError`].
    pub fn abort(&self) {
        if let Ok(started) = &self.started
            && let Some(shared) = started.shared.upgrade()
        {
            shared.cancel_run(started.id, started.ticket);
        }
    }
}

impl<T> Future for Running<T> {
    type Output = Result<T, RunError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let started = match &mut this.started {
            Ok(started) => started,
            Err(refused) => return Poll::Ready(Err(RunError::refused(refused.take()))),
        };
        let ended = std::task::ready!(Pin::new(&mut started.ended).poll(cx));
        let value = lock(&this.result).take();
        Poll::Ready(match (ended, value) {
            (Ok(ended), Some(value)) if ended.outcome == Some(Outcome::Succeeded) => Ok(value),
            (Ok(ended), _) => Err(RunError::of(ended)),
            (Err(_), _) => Err(RunError(Kind::Cancelled)),
        })
    }
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("is_started", &self.started.is_ok()).finish_non_exhaustive()
    }
}

/// Why a run has no result.
#[derive(Debug, Clone)]
pub struct RunError(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Failed(Arc<dyn std::error::Error + Send + Sync>),
    Panicked(Arc<dyn std::error::Error + Send + Sync>),
    TimedOut,
    Cancelled,
    Skipped,
    Refused(Option<Refused>),
}

impl RunError {
    fn refused(refused: Option<Refused>) -> Self {
        Self(Kind::Refused(refused))
    }

    fn of(ended: Ended) -> Self {
        Self(match (ended.outcome, ended.error) {
            (None, _) => Kind::Skipped,
            (Some(Outcome::Failed), Some(error)) => Kind::Failed(error),
            (Some(Outcome::Panicked), Some(error)) => Kind::Panicked(error),
            (Some(Outcome::TimedOut), _) => Kind::TimedOut,
            _ => Kind::Cancelled,
        })
    }

    /// Tells whether the work has returned an error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self.0, Kind::Failed(_))
    }

    /// Tells whether the work has panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// Tells whether it has run out of time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Kind::TimedOut)
    }

    /// Tells whether it was dropped before it had ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0, Kind::Cancelled)
    }

    /// Tells whether it never began, since too many were running or waiting.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self.0, Kind::Skipped)
    }

    /// Tells whether it never began, since the scheduler is not running or the task is not there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0, Kind::Refused(_))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Failed(_) => "the run failed",
            Kind::Panicked(_) => "the run panicked",
            Kind::TimedOut => "the run took too long",
            Kind::Cancelled => "the run was cancelled",
            Kind::Skipped => "the run was skipped: too many are running or waiting",
            Kind::Refused(_) => "the run was refused",
        })
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Failed(error) | Kind::Panicked(error) => Some(&**error),
            Kind::Refused(Some(refused)) => Some(refused),
            Kind::Refused(None) | Kind::TimedOut | Kind::Cancelled | Kind::Skipped => None,
        }
    }
}
