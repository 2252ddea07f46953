//! What the log's own threads need: a lock that outlives a panic, and a clock.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

/// The real clock: a log works outside of runtimes, and its bounds hold while a test has tokio's clock paused.
#[expect(clippy::disallowed_types, reason = "real time is meant")]
pub(crate) type Instant = std::time::Instant;

/// Locks a mutex whose data holds at each statement, so that a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// The same for what waiting on a condition gives back.
pub(crate) fn unpoisoned<T>(locked: LockResult<T>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}
