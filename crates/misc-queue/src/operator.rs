//! What operators do with the jobs of a store.

use std::fmt;

use crate::{
    error::Error,
    status::{JobId, JobStatus, QueueStatus, Selection},
    store::Store,
};

/// Looks after the jobs of a store: lists, retries, cancels and deletes them, and pauses queues.
///
/// What it does holds for all processes on the store. It works while the store is open, as pushes do; a program of its own
/// runs [`Store::service`] for it, or the commands of the feature `cli`.
///
/// # Cancel safety
/// What reads is strict. What changes is weak: dropped, it was done or not.
///
/// # Errors
/// All of it fails when the store is not open or does not answer. What changes something can fail with
/// [`Error::is_uncertain`] then: it may have been done. Each change is one statement, however many jobs it is about,
/// which PostgreSQL cancels after [`Config::timeout`](crate::Config::timeout): nothing has changed then.
///
/// # Examples
/// ```
/// use misc_queue::{Error, Selection, State, Store};
///
/// async fn retry_failed(store: &Store) -> Result<(), Error> {
///     let dead = Selection::new().queue("order.created").state(State::Dead);
///     for job in store.operator().list(&dead.clone().limit(20)).await? {
///         println!("{}: {}", job.id, job.error.unwrap_or_default());
///     }
///     let retried = store.operator().retry(&dead).await?;
///     println!("{retried} jobs are tried again");
///     Ok(())
/// }
/// # drop(retry_failed);
/// ```
#[derive(Clone)]
pub struct Operator {
    store: Store,
}

impl Operator {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Returns jobs, the newest first; no more than a thousand, or [`Selection::limit`] if that is less.
    ///
    /// # Errors
    /// When the store is not open or does not answer.
    pub async fn list(&self, selection: &Selection) -> Result<Vec<JobStatus>, Error> {
        let selection = selection.clone().limit(selection.limit.min(1_000));
        self.store.opened().await?.engine.list(&selection).await
    }

    /// Returns a job with what it is about; `None` if there is none, or not any more.
    ///
    /// # Errors
    /// When the store is not open or does not answer.
    pub async fn job(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        self.store.opened().await?.engine.job(id).await
    }

    /// Returns the queues that have jobs or are paused, with how many jobs are in which state.
    ///
    /// # Errors
    /// When the store is not open or does not answer.
    pub async fn queues(&self) -> Result<Vec<QueueStatus>, Error> {
        self.store.opened().await?.engine.queues().await
    }

    /// Lets jobs be begun now: dead and cancelled ones again, with all attempts ahead of them, and those that wait for
    /// their time or their next attempt. Returns how many.
    ///
    /// Name a state if not all of these are meant.
    ///
    /// # Errors
    /// When the store is not open or does not answer; with [`Error::is_uncertain`], it may have been done.
    pub async fn retry(&self, selection: &Selection) -> Result<u64, Error> {
        let retried = self.store.opened().await?.engine.retry(selection).await?;
        self.store.shared.wakes.all();
        Ok(retried)
    }

    /// Cancels jobs that wait, at once, and those that run: their handlers are dropped at the next await, which is not
    /// waited for here. Returns how many.
    ///
    /// # Errors
    /// When the store is not open or does not answer; with [`Error::is_uncertain`], it may have been done.
    pub async fn cancel(&self, selection: &Selection) -> Result<u64, Error> {
        let cancelled = self.store.opened().await?.engine.cancel(selection).await?;
        self.store.shared.wakes.all();
        Ok(cancelled)
    }

    /// Deletes jobs that do not run, whether they are over or wait. Returns how many.
    ///
    /// Jobs whose key is kept by [`Unique::within`](crate::Unique::within) stay until its time is over; in memory the
    /// key alone stays.
    ///
    /// # Errors
    /// When the store is not open or does not answer; with [`Error::is_uncertain`], it may have been done.
    pub async fn purge(&self, selection: &Selection) -> Result<u64, Error> {
        self.store.opened().await?.engine.purge(selection).await
    }

    /// Lets no more jobs of a queue be begun, until [`resume`](Self::resume), also after a restart. Those that run go on.
    /// Returns whether it was not so already. Any name will do, also one that no queue has yet.
    ///
    /// # Errors
    /// When the store is not open or does not answer; with [`Error::is_uncertain`], it may have been done.
    pub async fn pause(&self, queue: &str) -> Result<bool, Error> {
        self.store.opened().await?.engine.pause(queue, true).await
    }

    /// Lets jobs of a queue be begun again. Returns whether it was paused.
    ///
    /// # Errors
    /// When the store is not open or does not answer; with [`Error::is_uncertain`], it may have been done.
    pub async fn resume(&self, queue: &str) -> Result<bool, Error> {
        let resumed = self.store.opened().await?.engine.pause(queue, false).await?;
        self.store.shared.wakes.all();
        Ok(resumed)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("store", &self.store).finish_non_exhaustive()
    }
}
