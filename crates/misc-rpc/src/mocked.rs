//! A method of a mock: what it answers, and how often it was called.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{methods::Methods, server::Server};

/// A method of a mock, which is a closure `F`.
pub struct Mocked<F: ?Sized>(Arc<State<F>>);

struct State<F: ?Sized> {
    calls: AtomicUsize,
    answer: Mutex<Option<Arc<F>>>,
}

impl<F: ?Sized> Mocked<F> {
    /// Says what it answers from now on.
    pub fn set(&self, answer: Arc<F>) {
        *self.0.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// Counts a call, and returns what answers it.
    ///
    /// # Panics
    /// When nothing does.
    #[must_use]
    pub fn answer(&self, mock: &str, method: &str) -> Arc<F> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.0.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        answer.unwrap_or_else(|| panic!("`{method}` of a `{mock}` was called, and nobody has said what it answers: call `{mock}::{method}` first"))
    }

    /// Returns how many times it was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }
}

impl<F: ?Sized> Default for Mocked<F> {
    fn default() -> Self {
        Self(Arc::new(State { calls: AtomicUsize::new(0), answer: Mutex::new(None) }))
    }
}

impl<F: ?Sized> Clone for Mocked<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: ?Sized> fmt::Debug for Mocked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mocked").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// Serves a mock.
///
/// # Panics
/// Never: the names that `#[rpc]` has written are right.
pub fn serve(methods: Methods) -> Server {
    Server::new(methods).unwrap_or_else(|refused| panic!("{refused}"))
}
