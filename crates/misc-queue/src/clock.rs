//! What time it is, for stores that have no clock of their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The wall clock, and how far tokio's clock was put forward where that is paused: there, time passes for jobs as well.
#[derive(Debug)]
pub(crate) struct Clock {
    #[expect(clippy::disallowed_types, reason = "tokio's clock is compared with the real one")]
    real: std::time::Instant,
    tokio: Instant,
}

impl Clock {
    /// Takes tokio's clock and the real one to be together now.
    #[expect(clippy::disallowed_types, reason = "tokio's clock is compared with the real one")]
    pub(crate) fn new() -> Self {
        Self { real: std::time::Instant::now(), tokio: Instant::now() }
    }

    /// Returns the time of day.
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now() + self.tokio.elapsed().saturating_sub(self.real.elapsed())
    }

    /// Returns the time of day in microseconds since 1970, UTC.
    pub(crate) fn micros(&self) -> i64 {
        to_micros(self.now())
    }
}

/// Returns a time as microseconds since 1970, UTC.
pub(crate) fn to_micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

/// Returns the time that [`to_micros`] was given, to the microsecond.
pub(crate) fn from_micros(time: i64) -> SystemTime {
    let distance = Duration::from_micros(time.unsigned_abs());
    if time < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// Returns a span of time in microseconds, or as many as there can be.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
