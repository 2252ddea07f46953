//! The clock of a test: paused, or the real one.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// Which clock the runtime of the test has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Paused,
    Real,
}

impl Clock {
    /// Looks whether tokio's clock moves when the real one does.
    #[expect(clippy::disallowed_types, reason = "the real clock is what tokio's is held against")]
    pub(crate) fn now() -> Self {
        let before = Instant::now();
        let real = std::time::Instant::now();
        while std::time::Instant::now() == real {
            std::hint::spin_loop();
        }
        // On the real clock both read the same source, and it has moved on in between.
        if Instant::now() == before { Self::Paused } else { Self::Real }
    }

    /// Returns how long something may take that should happen: a paused hour passes at once, and deadlines of the app
    /// itself come first.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Paused => Duration::from_secs(60 * 60),
            Self::Real => Duration::from_secs(10),
        }
    }
}

/// Waits for something that should happen; `None` when it does not in time.
pub(crate) async fn in_time<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(patience, future).await.ok()
}
