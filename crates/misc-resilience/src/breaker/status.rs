//! What can be seen of a breaker.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use super::{
    machine::{Change, View},
    state::BreakerState,
};

/// A breaker at a glance; serialisable, with durations in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What it does with calls.
    pub state: BreakerState,
    /// How long it has been doing so.
    #[serde(rename = "state_age_seconds", serialize_with = "seconds")]
    pub state_age: Duration,
    /// When it looks again whether the service is well, while it is open.
    #[serde(rename = "retry_after_seconds", serialize_with = "optional_seconds")]
    pub retry_after: Option<Duration>,
    /// How many calls it is judged by: those in its window; while it is half-open, the probes that have ended; while it is
    /// open, those by which it has opened.
    pub calls: u64,
    /// How many of them have failed.
    pub failures: u64,
    /// How many of them were slow.
    pub slow_calls: u64,
    /// The share of them that has failed, 0 without calls.
    pub failure_ratio: f64,
    /// The share of them that was slow, 0 without calls.
    pub slow_call_ratio: f64,
    /// How many calls have failed since the last one that did not.
    pub consecutive_failures: u32,
    /// How many probes are under way, while it is half-open.
    pub probes: u32,
    /// How often it has opened again since it was closed.
    pub reopened: u32,
    /// How many calls it has rejected.
    pub rejected: u64,
    /// What the last error said.
    pub last_error: Option<Arc<str>>,
}

impl BreakerStatus {
    pub(crate) fn new(name: Arc<str>, view: View) -> Self {
        Self {
            name,
            state: view.state,
            state_age: view.since,
            retry_after: view.retry_after,
            calls: view.tally.calls,
            failures: view.tally.failures,
            slow_calls: view.tally.slow,
            failure_ratio: view.tally.failure_ratio(),
            slow_call_ratio: view.tally.slow_ratio(),
            consecutive_failures: view.in_a_row,
            probes: view.probes,
            reopened: view.reopened,
            rejected: view.rejected,
            last_error: view.last_error,
        }
    }
}

/// A change of a breaker's state, and what led to it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BreakerTransition {
    /// The name of the breaker.
    pub breaker: Arc<str>,
    /// The state that it was in.
    pub from: BreakerState,
    /// The state that it is in now.
    pub to: BreakerState,
    /// How many calls it was judged by.
    pub calls: u64,
    /// The share of them that had failed.
    pub failure_ratio: f64,
    /// The share of them that was slow.
    pub slow_call_ratio: f64,
    /// For how long it is open, if that is what it is now.
    pub open_for: Option<Duration>,
    /// What the last error said.
    pub last_error: Option<Arc<str>>,
}

impl BreakerTransition {
    pub(crate) fn new(breaker: &Arc<str>, change: &Change) -> Self {
        Self {
            breaker: Arc::clone(breaker),
            from: change.from,
            to: change.to,
            calls: change.tally.calls,
            failure_ratio: change.tally.failure_ratio(),
            slow_call_ratio: change.tally.slow_ratio(),
            open_for: change.open_for,
            last_error: change.last_error.clone(),
        }
    }

    pub(crate) fn log(&self) {
        let Self { breaker, from, to, calls, failure_ratio, slow_call_ratio, open_for, last_error } = self;
        let last_error = last_error.as_deref();
        if to.is_shut() {
            tracing::warn!(target: "misc_resilience", %breaker, %from, %to, ?open_for, calls, failure_ratio, slow_call_ratio, last_error, "breaker opened");
        } else {
            tracing::info!(target: "misc_resilience", %breaker, %from, %to, calls, failure_ratio, slow_call_ratio, "breaker changed");
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "serde passes a field by reference")]
fn optional_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
