//! The lock and the atomic of shuttle, which switches threads at each use of them.

use std::sync::PoisonError;

use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
