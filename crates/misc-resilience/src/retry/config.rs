//! How often something is made again, and how long after.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use misc_core::schema;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Retry`](crate::Retry).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_resilience::{Jitter, RetryConfig};
///
/// let mut config = RetryConfig::default();
/// config.attempts = 5;
/// config.jitter = Jitter::None;
/// let pauses: Vec<_> = config.delays().map(|pause| pause.as_millis()).collect();
/// assert_eq!(pauses, [100, 200, 400, 800]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryConfig {
    /// How often a call is made at most, the first time included (3).
    pub attempts: u32,
    /// How long the first pause is at most (100 ms).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub initial_delay: Duration,
    /// How long any pause is at most (10 s), unless the target itself asks for a longer one (`Retry-After`).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub max_delay: Duration,
    /// By what each pause is longer than the one before (2), at least 1.
    pub factor: f32,
    /// How pauses are shortened at random (`full`), so that those who failed together do not return together.
    pub jitter: Jitter,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts: 3,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            factor: 2.0,
            jitter: Jitter::default(),
        }
    }
}

impl RetryConfig {
    /// Returns the pauses before the second and each further attempt, as they may be once.
    #[must_use]
    pub fn delays(&self) -> Delays {
        Delays::new(self)
    }

    /// Says of each field that makes no sense why it does not.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { attempts, initial_delay, max_delay, factor, .. } = self;
        let mut problems = Vec::new();
        if *attempts == 0 {
            problems.push("`attempts` is 0, so no call would ever be made; use 1 to make each once".to_owned());
        }
        if initial_delay > max_delay {
            let cure = "swap them";
            problems.push(format!("`initial_delay` is {initial_delay:?}, above `max_delay` of {max_delay:?}; {cure}"));
        }
        if !(factor.is_finite() && *factor >= 1.0) {
            problems.push(format!("`factor` is {factor}; use 1, with which pauses do not grow, or more"));
        }
        problems
    }
}

/// How pauses are shortened at random.
///
/// "Full" and "equal" are those of the [article] that compared them: without any, whoever failed together comes back
/// together.
///
/// [article]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Jitter {
    /// To anything between nothing and all of it: it spreads the load best.
    #[default]
    Full,
    /// To anything between half and all of it: a target always has some time.
    Equal,
    /// Not at all, for tests.
    None,
}

/// The pauses between attempts; see [`RetryConfig::delays`].
///
/// How they grow is backon's. Its jitter is not used: it lengthens a pause at random, up to twice, which is neither of the
/// two, and goes above the maximum.
#[derive(Debug)]
pub struct Delays {
    growth: ExponentialBackoff,
    /// What the last pause was before it was shortened.
    ceiling: Duration,
    max: Duration,
    jitter: Jitter,
    left: u32,
}

impl Delays {
    fn new(config: &RetryConfig) -> Self {
        let RetryConfig { attempts, initial_delay, max_delay, factor, jitter } = *config;
        let growth =
            ExponentialBuilder::new().with_factor(factor).with_min_delay(initial_delay).with_max_delay(max_delay);
        let growth = growth.without_max_times().build();
        Self { growth, ceiling: Duration::ZERO, max: max_delay, jitter, left: attempts.saturating_sub(1) }
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        // It multiplies with few digits, so a pause might be a hair shorter than the one before, or not quite 200 ms.
        let grown = self.growth.next().map_or(self.max, whole_micros);
        self.ceiling = grown.clamp(self.ceiling.min(self.max), self.max);
        Some(self.jitter.shorten(self.ceiling))
    }
}

impl Jitter {
    fn shorten(self, pause: Duration) -> Duration {
        let kept = match self {
            Self::Full => fastrand::f64(),
            Self::Equal => 0.5 + fastrand::f64() / 2.0,
            Self::None => return pause,
        };
        Duration::try_from_secs_f64(pause.as_secs_f64() * kept).map_or(pause, |shortened| shortened.min(pause))
    }
}

fn whole_micros(time: Duration) -> Duration {
    let nanos = time.subsec_nanos();
    let rounded = (nanos + 500) / 1_000 * 1_000;
    time.checked_add(Duration::from_nanos(rounded.into())).map_or(time, |sum| sum - Duration::from_nanos(nanos.into()))
}
