//! What can be said of a job when it is pushed.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use crate::{payload::Payload, status::JobId};

/// A job to push, with what is to be said of it.
///
/// What is not said has its default: at once, priority 0, as many attempts as the worker gives, no key, never expired.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_queue::{Payload, Push, Unique};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Reminder { order: u64 }
///
/// impl Payload for Reminder {
///     const KIND: &'static str = "reminder";
/// }
///
/// let reminder = Push::new(Reminder { order: 7 })
///     .delay(Duration::from_secs(3600))
///     .priority(10)
///     .attempts(3)
///     .unique(Unique::key("order-7"))
///     .expires_in(Duration::from_secs(86_400));
/// # drop(reminder);
/// ```
#[must_use = "it is not pushed yet"]
pub struct Push<T> {
    pub(crate) payload: T,
    pub(crate) when: When,
    pub(crate) priority: i16,
    pub(crate) attempts: Option<u32>,
    pub(crate) expires: Option<When>,
    pub(crate) unique: Option<Unique>,
}

impl<T: Payload> Push<T> {
    /// Describes a job of which nothing is said yet.
    pub fn new(payload: T) -> Self {
        Self { payload, when: When::Now, priority: 0, attempts: None, expires: None, unique: None }
    }

    /// Lets it be due after that time, by the clock of the store.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.when = When::In(delay);
        self
    }

    /// Lets it be due at that time; at once if that has passed.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.when = When::At(time);
        self
    }

    /// Sets its priority (0): of the jobs that are due, those with the highest go first.
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Sets how often it may be begun, in place of what the worker gives; 0 counts as 1.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.max(1));
        self
    }

    /// Lets it expire: if it was not begun for the first time by then, it is not begun. A first attempt that ends with its
    /// process, or is cut at a stop, does not count as one.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Some(When::In(time));
        self
    }

    /// Lets it expire at a time, as [`expires_in`](Self::expires_in) does.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expires = Some(When::At(time));
        self
    }

    /// Gives it a key, which no other job of the queue may have at the same time: a second push returns the first job.
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = Some(unique);
        self
    }
}

/// Says nothing but what the job is about.
impl<T: Payload> From<T> for Push<T> {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

impl<T> fmt::Debug for Push<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is about may have secrets.
        f.debug_struct("Push")
            .field("when", &self.when)
            .field("priority", &self.priority)
            .field("attempts", &self.attempts)
            .field("expires", &self.expires)
            .field("unique", &self.unique)
            .finish_non_exhaustive()
    }
}

/// A key that one job has at a time, and for how long it has it.
///
/// By default that is until the job is completed, cancelled or dead, among the jobs of its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    pub(crate) key: String,
    pub(crate) is_global: bool,
    pub(crate) release: Release,
}

impl Unique {
    /// Names the key.
    #[must_use]
    pub fn key(key: impl Into<String>) -> Self {
        Self { key: key.into(), is_global: false, release: Release::Done }
    }

    /// Gives the key up when the job is begun, so that what changes while it runs leads to another one.
    #[must_use]
    pub fn until_started(mut self) -> Self {
        self.release = Release::Started;
        self
    }

    /// Keeps the key for that time after the push, whatever becomes of the job.
    #[must_use]
    pub fn within(mut self, period: Duration) -> Self {
        self.release = Release::After(period);
        self
    }

    /// Lets no job of any queue in the store have it, in place of none of its own queue.
    #[must_use]
    pub fn across_queues(mut self) -> Self {
        self.is_global = true;
        self
    }
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The job; its store never gives the same id again.
    pub id: JobId,
    /// Whether that is a job which was there already with the same [`Unique`] key, so that none was added.
    pub is_duplicate: bool,
}

/// When a job is due, or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    /// By the clock of the store.
    In(Duration),
    At(SystemTime),
}

/// When a job gives its key up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    Done,
    Started,
    After(Duration),
}
