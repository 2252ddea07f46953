//! The restart policy: how often, how soon, and when to give up.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::time::NEVER;

/// Restarts a failed service with exponential backoff, within a budget.
///
/// One counter of failed attempts in a row drives both. The first restart waits 100 ms, each further one twice as
/// long, up to 30 s, shortened at random by up to a half so that many instances do not return in step. When the 10th
/// attempt in a row has failed, the failure escalates: the app (or the group) stops. A service that was ready for
/// 60 s starts again with a full budget.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::Restart;
///
/// let patient = Restart::new()
///     .attempts(100)
///     .backoff(Duration::from_secs(1), Duration::from_secs(60));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone)]
pub struct Restart {
    attempts: u32,
    initial: Duration,
    max: Duration,
    reset_after: Duration,
    jitter: f64,
}

impl Restart {
    /// Creates the default policy, the same as [`Restart::default`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            attempts: 10,
            initial: Duration::from_millis(100),
            max: Duration::from_secs(30),
            reset_after: Duration::from_secs(60),
            jitter: 0.5,
        }
    }

    /// Sets how many attempts in a row may fail before the failure escalates (10).
    ///
    /// The first start counts as an attempt, so `1` never restarts.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the first delay and the longest one (100 ms and 30 s); each delay doubles the one before.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.initial = initial;
        self.max = max;
        self
    }

    /// Sets after how long a time of being ready the budget is full again (60 s).
    #[must_use]
    pub fn reset_after(mut self, ready: Duration) -> Self {
        self.reset_after = ready;
        self
    }

    /// Sets the share of each delay, 0 to 1, that is random (0.5: a delay of 1 s becomes 0.5 s to 1 s).
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// Says what makes the policy nonsense, if anything.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { attempts, initial, max, jitter, .. } = self;
        let mut problems = Vec::new();
        if *attempts == 0 {
            problems.push("`Restart::attempts` is 0: the service could not even start once; use at least 1".to_owned());
        }
        if initial > max {
            problems
                .push(format!("`Restart::backoff` starts at {initial:?}, above its own maximum of {max:?}; swap them"));
        }
        if !(0.0..=1.0).contains(jitter) {
            problems.push(format!("`Restart::jitter` is {jitter}; use a share from 0 to 1"));
        }
        problems
    }

    fn delay_after(&self, failed: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failed.saturating_sub(1));
        let full = self.initial.saturating_mul(doubled).min(self.max).min(NEVER);
        full.mul_f64(1.0 - self.jitter * random_share())
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self::new()
    }
}

/// The failed attempts in a row of one service.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
}

impl Attempts {
    /// Counts a failure; returns the delay before the next attempt, or `None` when the budget is used up.
    pub(crate) fn fail(&mut self, policy: &Restart, ready_for: Option<Duration>) -> Option<Duration> {
        if ready_for.is_some_and(|ready| ready >= policy.reset_after) {
            self.failed = 0;
        }
        self.failed += 1;
        (self.failed < policy.attempts).then(|| policy.delay_after(self.failed))
    }

    /// Returns the number of failed attempts in a row.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }

    pub(crate) fn reset(&mut self) {
        self.failed = 0;
    }
}

/// Returns a number in `[0, 1)`, from the standard library's own source of random hash keys.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let policy = Restart::new().jitter(0.0);
        let delays: Vec<_> = (1..=10).map(|n| policy.delay_after(n).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]);
        assert_eq!(policy.delay_after(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn jitter_shortens_a_delay_by_at_most_its_share() {
        let policy = Restart::new().jitter(0.5);
        for _ in 0..1000 {
            let delay = policy.delay_after(1);
            assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&delay));
        }
    }

    #[test]
    fn the_tenth_failure_in_a_row_uses_up_the_budget() {
        let (policy, mut attempts) = (Restart::new(), Attempts::default());
        let restarts = (1..=10).filter(|_| attempts.fail(&policy, None).is_some()).count();
        assert_eq!(restarts, 9);
    }

    #[test]
    fn a_minute_of_being_ready_fills_the_budget() {
        let (policy, mut attempts) = (Restart::new().attempts(2), Attempts::default());
        assert!(attempts.fail(&policy, None).is_some());
        assert!(attempts.fail(&policy, Some(Duration::from_secs(60))).is_some());
        assert!(attempts.fail(&policy, Some(Duration::from_secs(59))).is_none());
    }
}
