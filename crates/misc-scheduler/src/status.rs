//! What can be seen of tasks and their runs.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::instant;

/// How a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Its work has returned.
    Succeeded,
    /// Its work has returned an error, on the last attempt.
    Failed,
    /// Its work has panicked, on the last attempt.
    Panicked,
    /// Its last attempt has run out of time.
    TimedOut,
    /// It was dropped: by a handle, by the run after it, or by a stop.
    Cancelled,
}

impl Outcome {
    /// Tells whether it is a failure; what was cancelled is neither that nor a success.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Panicked | Self::TimedOut)
    }

    /// Returns its name, as metrics have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It waits for its next firing.
    Waiting,
    /// It runs right now.
    Running,
    /// Its schedule is paused.
    Paused,
    /// It will not run by itself any more.
    Finished,
}

/// A task at a glance; serialisable, with times as RFC 3339 and durations in seconds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TaskStatus {
    /// Its name.
    pub name: Arc<str>,
    /// When it runs, in words.
    pub trigger: String,
    /// What it is doing.
    pub state: State,
    /// How many runs there are right now.
    pub active: usize,
    /// How many firings wait for a run to end.
    pub queued: usize,
    /// When it fires next by itself, as far as that is known.
    #[serde(serialize_with = "instant::serialize_optional")]
    pub next: Option<SystemTime>,
    /// When its last run began.
    #[serde(serialize_with = "instant::serialize_optional")]
    pub last_start: Option<SystemTime>,
    /// When its last run ended.
    #[serde(serialize_with = "instant::serialize_optional")]
    pub last_end: Option<SystemTime>,
    /// How its last run ended.
    pub last_outcome: Option<Outcome>,
    /// The error of the last run that failed, with its sources.
    pub last_error: Option<Arc<str>>,
    /// How many runs have ended.
    pub runs: u64,
    /// How many of them have failed.
    pub failures: u64,
    /// How many runs have failed since the last one that did not.
    pub failures_in_a_row: u32,
    /// How many firings came more than a second late. Those of a cron expression are not each counted past a thousand.
    pub misfires: u64,
    /// How many firings were skipped, since the task was running.
    pub skipped: u64,
    /// How late the last run began.
    #[serde(serialize_with = "instant::serialize_optional_seconds")]
    pub drift: Option<Duration>,
}

/// A run that has ended.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Ran {
    /// For when it was planned.
    #[serde(serialize_with = "instant::serialize")]
    pub due: SystemTime,
    /// When it began.
    #[serde(serialize_with = "instant::serialize")]
    pub started: SystemTime,
    /// How long it took, with its retries.
    #[serde(serialize_with = "instant::serialize_seconds")]
    pub took: Duration,
    /// How many attempts it has had.
    pub attempts: u32,
    /// How it has ended.
    pub outcome: Outcome,
    /// The error of a run that has failed, with its sources.
    pub error: Option<Arc<str>>,
}
