//! What is known of a job.

use std::{
    fmt,
    num::ParseIntError,
    str::FromStr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize, Serializer};

/// Names a job within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub(crate) i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// It waits for the time that it was pushed for.
    Scheduled,
    /// It can be begun.
    Available,
    /// A process has it.
    Running,
    /// It has failed, and waits for the next attempt.
    Retryable,
    /// It was done.
    Completed,
    /// It was cancelled, or has expired.
    Cancelled,
    /// It is given up, for the [`Reason`] that it has: a dead letter.
    Dead,
}

impl State {
    /// All states, as a job may pass through them.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Available,
        Self::Running,
        Self::Retryable,
        Self::Completed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Returns whether nothing more will become of it by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Dead)
    }

    /// Returns it as it is written in a store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Retryable => "retryable",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads what [`State::as_str`] writes.
impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A state that no job has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no state of a job: it is one of scheduled, available, running, retryable, completed, cancelled, dead"
)]
pub struct UnknownState(String);

/// Why a job is dead or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reason {
    /// Its last attempt has failed.
    Exhausted,
    /// Its handler has given it up ([`Discard`](crate::Discard)).
    Discarded,
    /// What it is about cannot be read as the type that its handler takes.
    Payload,
    /// The lease of the process that had it has ended three times: the process died, stood still, or could not reach
    /// the store.
    Poison,
    /// Somebody has cancelled it.
    Cancelled,
    /// It was not begun in time.
    Expired,
}

impl Reason {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    const ALL: [Self; 6] =
        [Self::Exhausted, Self::Discarded, Self::Payload, Self::Poison, Self::Cancelled, Self::Expired];

    /// Returns it as it is written in a store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Discarded => "discarded",
            Self::Payload => "payload",
            Self::Poison => "poison",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A job as its store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// Which job it is.
    pub id: JobId,
    /// Where it was pushed to: the [`KIND`](crate::Payload::KIND) of what it is about.
    pub queue: String,
    /// Where it stands.
    pub state: State,
    /// Higher goes first.
    pub priority: i16,
    /// How many attempts were begun and counted.
    pub attempt: u32,
    /// How many there may be, if it was pushed with a number.
    pub attempts: Option<u32>,
    /// How often the lease of a process that had it has ended: the process died, stood still, or could not reach the
    /// store.
    pub crashes: u32,
    /// When it was pushed.
    #[serde(serialize_with = "time")]
    pub pushed_at: SystemTime,
    /// When it was, or will be, due.
    #[serde(serialize_with = "time")]
    pub due_at: SystemTime,
    /// When the last attempt was begun.
    #[serde(serialize_with = "optional_time")]
    pub started_at: Option<SystemTime>,
    /// When it was completed, cancelled, or given up.
    #[serde(serialize_with = "optional_time")]
    pub finished_at: Option<SystemTime>,
    /// After which time it is not begun any more.
    #[serde(serialize_with = "optional_time")]
    pub expires_at: Option<SystemTime>,
    /// Why it is dead or cancelled.
    pub reason: Option<Reason>,
    /// What the last attempt failed with.
    pub error: Option<String>,
    /// What it is about, as JSON, if the engine has that; it is not part of the `Debug` or `Serialize` output, as it may
    /// have secrets.
    #[serde(skip)]
    pub payload: Option<PayloadJson>,
}

/// The JSON that a job is about: its `Debug` shows no more than how long it is.
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadJson(pub(crate) String);

impl PayloadJson {
    /// Returns it. It may have secrets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PayloadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A queue as its store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Its name: the [`KIND`](crate::Payload::KIND) of what its jobs are about.
    pub name: String,
    /// Whether no job of it is begun.
    pub is_paused: bool,
    /// How many jobs wait for their time.
    pub scheduled: u64,
    /// How many can be begun.
    pub available: u64,
    /// How many run.
    pub running: u64,
    /// How many wait for another attempt.
    pub retryable: u64,
    /// How many are dead.
    pub dead: u64,
    /// How long the oldest of those has been due that may be begun by now, also if the queue is paused: `None` if none
    /// is due.
    #[serde(serialize_with = "seconds")]
    pub oldest: Option<Duration>,
}

/// Which jobs an operator means: those that are all of what it says, at most as many as it says.
///
/// # Examples
/// ```
/// use misc_queue::{Selection, State};
///
/// let failed = Selection::new().queue("order.created").state(State::Dead).limit(50);
/// # drop(failed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub(crate) id: Option<JobId>,
    pub(crate) queue: Option<String>,
    pub(crate) state: Option<State>,
    pub(crate) before: Option<JobId>,
    pub(crate) limit: u64,
}

impl Selection {
    /// Means all jobs, without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self { id: None, queue: None, state: None, before: None, limit: u64::MAX }
    }

    /// Means one job.
    #[must_use]
    pub fn id(mut self, id: JobId) -> Self {
        self.id = Some(id);
        self
    }

    /// Means those of a queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Means those in a state.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// Means those with a smaller id: the next page of a list.
    #[must_use]
    pub fn before(mut self, id: JobId) -> Self {
        self.before = Some(id);
        self
    }

    /// Means no more than so many, the newest first.
    #[must_use]
    pub fn limit(mut self, jobs: u64) -> Self {
        self.limit = jobs;
        self
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a time as RFC 3339 has it.
fn time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(writable(*time)))
}

/// Returns a time, or the nearest one that RFC 3339 can write: its years have four digits, and ours begin in 1970.
pub(crate) fn writable(time: SystemTime) -> SystemTime {
    /// The end of the year 9999, in seconds.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST)
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn optional_time<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(serializer)
}
