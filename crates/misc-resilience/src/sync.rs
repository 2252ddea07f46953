//! The lock and the atomic that shared state is made of, and a lock that outlives a panic.
//!
//! `misc-shuttle` puts those of shuttle in their place.

pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
use std::sync::{MutexGuard, PoisonError};

/// Locks a mutex whose data holds at each statement, so that a panic elsewhere does not spoil it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
