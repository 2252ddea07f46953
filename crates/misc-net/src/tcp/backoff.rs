//! How long to wait before the next attempt.

use std::time::Duration;

/// The longest first delay.
const FIRST: Duration = Duration::from_millis(100);
/// The longest delay of all.
const LONGEST: Duration = Duration::from_secs(30);

/// Exponential backoff with full jitter: each delay is chosen at random up to a bound, and the bound doubles.
///
/// Clients that lost the same server come back spread over the whole time, not in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    delays: u32,
}

impl Backoff {
    /// Returns the next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        let bound = self.bound();
        self.delays = self.delays.saturating_add(1);
        bound.mul_f64(fastrand::f64())
    }

    /// Returns what the next delay does not exceed.
    fn bound(&self) -> Duration {
        FIRST.saturating_mul(2u32.saturating_pow(self.delays)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_stay_below_a_bound_that_doubles_up_to_the_longest(delays in 0u32..200) {
            let mut backoff = Backoff::default();
            for _ in 0..delays {
                let (bound, before) = (backoff.bound(), backoff.delays);
                prop_assert!(backoff.delay() <= bound);
                prop_assert!(bound <= LONGEST);
                prop_assert_eq!(backoff.bound(), (bound * 2).min(LONGEST));
                prop_assert_eq!(backoff.delays, before + 1);
            }
        }
    }

    #[test]
    fn delays_are_spread_over_the_whole_time() {
        let mut delays: Vec<_> = (0..1000).map(|_| Backoff { delays: 20 }.delay()).collect();
        delays.sort();
        assert!(delays[0] < LONGEST / 10 && delays[999] > LONGEST / 10 * 9, "{:?} to {:?}", delays[0], delays[999]);
    }
}
