//! The settings of a breaker.

use std::{borrow::Cow, fmt, num::NonZeroU32, time::Duration};

use misc_core::schema::{self, Kind};
use misc_macros::Describe;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, value::StrDeserializer},
};

use crate::refused::Refused;

/// The most calls that a window may hold; it has two bits for each.
const MOST_CALLS: u32 = 1_000_000;

/// The settings of a [`Breaker`](crate::Breaker).
///
/// Names and defaults are those of Resilience4j where it has them. It opens by any of three rules: the share of failures
/// and the share of slow calls in its window, each once there are enough calls to judge by, and failures in a row. Half-open,
/// it lets `half_open_calls` probes through and judges them by the same rules.
///
/// # Examples
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use misc_resilience::{BreakerConfig, Window};
///
/// let mut config = BreakerConfig::default();
/// config.window = Window::Time(Duration::from_secs(10));
/// config.minimum_calls = 20;
/// config.consecutive_failures = NonZeroU32::new(5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// Who decides whether calls pass (`automatic`): the rules, or an operator.
    pub mode: Mode,
    /// The calls by which it is judged: the last so many (`100 calls`), or those of the last while (`10s`).
    pub window: Window,
    /// How many calls the window must hold before it is judged by shares (100).
    pub minimum_calls: u32,
    /// The share of failures from which on it opens, above 0 and up to 1 (0.5).
    pub failure_ratio: Option<f64>,
    /// How many failures in a row open it, however few calls there were (no number does).
    pub consecutive_failures: Option<NonZeroU32>,
    /// What takes longer is a slow call, whether it fails or not (none is slow; calls are then not timed).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub slow_call_duration: Option<Duration>,
    /// The share of slow calls from which on it opens, above 0 and up to 1 (1, that is if all are).
    pub slow_call_ratio: f64,
    /// How long it stays open (60 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub open_duration: Duration,
    /// By what that grows each time the service is found to be still down, at least 1 (1.5). Once it is found to be well,
    /// it starts anew.
    pub open_growth: f64,
    /// How long that grows at most (10 min).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub max_open_duration: Duration,
    /// The share of it, from 0 to less than 1, that is random (0.2: 60 s become 48 s to 60 s), so that many instances do not
    /// return in step.
    pub open_jitter: f64,
    /// How many probes pass while it is half-open (10); it is judged when all of them have ended.
    pub half_open_calls: NonZeroU32,
    /// How long the probes may take before it opens again (any time), counted from the first of them; anew if all were
    /// ignored or cancelled.
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub half_open_timeout: Option<Duration>,
    /// How long it recovers, with a share of calls that grows, instead of being half-open (it does not).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub recovery: Option<Duration>,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        const PROBES: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");
        Self {
            mode: Mode::default(),
            window: Window::Calls(100),
            minimum_calls: 100,
            failure_ratio: Some(0.5),
            consecutive_failures: None,
            slow_call_duration: None,
            slow_call_ratio: 1.0,
            open_duration: Duration::from_secs(60),
            open_growth: 1.5,
            max_open_duration: Duration::from_secs(600),
            open_jitter: 0.2,
            half_open_calls: PROBES,
            half_open_timeout: None,
            recovery: None,
        }
    }
}

impl BreakerConfig {
    /// Checks the settings for a breaker of that name.
    pub(crate) fn check(&self, name: &str) -> Result<(), Refused> {
        Refused::if_any(format_args!("breaker `{name}`"), self.problems(name))
    }

    pub(crate) fn problems(&self, name: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut refuse = |is_wrong: bool, problem: fmt::Arguments<'_>| {
            if is_wrong {
                problems.push(problem.to_string());
            }
        };
        let (open, longest) = (self.open_duration, self.max_open_duration);
        let by_itself = self.mode == Mode::Automatic;
        let rules =
            self.failure_ratio.is_some() || self.consecutive_failures.is_some() || self.slow_call_duration.is_some();

        refuse(name.is_empty(), format_args!("it has no name, which metrics and rejections need"));
        refuse(
            by_itself && !rules,
            format_args!(
                "nothing could open it; set `failure_ratio`, `consecutive_failures` or `slow_call_duration`, or a `mode`"
            ),
        );
        match self.window {
            Window::Calls(0) => refuse(true, format_args!("`window` holds no call; use at least 1")),
            Window::Calls(calls) => {
                let min = self.minimum_calls;
                refuse(calls > MOST_CALLS, format_args!("`window` holds {calls} calls; use at most {MOST_CALLS}"));
                let never = "which it would never reach";
                refuse(min > calls, format_args!("`minimum_calls` is {min} of a `window` of {calls}, {never}"));
            }
            Window::Time(time) => refuse(time.is_zero(), format_args!("`window` is no time; use one above 0")),
        }
        refuse(self.minimum_calls == 0, format_args!("`minimum_calls` is 0; use at least 1"));
        if let Some(share) = self.failure_ratio {
            refuse(!is_share(share), format_args!("`failure_ratio` is {share}; use a share above 0, up to 1"));
        }
        let share = self.slow_call_ratio;
        refuse(!is_share(share), format_args!("`slow_call_ratio` is {share}; use a share above 0, up to 1"));
        for (name, time) in [
            ("slow_call_duration", self.slow_call_duration),
            ("open_duration", Some(open)),
            ("half_open_timeout", self.half_open_timeout),
            ("recovery", self.recovery),
        ] {
            refuse(time.is_some_and(|time| time.is_zero()), format_args!("`{name}` is no time; use one above 0"));
        }
        refuse(
            open > longest,
            format_args!("`open_duration` is {open:?}, above `max_open_duration` of {longest:?}; swap them"),
        );
        let growth = self.open_growth;
        refuse(
            !(growth.is_finite() && growth >= 1.0),
            format_args!("`open_growth` is {growth}; use 1, which never grows, or more"),
        );
        let jitter = self.open_jitter;
        refuse(!(0.0..1.0).contains(&jitter), format_args!("`open_jitter` is {jitter}; use a share from 0, below 1"));
        refuse(
            self.recovery.is_some() && self.half_open_timeout.is_some(),
            format_args!("`half_open_timeout` means nothing beside `recovery`, which is never half-open; drop one"),
        );
        problems
    }
}

fn is_share(share: f64) -> bool {
    share > 0.0 && share <= 1.0
}

/// The calls by which a breaker is judged.
///
/// In settings it is a text: `100 calls`, or a span of time such as `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Describe)]
#[describe(kind = Kind::Text)]
#[non_exhaustive]
pub enum Window {
    /// The last so many calls, up to 1,000,000.
    Calls(u32),
    /// The calls that have ended in the last while, which moves on by a tenth of itself.
    Time(Duration),
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Calls(calls) => serializer.collect_str(&format_args!("{calls} calls")),
            Self::Time(time) => schema::period::serialize(time, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        if let Some(calls) = text.trim().strip_suffix("calls").and_then(|calls| calls.trim_end().parse().ok()) {
            return Ok(Self::Calls(calls));
        }
        let time = schema::period::deserialize(StrDeserializer::<D::Error>::new(&text));
        time.map(Self::Time).map_err(|_| {
            let expected = "write a number of calls, such as `100 calls`, or a span of time, such as `10s`";
            D::Error::custom(format_args!("`{text}` is no window; {expected}"))
        })
    }
}

/// Who decides whether calls pass a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// The rules do.
    #[default]
    Automatic,
    /// No call passes.
    ForcedOpen,
    /// Every call passes, and the window holds none.
    Disabled,
    /// Every call passes, and the window holds them, so that the rules can be tried.
    MetricsOnly,
}
