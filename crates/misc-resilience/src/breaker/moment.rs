//! Points in time as the rules see them.

use std::time::Duration;

/// How many nanoseconds after the breaker was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    pub(crate) fn after_start(time: Duration) -> Self {
        Self(nanos(time))
    }

    /// Returns the moment `time` later, or the last one that there is.
    pub(crate) fn later(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// Returns how long ago another one was; nothing if it is yet to come.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Returns a span of time in nanoseconds, or 584 years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
