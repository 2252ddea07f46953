//! The moment by which the work at hand must be done.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, error::Elapsed};

use crate::time::later;

tokio::task_local! {
    static CURRENT: Deadline;
}

/// Bounds a piece of work, and all it calls, by one moment.
///
/// A deadline travels with the task ([`scope`](Self::scope)), so that a call three levels down knows what is left
/// without a parameter for it. An inner scope can only shorten the outer one. The core carries it; who calls others
/// (RPC clients, retries) keeps it.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use misc_core::Deadline;
///
/// let work = async {
///     let left = Deadline::current().map(|deadline| deadline.remaining());
///     assert_eq!(left, Some(Duration::from_secs(2)));
/// };
/// Deadline::within(Duration::from_secs(2)).scope(work).await;
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Sets the deadline at a moment.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// Sets the deadline this far from now; thirty years stand for more than the clock can hold.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self(later(Instant::now(), time))
    }

    /// Returns the deadline of the work that this task is doing, if it has one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|deadline| *deadline).ok()
    }

    /// Returns the moment itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// Returns what is left of it; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Tells whether it has passed.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// Runs `work` under this deadline, or under the current one if that is sooner.
    ///
    /// It only tells: the work is not stopped. Use [`timeout`](Self::timeout) for that.
    ///
    /// # Cancel safety
    /// As cancel safe as `work`.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self.shortened(), work).await
    }

    /// Calls `work` under this deadline, or under the current one if that is sooner: for a poll of a future.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.shortened(), work)
    }

    /// Runs `work` under this deadline and drops it when the deadline passes.
    ///
    /// # Errors
    /// [`Elapsed`] when the deadline has passed first.
    ///
    /// # Cancel safety
    /// As cancel safe as `work`.
    pub async fn timeout<F: Future>(self, work: F) -> Result<F::Output, Elapsed> {
        let deadline = self.shortened();
        tokio::time::timeout_at(deadline.0, CURRENT.scope(deadline, work)).await
    }

    fn shortened(self) -> Self {
        Self::current().map_or(self, |outer| self.min(outer))
    }
}
