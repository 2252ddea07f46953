//! Who waits for something to change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, futures::Notified};

use crate::{
    engine::{Session, Wake},
    status::JobId,
    worker::Bench,
};

/// Workers that wait for jobs, and those who wait for jobs to end.
#[derive(Default)]
pub(crate) struct Wakes {
    workers: Mutex<Vec<Weak<Bench>>>,
    /// The jobs of workers that were dropped before the store knew what became of them.
    left: Mutex<Vec<Arc<Bench>>>,
    is_left: Notify,
    ended: Notify,
    changed: Notify,
}

impl Wakes {
    /// Adds a worker: as long as it is there it is told of jobs.
    pub(crate) fn worker(&self, bench: &Arc<Bench>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(bench));
    }

    /// Tells the workers of a queue that there may be jobs.
    pub(crate) fn pushed(&self, queue: &str) {
        self.each(|bench| {
            if bench.queue() == queue {
                bench.wake();
            }
        });
    }

    /// Cancels those of the jobs that run in this process.
    pub(crate) fn cancel(&self, jobs: &[JobId]) {
        if !jobs.is_empty() {
            self.each(|bench| bench.cancel(jobs));
        }
    }

    fn each(&self, tell: impl Fn(&Bench)) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Weak::upgrade).for_each(|bench| tell(&bench));
    }

    /// Returns whether a worker of this process has that job, or had it and was dropped.
    pub(crate) fn has(&self, id: JobId, session: Session) -> bool {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().filter_map(Weak::upgrade).any(|bench| bench.has(id, session))
            || self.lefts().iter().any(|bench| bench.has(id, session))
    }

    fn lefts(&self) -> MutexGuard<'_, Vec<Arc<Bench>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the jobs of a worker to whoever drives the store.
    pub(crate) fn leave(&self, bench: &Arc<Bench>) {
        self.lefts().push(Arc::clone(bench));
        self.is_left.notify_one();
    }

    pub(super) fn left(&self) -> Vec<Arc<Bench>> {
        self.lefts().clone()
    }

    pub(super) async fn until_left(&self) {
        self.is_left.notified().await;
    }

    pub(super) fn forget(&self, bench: &Arc<Bench>) {
        self.lefts().retain(|left| !Arc::ptr_eq(left, bench));
    }

    pub(super) fn forget_left(&self) {
        self.lefts().clear();
    }

    /// Tells those who wait for jobs that some have ended.
    pub(crate) fn ended(&self) {
        self.ended.notify_waiters();
    }

    /// Waits until jobs have ended.
    pub(crate) fn until_ended(&self) -> Notified<'_> {
        self.ended.notified()
    }

    /// Waits until others have changed something.
    pub(crate) async fn until_changed(&self) {
        self.changed.notified().await;
    }
}

impl Wakes {
    /// Tells everybody to look, as anything may have changed.
    pub(crate) fn all(&self) {
        self.each(Bench::wake);
        self.ended.notify_waiters();
        self.changed.notify_one();
    }
}

impl Wake for Wakes {
    #[cfg(any(feature = "postgres", test))]
    fn queue(&self, queue: &str) {
        self.pushed(queue);
    }

    fn everything(&self) {
        self.all();
    }
}
