//! What the settings say of calls that have ended, and of time.

use std::time::Duration;

use super::{
    config::BreakerConfig,
    window::{Tally, ratio},
};

/// How strict the rules are while it recovers: at half of the shares that open it else.
const STRICT: f64 = 0.5;

impl BreakerConfig {
    /// Tells whether the calls in the window of a closed breaker open it.
    pub(crate) fn opens(&self, window: Tally, in_a_row: u32) -> bool {
        let is_enough = window.calls >= u64::from(self.minimum_calls);
        let too_many = || self.failure_ratio.is_some_and(|limit| reaches(window.failures, window.calls, limit));
        is_enough && (too_many() || self.is_too_slow(window, window.calls, 1.0)) || self.are_too_many(in_a_row)
    }

    /// Tells whether the probes that have ended open it again, whatever becomes of the others.
    pub(crate) fn fails_probes(&self, ended: Tally, in_a_row: u32) -> bool {
        self.fails(ended, u64::from(self.half_open_calls.get()), 1.0, in_a_row)
    }

    /// Tells whether the calls during a recovery open it again.
    pub(crate) fn fails_recovery(&self, window: Tally, in_a_row: u32) -> bool {
        self.fails(window, window.calls, STRICT, in_a_row)
    }

    /// The rule for calls by which it is found out whether the service is well: without a share that may fail, none may.
    fn fails(&self, tally: Tally, of: u64, strict: f64, in_a_row: u32) -> bool {
        let too_many = match self.failure_ratio {
            Some(limit) => reaches(tally.failures, of, limit * strict),
            None => tally.failures > 0,
        };
        too_many || self.is_too_slow(tally, of, strict) || self.are_too_many(in_a_row)
    }

    fn is_too_slow(&self, tally: Tally, of: u64, strict: f64) -> bool {
        self.slow_call_duration.is_some() && reaches(tally.slow, of, self.slow_call_ratio * strict)
    }

    /// Tells whether so many failures in a row open it, in any state.
    pub(crate) fn are_too_many(&self, in_a_row: u32) -> bool {
        self.consecutive_failures.is_some_and(|limit| in_a_row >= limit.get())
    }

    /// Returns how long it is open when it has opened again so often, by a random number from 0 to 1.
    pub(crate) fn open_for(&self, reopened: u32, random: f64) -> Duration {
        let growth = self.open_growth.powi(i32::try_from(reopened).unwrap_or(i32::MAX));
        let grown = Duration::try_from_secs_f64(self.open_duration.as_secs_f64() * growth).unwrap_or(Duration::MAX);
        let longest = grown.clamp(self.open_duration, self.max_open_duration);
        let kept = 1.0 - self.open_jitter * random;
        // Without jitter it is to the nanosecond what the settings say.
        if kept < 1.0 { longest.mul_f64(kept).max(Duration::from_nanos(1)) } else { longest }
    }
}

/// Tells whether a part reaches a share, which is more than nothing.
fn reaches(part: u64, whole: u64, share: f64) -> bool {
    part > 0 && ratio(part, whole) >= share
}
