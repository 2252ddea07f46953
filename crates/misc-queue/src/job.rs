//! A job as its handler gets it.

use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use misc_core::CancellationToken;

use crate::{payload::Payload, status::JobId};

/// A job as its handler gets it: what it is about, by dereference, and which attempt this is.
///
/// A job may be handled more than once: its process can die after the work was done and before the store knows. So what a
/// handler does is made so that twice is as good as once, with [`id`](Self::id) as the key that tells.
///
/// # Cancel safety
/// A handler is dropped at an await when it takes too long, when the job is cancelled, and when the service has to stop
/// before it is done: in the last case the job goes back and is handled again by another process. So whatever it leaves
/// half-way must be fit to be done again.
pub struct Job<T> {
    payload: Arc<T>,
    about: About,
}

/// What is known of it beside what it is about.
pub(crate) struct About {
    pub(crate) id: JobId,
    pub(crate) attempt: u32,
    pub(crate) attempts: u32,
    pub(crate) priority: i16,
    pub(crate) pushed_at: SystemTime,
    pub(crate) waited: Duration,
    pub(crate) stopping: CancellationToken,
}

impl<T: Payload> Job<T> {
    pub(crate) fn new(payload: Arc<T>, about: About) -> Self {
        Self { payload, about }
    }

    /// Returns which job it is: the same at every attempt.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.about.id
    }

    /// Returns which attempt this is, from 1. Those that a stop or the death of a process has cut off do not count, nor
    /// do those that were put off ([`Postpone`](crate::Postpone)).
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.about.attempt
    }

    /// Returns whether the job is dead if this attempt fails.
    #[must_use]
    pub fn is_last_attempt(&self) -> bool {
        self.about.attempt >= self.about.attempts
    }

    /// Returns its priority.
    #[must_use]
    pub fn priority(&self) -> i16 {
        self.about.priority
    }

    /// Returns when it was pushed.
    #[must_use]
    pub fn pushed_at(&self) -> SystemTime {
        self.about.pushed_at
    }

    /// Returns how long it has waited since it was due.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.about.waited
    }

    /// Returns a token that is cancelled when the worker shall stop: for long work that can end at a good point. What is
    /// not done by the end of the worker's time to stop is dropped, and goes back.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.about.stopping
    }

    /// Returns what it is about; a clone, if it is kept for other attempts.
    #[must_use]
    pub fn into_payload(self) -> T
    where
        T: Clone,
    {
        Arc::unwrap_or_clone(self.payload)
    }
}

impl<T> Deref for Job<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.payload
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is about may have secrets.
        f.debug_struct("Job").field("id", &self.about.id).field("attempt", &self.about.attempt).finish_non_exhaustive()
    }
}
