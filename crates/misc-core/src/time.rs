//! Sums of moments and durations that cannot overflow.

use std::time::Duration;

use tokio::time::Instant;

/// What stands for "never" where the clock cannot add a duration.
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Returns the moment `time` after another one, or one about thirty years away if the clock does not reach as far.
pub(crate) fn later(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or_else(|| moment + NEVER)
}
