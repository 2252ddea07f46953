//! What an engine does: it keeps jobs, and hands each to one process at a time.

pub(crate) mod memory;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod tables;

use std::{
    any::Any,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use crate::{
    config::{Config, Keep},
    error::Error,
    options::{Pushed, Release, When},
    status::{JobId, JobStatus, QueueStatus, Reason, Selection},
};

/// Where jobs are kept.
///
/// Whatever changes something is one transaction: it happened whole or not at all, and is durable once it returns, as far as
/// the engine is. An error of [`Error::is_uncertain`] may have happened. Nothing of it may be dropped half-way by its
/// callers, but an engine must be sound if it is: then the outcome is uncertain, no more.
///
/// Times go by the clock of the store: PostgreSQL's own, else the wall clock of the host ([`clock`](crate::clock)).
#[async_trait]
pub(crate) trait Engine: fmt::Debug + Send + Sync + 'static {
    /// Names it in metrics and messages: `sqlite`, `postgresql`, `memory`.
    #[cfg_attr(not(any(feature = "postgres", feature = "sqlite")), expect(dead_code, reason = "memory needs none"))]
    fn system(&self) -> &'static str;

    /// Whether jobs outlive the process. If so, it takes [`Body::Json`], and pushes are gathered into commits.
    fn is_durable(&self) -> bool {
        true
    }

    /// Stores jobs, all or none of them; returns what became of each, in their order.
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error>;

    /// Registers a process, whose jobs are its own until `lease` has passed without a [`beat`](Self::beat).
    async fn enter(&self, lease: Duration) -> Result<Session, Error>;

    /// Keeps the lease; `None` if it was lost. Returns the running jobs of the session that shall be cancelled.
    ///
    /// It is also called at each change that [`watch`](Self::watch) tells of, so what it writes must be no such change.
    async fn beat(&self, session: Session, lease: Duration) -> Result<Option<Vec<JobId>>, Error>;

    /// Gives the session up. Jobs that it still has are available again at once, without a failed attempt or a crash.
    async fn leave(&self, session: Session) -> Result<(), Error>;

    /// Ends jobs of the session and claims others for it, in one transaction.
    ///
    /// What the session does not have any more is not ended, and is named in [`Turned::lost`]. A claim takes jobs that are
    /// due, highest priority first, then the oldest id first; none of a paused queue; at most one that was in a process
    /// when that died ([`Claimed::crashes`] above zero), and only if the claim asks for it. What is due by now and was not
    /// yet available becomes so before. If nothing is ended and nothing can be claimed, nothing is written.
    async fn turn(&self, session: Session, ended: &[Ended], claim: Option<&Claim>) -> Result<Turned, Error>;

    /// Returns the running jobs of the session in a queue, for whoever does not know what became of a claim.
    async fn held(&self, session: Session, queue: &str) -> Result<Vec<Claimed>, Error>;

    /// Makes jobs of lost sessions available again (dead at the third time: [`CRASHES`]), ends what has expired, and
    /// deletes what was kept long enough. Does a bounded part at a time: [`Swept::more`] asks to be called again.
    async fn sweep(&self, keep: &Keep) -> Result<Swept, Error>;

    /// Returns a job.
    async fn job(&self, id: JobId) -> Result<Option<JobStatus>, Error>;

    /// Returns jobs, newest first, at most [`Selection::limit`].
    async fn list(&self, selection: &Selection) -> Result<Vec<JobStatus>, Error>;

    /// Returns queues with the number of jobs in each state but those that are done, and which are paused.
    async fn queues(&self) -> Result<Vec<QueueStatus>, Error>;

    /// Makes dead and cancelled jobs available again with all attempts ahead, and what waits for its time available now.
    /// Returns how many.
    async fn retry(&self, selection: &Selection) -> Result<u64, Error>;

    /// Cancels jobs that wait; asks for running ones to be cancelled. Returns how many.
    async fn cancel(&self, selection: &Selection) -> Result<u64, Error>;

    /// Deletes jobs that do not run. Returns how many.
    async fn purge(&self, selection: &Selection) -> Result<u64, Error>;

    /// Pauses a queue or lets it go on, for all processes and until it is said otherwise; returns whether it was not so
    /// already.
    async fn pause(&self, queue: &str, paused: bool) -> Result<bool, Error>;

    /// Claims a key of a [`Ledger`](misc_core::Ledger).
    async fn claim_key(&self, key: &str, until: SystemTime) -> Result<bool, Error>;

    /// Remembers a value of a [`Ledger`](misc_core::Ledger).
    async fn remember(&self, key: &str, value: &str) -> Result<(), Error>;

    /// Returns a value of a [`Ledger`](misc_core::Ledger).
    async fn recall(&self, key: &str) -> Result<Option<String>, Error>;

    /// Asks whether the store answers.
    async fn ping(&self) -> Result<(), Error>;

    /// Tells `wake` of what others change, until it is dropped. A lost connection is made again.
    async fn watch(&self, wake: &dyn Wake);

    /// Closes connections. Nothing else is called after it.
    async fn close(&self);
}

/// Opens the engine that the URL names.
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    expect(clippy::unused_async, reason = "others are asked over a network or a file")
)]
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Engine>, Error> {
    match config.url.scheme() {
        "memory" => Ok(Arc::new(memory::Memory::open(config)?)),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(Arc::new(postgres::Postgres::open(config).await?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Arc::new(sqlite::Sqlite::open(config).await?)),
        _ => Err(unknown(config)),
    }
}

/// Tells what is wrong with where a store is to be, before anything is opened.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    match config.url.scheme() {
        "memory" => Ok(()),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => tables::Tables::new(&config.prefix).map(drop),
        #[cfg(feature = "sqlite")]
        "sqlite" => tables::Tables::new(&config.prefix).map(drop),
        _ => Err(unknown(config)),
    }
}

fn unknown(config: &Config) -> Error {
    let missing = match config.url.scheme() {
        "postgres" | "postgresql" => "the feature `postgres` of misc-queue is off",
        "sqlite" => "the feature `sqlite` of misc-queue is off",
        _ => "its URL begins with `sqlite://`, `postgres://` or `memory://`",
    };
    Error::refused(format!("no store can be at `{}`: {missing}", config.url))
}

/// Whom an engine tells that something has changed.
pub(crate) trait Wake: Send + Sync {
    /// There may be jobs to claim in a queue, or it was paused or goes on.
    #[cfg(any(feature = "postgres", test))]
    fn queue(&self, queue: &str);

    /// Anything may have changed, also that a job shall be cancelled.
    #[cfg_attr(not(any(feature = "postgres", feature = "sqlite")), expect(dead_code, reason = "memory needs none"))]
    fn everything(&self);
}

/// A job that is in a process when that dies for this time is dead.
pub(crate) const CRASHES: u32 = 3;

/// A process that works, or has worked; ids are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Session(pub(crate) i64);

/// A job to store.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    pub(crate) queue: Arc<str>,
    pub(crate) body: Body,
    pub(crate) when: When,
    /// Higher goes first.
    pub(crate) priority: i16,
    /// How often it may be begun; as the worker says if it is `None`.
    pub(crate) attempts: Option<u32>,
    pub(crate) expires: Option<When>,
    pub(crate) unique: Option<Key>,
    /// The `traceparent` of whoever pushes it.
    pub(crate) trace: Option<String>,
}

/// What a job is about.
#[derive(Clone)]
pub(crate) enum Body {
    /// JSON, for engines that write it down.
    Json(Arc<str>),
    /// The value itself, for the engine that keeps it in memory.
    Value(Arc<dyn Any + Send + Sync>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may have secrets.
        f.write_str(match self {
            Self::Json(_) => "Json",
            Self::Value(_) => "Value",
        })
    }
}

/// What only one job of a store may have at a time: `queue/key`, or `*/key` over all queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) key: String,
    pub(crate) release: Release,
}

/// How many jobs of which queue are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) queue: Arc<str>,
    pub(crate) jobs: usize,
    /// Whether one of them may have been in a process when that died.
    pub(crate) suspect: bool,
}

/// A job that was claimed.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) id: JobId,
    pub(crate) body: Body,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) attempts: Option<u32>,
    pub(crate) crashes: u32,
    pub(crate) priority: i16,
    pub(crate) pushed_at: SystemTime,
    /// How long it has waited since it was due.
    pub(crate) waited: Duration,
    /// Whether it has expired, and so must not be begun.
    pub(crate) is_expired: bool,
    pub(crate) trace: Option<String>,
}

/// A job of the session that is over.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) id: JobId,
    pub(crate) ending: Ending,
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    /// Another attempt after that time ([`State::Retryable`](crate::State::Retryable), or available at once if it is zero).
    Failed {
        again_after: Duration,
        error: String,
    },
    /// No other attempt.
    Dead {
        reason: Reason,
        error: String,
    },
    /// It was asked for ([`Reason::Cancelled`]), or came too late ([`Reason::Expired`]), so that there was no attempt.
    Cancelled {
        reason: Reason,
    },
    /// Back as it was before it was claimed: the attempt does not count.
    Returned,
    /// Not now, but after that time: the attempt does not count.
    Postponed {
        by: Duration,
    },
}

impl Ending {
    /// Whether the attempt does not count.
    pub(crate) fn gives_back(&self) -> bool {
        matches!(self, Self::Returned | Self::Postponed { .. } | Self::Cancelled { reason: Reason::Expired })
    }
}

/// What came of a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turned {
    pub(crate) claimed: Vec<Claimed>,
    /// What was to be ended and does not belong to the session.
    pub(crate) lost: Vec<JobId>,
    /// When the next job of the queue is due that is not yet, if less was claimed than wanted.
    pub(crate) next_due: Option<Duration>,
}

/// What a sweep has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Jobs of processes that have died, by queue: available again.
    pub(crate) recovered: Vec<(String, u64)>,
    /// Those that are dead now, as a process died with each of them for the third time.
    pub(crate) poisoned: Vec<(String, u64)>,
    /// What has expired before it was begun, by queue.
    pub(crate) expired: Vec<(String, u64)>,
    /// How many were deleted.
    pub(crate) pruned: u64,
    /// Whether there is more to do.
    pub(crate) more: bool,
}
