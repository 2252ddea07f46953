//! Tasks that belong to a service.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinHandle},
};
use tracing::warn;

use crate::{
    node::Node,
    run::{Run, TaskGuard, panic_message},
};

/// A task of a service; awaiting it gives its result.
///
/// Dropping it leaves the task running: its owner is the service, not this handle.
#[derive(Debug)]
pub struct Task<T> {
    handle: Option<JoinHandle<Result<T, TaskError>>>,
}

impl<T> Task<T> {
    /// Drops the task's future at its next await. Awaiting the task then gives a cancelled [`TaskError`].
    pub fn abort(&self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }

    /// Tells whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Some(handle) = &mut self.handle else {
            return Poll::Ready(Err(TaskError(Kind::Refused)));
        };
        Pin::new(handle).poll(cx).map(|joined| joined.unwrap_or(Err(TaskError(Kind::Cancelled))))
    }
}

/// Why a task has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Panicked(String),
    Cancelled,
    Refused,
}

impl TaskError {
    /// Tells whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// Tells whether the task was dropped before it had ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0 == Kind::Cancelled
    }

    /// Tells whether the task was never started, since its service had ended.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0 == Kind::Refused
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Panicked(message) => write!(f, "the task panicked: {message}"),
            Kind::Cancelled => f.write_str("the task was cancelled"),
            Kind::Refused => f.write_str("the task was refused: its service has ended"),
        }
    }
}

impl std::error::Error for TaskError {}

/// Spawns a future as a task of `run`.
pub(crate) fn spawn<F>(run: &Arc<Run>, location: &'static Location<'static>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    launch(run, location, |guard| spawn_owned(run.within(Tracked::new(future, guard))))
}

/// Spawns a future that is dropped as soon as `run` shall stop.
pub(crate) fn spawn_until_stopping<F>(
    run: &Arc<Run>,
    location: &'static Location<'static>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let stopping = run.stopping.clone();
    let cancellable = async move { stopping.run_until_cancelled_owned(future).await };
    launch(run, location, |guard| {
        let tracked = run.within(Tracked::new(cancellable, guard));
        spawn_owned(async move { tracked.await?.ok_or(TaskError(Kind::Cancelled)) })
    })
}

/// Runs a closure on the runtime's threads for blocking work, as a task of `run`.
pub(crate) fn blocking<T: Send + 'static>(
    run: &Arc<Run>,
    location: &'static Location<'static>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    let inside = Arc::clone(run);
    launch(run, location, |guard| {
        tokio::task::spawn_blocking(move || {
            let result = guard.run().guarded(|| inside.within_sync(work));
            result.map_err(|payload| fail(&guard, &*payload))
        })
    })
}

fn launch<T>(
    run: &Arc<Run>,
    location: &'static Location<'static>,
    spawn: impl FnOnce(TaskGuard) -> JoinHandle<Result<T, TaskError>>,
) -> Task<T> {
    let Some(guard) = run.enter(location) else {
        warn_refused(&run.node, location);
        return Task { handle: None };
    };
    let id = guard.id();
    let handle = spawn(guard);
    run.abort_with(id, handle.abort_handle());
    Task { handle: Some(handle) }
}

fn warn_refused(node: &Node, location: &'static Location<'static>) {
    warn!(service = %node.path(), %location, "a task was refused: its service has ended");
}

fn fail(guard: &TaskGuard, payload: &(dyn Any + Send)) -> TaskError {
    guard.panicked(payload);
    TaskError(Kind::Panicked(panic_message(payload)))
}

/// Spawns on the runtime; only for tasks that a service owns.
#[expect(clippy::disallowed_methods, reason = "the one place where tasks begin; all of them are tracked")]
fn spawn_owned<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Spawns a service itself on the runtime for services; returns the means to drop it.
pub(crate) fn spawn_service(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    runtime.spawn(future).abort_handle()
}

/// A task's future: its panic is told to the service, its end takes it off the list.
struct Tracked<F> {
    future: Option<Pin<Box<F>>>,
    // Dropped after the future, so that who is told may rely on everything in it being released.
    guard: TaskGuard,
}

impl<F> Tracked<F> {
    fn new(future: F, guard: TaskGuard) -> Self {
        Self { future: Some(Box::pin(future)), guard }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = Result<F::Output, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(future) = &mut this.future else {
            return Poll::Ready(Err(TaskError(Kind::Cancelled)));
        };
        match this.guard.run().guarded(|| future.as_mut().poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(fail(&this.guard, &*payload))),
        }
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        if let Err(payload) = self.guard.run().guarded(|| drop(future)) {
            self.guard.panicked(&*payload);
        }
    }
}
