//! Spans of time that a clock can add.

use std::time::Duration;

/// What stands for "never" where a clock cannot add a duration: about thirty years.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Returns a span that a clock can add.
pub(crate) fn bounded(period: Duration) -> Duration {
    period.min(NEVER)
}
