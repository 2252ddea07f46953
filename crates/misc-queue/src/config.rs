//! The settings of a store and of the workers on it.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use misc_core::schema;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

use crate::url::Url;

/// The settings of a [`Store`](crate::Store).
///
/// # Examples
/// ```
/// use misc_queue::Config;
///
/// let config = Config::from("sqlite://data/queue.db");
/// assert_eq!(config.work.attempts.get(), 25);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where jobs are kept (`sqlite://queue.db`): `sqlite://` and a file, relative to the working directory and made if
    /// it is missing; `postgres://user:password@host/database`; or `memory://`, where they are lost with the process.
    pub url: Url,
    /// What the names of tables begin with (`misc_queue_`): at most 32 of `a-z`, `0-9` and `_`, no digit first. Stores
    /// with different prefixes know nothing of each other.
    pub prefix: String,
    /// How long jobs are left to a process that gives no sign of life (30 s); it gives one three times as often, so a
    /// job may take longer. Then they are given to others. Let it be three times `timeout` at least, and longer than a
    /// failover of the database takes.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub lease: Duration,
    /// How often an idle worker looks for jobs although nobody told it of one (5 s); jobs are counted at every third time.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub poll: Duration,
    /// How long the store may take to answer (10 s): in PostgreSQL each statement, and as long again until a connection
    /// is free; in SQLite, how long a lock is waited for.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub timeout: Duration,
    /// How many connections to PostgreSQL there may be (5), by each store of each process, beside one that listens.
    /// Three are made at the start.
    pub connections: NonZeroU32,
    /// How many jobs a store in memory has room for (10,000), with those that run.
    pub capacity: NonZeroUsize,
    /// What becomes of a push to a store in memory that has no room (`reject`).
    pub overflow: Overflow,
    /// How long jobs are kept when nothing more becomes of them.
    #[describe(nested)]
    pub keep: Keep,
    /// How workers work, unless they are told otherwise.
    #[describe(nested)]
    pub work: Work,
}

impl Default for Config {
    fn default() -> Self {
        const CONNECTIONS: NonZeroU32 = NonZeroU32::new(5).expect("it is not zero");
        const CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");
        Self {
            url: Url::from("sqlite://queue.db"),
            prefix: "misc_queue_".to_owned(),
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            connections: CONNECTIONS,
            capacity: CAPACITY,
            overflow: Overflow::default(),
            keep: Keep::default(),
            work: Work::default(),
        }
    }
}

impl<U: Into<Url>> From<U> for Config {
    fn from(url: U) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// What becomes of a push to a store in memory that has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Overflow {
    /// It fails at once ([`Error::is_full`](crate::Error::is_full)).
    #[default]
    Reject,
    /// It waits for room.
    Wait,
}

/// How long jobs are kept when nothing more becomes of them: zero means not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Keep {
    /// Those that are completed (24 h). A million of them is about 300 MB.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub completed: Duration,
    /// Those that were cancelled or have expired (24 h).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub cancelled: Duration,
    /// Those that are dead (30 days).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub dead: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self { completed: DAY, cancelled: DAY, dead: 30 * DAY }
    }
}

/// How a worker works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Work {
    /// How many jobs run at once (16), of each worker in each process.
    pub concurrency: NonZeroUsize,
    /// How long each attempt of a job may take (1 min); then it is dropped at its next await, and has failed. `None`
    /// lets it take as long as it likes.
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub timeout: Option<Duration>,
    /// How often a job is begun before it is given up (25, which is half a day).
    pub attempts: NonZeroU32,
    /// How long it is until the second attempt (1 s); from there on it doubles. A random part of up to one half is taken
    /// off, so that what failed together does not come back together.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub initial_delay: Duration,
    /// How long it is at most until the next attempt (1 h).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub max_delay: Duration,
}

impl Default for Work {
    fn default() -> Self {
        const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("it is not zero");
        const ATTEMPTS: NonZeroU32 = NonZeroU32::new(25).expect("it is not zero");
        Self {
            concurrency: CONCURRENCY,
            timeout: Some(Duration::from_secs(60)),
            attempts: ATTEMPTS,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(3600),
        }
    }
}
