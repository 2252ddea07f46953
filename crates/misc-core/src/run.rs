//! One run of a service: from a start to its end, with all the tasks it owns.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
    thread,
};

use slab::Slab;
use tokio::{task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    app::Kept,
    error::{BoxError, TaskPanicked},
    node::Node,
    scope::Scope,
    service::ServiceFuture,
    supervisor::Event,
    sync::lock,
};

tokio::task_local! {
    static CURRENT: Arc<Run>;
}

/// Returns the path of the service that the current task belongs to: for log lines and the like.
///
/// `None` outside of services, and in tasks and threads that were not spawned through a [`Context`](crate::Context).
///
/// # Examples
/// ```
/// use misc_core::current_service;
///
/// assert_eq!(current_service(), None);
/// ```
#[must_use]
pub fn current_service() -> Option<Arc<str>> {
    CURRENT.try_with(|run| Arc::clone(run.node.path())).ok()
}

/// Returns the run that the current task belongs to.
pub(crate) fn current() -> Option<Arc<Run>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Names one run of one service, so that a late event of an earlier run is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: usize,
    pub(crate) run: u64,
}

/// One run of a service, shared by its context, its tasks and the supervisor.
pub(crate) struct Run {
    pub(crate) key: Key,
    pub(crate) node: Arc<Node>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) stopping: CancellationToken,
    ready: AtomicBool,
    /// How many threads are inside of it right now.
    busy: AtomicUsize,
    tasks: Mutex<Tasks>,
    /// Goes after whatever the run has held.
    _kept: Kept,
}

#[derive(Default)]
struct Tasks {
    live: Slab<LiveTask>,
    spawned: u64,
    /// No task may follow once none is left.
    closed: bool,
    /// Every task is dropped, also one that is being spawned right now.
    aborted: bool,
    stop_deadline: Option<Instant>,
}

struct LiveTask {
    number: u64,
    location: &'static Location<'static>,
    abort: Option<AbortHandle>,
}

/// How a run's own future has ended.
pub(crate) enum End {
    Returned(Result<(), BoxError>),
    Panicked(String),
    Dropped,
}

impl Run {
    pub(crate) fn new(key: Key, node: Arc<Node>, scope: Arc<Scope>, kept: Kept) -> Arc<Self> {
        Arc::new(Self {
            key,
            node,
            scope,
            stopping: CancellationToken::new(),
            ready: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            tasks: Mutex::default(),
            _kept: kept,
        })
    }

    pub(crate) fn ready(&self) {
        if !self.ready.swap(true, Ordering::Relaxed) {
            self.post(Event::Ready(self.key));
        }
    }

    /// Asks the run to stop by `deadline`; asked again, only the deadline changes.
    pub(crate) fn stop(&self, deadline: Instant) {
        lock(&self.tasks).stop_deadline = Some(deadline);
        self.stopping.cancel();
    }

    pub(crate) fn stop_deadline(&self) -> Option<Instant> {
        lock(&self.tasks).stop_deadline
    }

    /// Drops every task of the run, and refuses more.
    pub(crate) fn abort_tasks(&self) {
        let aborts: Vec<_> = {
            let mut tasks = lock(&self.tasks);
            tasks.aborted = true;
            tasks.live.iter().filter_map(|(_, task)| task.abort.clone()).collect()
        };
        for abort in aborts {
            abort.abort();
        }
    }

    /// Refuses tasks as soon as none is left; returns whether none is. The last one posts [`Event::Drained`].
    pub(crate) fn close_tasks(&self) -> bool {
        let mut tasks = lock(&self.tasks);
        tasks.closed = true;
        tasks.live.is_empty()
    }

    /// Returns where the live tasks were spawned.
    pub(crate) fn task_locations(&self) -> Vec<&'static Location<'static>> {
        lock(&self.tasks).live.iter().map(|(_, task)| task.location).collect()
    }

    /// Registers a task; `None` when the run is over.
    pub(crate) fn enter(self: &Arc<Self>, location: &'static Location<'static>) -> Option<TaskGuard> {
        let mut tasks = lock(&self.tasks);
        if tasks.aborted || (tasks.closed && tasks.live.is_empty()) {
            return None;
        }
        tasks.spawned += 1;
        let number = tasks.spawned;
        let slot = tasks.live.insert(LiveTask { number, location, abort: None });
        Some(TaskGuard { run: Arc::clone(self), slot, number, location })
    }

    /// Lets a task be dropped with its run, unless it has ended already.
    pub(crate) fn abort_with(&self, (slot, number): (usize, u64), abort: AbortHandle) {
        let mut tasks = lock(&self.tasks);
        if tasks.aborted {
            drop(tasks);
            return abort.abort();
        }
        if let Some(task) = tasks.live.get_mut(slot).filter(|task| task.number == number) {
            task.abort = Some(abort);
        }
    }

    /// Notes what the service waits for, until the guard is dropped.
    pub(crate) fn waits_for(self: Arc<Self>, what: String) -> Waiting {
        self.node.waits_for(&self, &what);
        Waiting { run: self, what }
    }

    /// Runs `future` as a part of this run.
    pub(crate) fn within<F: Future>(self: &Arc<Self>, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), future)
    }

    /// Runs user code, a poll or a blocking closure, so that a thread that does not come back is seen to be inside.
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> T) -> thread::Result<T> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = catch_unwind(AssertUnwindSafe(work));
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Tells whether a thread is inside of it.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn within_sync<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(self), work)
    }

    fn post(&self, event: Event) {
        // After the app has ended nobody needs to know.
        drop(self.scope.mailbox.post(event));
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("service", &self.node.path()).finish_non_exhaustive()
    }
}

/// Takes a task off its run's list when it is dropped.
pub(crate) struct TaskGuard {
    run: Arc<Run>,
    slot: usize,
    number: u64,
    location: &'static Location<'static>,
}

impl TaskGuard {
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn id(&self) -> (usize, u64) {
        (self.slot, self.number)
    }

    /// Makes a panic of the task its service's failure.
    pub(crate) fn panicked(&self, payload: &(dyn Any + Send)) {
        let error = TaskPanicked { location: self.location, message: panic_message(payload) };
        self.run.post(Event::TaskPanicked(self.run.key, Arc::new(error)));
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let drained = {
            let mut tasks = lock(&self.run.tasks);
            tasks.live.remove(self.slot);
            tasks.closed && tasks.live.is_empty()
        };
        if drained {
            self.run.post(Event::Drained(self.run.key));
        }
    }
}

/// Notes on a service's status what it waits for.
pub(crate) struct Waiting {
    run: Arc<Run>,
    what: String,
}

impl Waiting {
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.run.stopping
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.run.node.waits_no_more_for(&self.run, &self.what);
    }
}

/// Drives a service's future and tells the supervisor how it ended, however it ended.
pub(crate) struct Runner {
    future: Option<ServiceFuture>,
    run: Arc<Run>,
}

impl Runner {
    pub(crate) fn new(future: ServiceFuture, run: Arc<Run>) -> Self {
        Self { future: Some(future), run }
    }

    /// Drops the future, then tells: who is told may rely on everything in it being released.
    fn end(&mut self, end: End) {
        let future = self.future.take();
        let end = match self.run.guarded(|| drop(future)) {
            Ok(()) => end,
            Err(payload) => End::Panicked(panic_message(&*payload)),
        };
        self.run.post(Event::Ended(self.run.key, end));
    }
}

impl Future for Runner {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        let end = match this.run.guarded(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => End::Returned(result),
            Err(payload) => End::Panicked(panic_message(&*payload)),
        };
        this.end(end);
        Poll::Ready(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.future.is_some() {
            self.end(End::Dropped);
        }
    }
}

/// Runs code of a user's where a panic must not spread; returns what the panic said.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| panic_message(&*payload))
}

/// Returns what a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}
