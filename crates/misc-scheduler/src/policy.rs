//! What happens when a firing meets a run, comes late, fails, or is overtaken by a stop.

use std::time::Duration;

/// What becomes of a firing while the task still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overlap {
    /// It is skipped, and counted.
    #[default]
    Skip,
    /// One waits until the run has ended; more than that are skipped.
    QueueOne,
    /// All wait, in order; past 10,000 they are skipped.
    QueueAll,
    /// The run is cancelled, and the new one starts when that is gone.
    CancelRunning,
    /// So many run at once; more than that are skipped.
    Allow(u32),
}

/// What becomes of firings that were missed: during a pause, a suspend, an overload, or while the process was down.
///
/// A firing is missed when it comes more than a second late, or its task was paused. Each counts as a misfire, whatever is
/// done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Misfire {
    /// They are forgotten.
    Skip,
    /// One run makes up for all of them, unless another one is due in time at that very moment.
    #[default]
    Once,
    /// Each is made up for, in order, as far as the overlap policy lets them; at most 1,000.
    ///
    /// They come at once: [`Overlap::QueueAll`] runs them one after another, [`Overlap::Skip`] only the first one.
    All,
}

/// What a stop means for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnStop {
    /// The service waits for it, for as long as it may take to stop itself.
    #[default]
    Drain,
    /// The service waits for it for so long, and drops it then.
    DrainFor(Duration),
    /// It is dropped at once.
    Cancel,
}

/// What the failure of a run means, once its retries are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is logged, and the schedule goes on.
    #[default]
    Log,
    /// After so many in a row the service fails with the error of the last one.
    FailService(u32),
    /// The app is asked to stop.
    StopApp,
}

/// What becomes of a firing when the ledger cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenAway {
    /// It waits for the ledger, for as long as the task's grace (one minute by default); then it counts as missed.
    ///
    /// A start waits, too, until the ledger has told when each task last ran.
    #[default]
    Wait,
    /// It runs without a claim: possibly on several replicas.
    ///
    /// A start goes on after the first failure, as if what the ledger did not tell had never run.
    Run,
}

/// Runs again what has failed, with exponential backoff.
///
/// The first retry waits for 1 s, each further one twice as long, up to a minute, shortened at random by up to a
/// half. The attempts are one run: the overlap policy sees them as one, and so does the status.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::Retry;
///
/// let stubborn = Retry::new(10).backoff(Duration::from_millis(100), Duration::from_secs(5));
/// # let _ = stubborn;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    retries: u32,
    initial: Duration,
    max: Duration,
    jitter: f64,
}

impl Retry {
    /// Creates a policy that runs a failed run again up to `retries` times.
    #[must_use]
    pub fn new(retries: u32) -> Self {
        Self { retries, initial: Duration::from_secs(1), max: Duration::from_secs(60), jitter: 0.5 }
    }

    /// Sets the first delay and the longest one (1 s and 60 s); each delay doubles the one before.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration) -> Self {
        (self.initial, self.max) = (initial, max);
        self
    }

    /// Sets the share of each delay, 0 to 1, that is random (0.5).
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// Returns the delay after a failed attempt, counted from 1; `None` when it was the last.
    pub(crate) fn delay_after(&self, attempt: u32) -> Option<Duration> {
        if attempt > self.retries {
            return None;
        }
        let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
        let full = self.initial.saturating_mul(doubled).min(self.max);
        let jittered = Duration::try_from_secs_f64(full.as_secs_f64() * (1.0 - self.jitter * fastrand::f64()));
        Some(jittered.map_or(full, |delay| delay.min(full)))
    }

    pub(crate) fn problems(&self, problems: &mut Vec<String>) {
        let Self { retries, initial, max, jitter } = self;
        if *retries == 0 {
            problems.push("`retry` with 0 retries never runs it again; leave it out".to_owned());
        }
        if initial > max {
            problems.push(format!("`Retry::backoff` starts at {initial:?}, above its maximum of {max:?}; swap them"));
        }
        if !(0.0..=1.0).contains(jitter) {
            problems.push(format!("`Retry::jitter` is {jitter}; use a share from 0 to 1"));
        }
    }
}

/// How the runs of one task behave.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) overlap: Overlap,
    /// How many may run at once.
    pub(crate) at_once: u32,
    pub(crate) misfire: Misfire,
    pub(crate) grace: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Box<Retry>>,
    pub(crate) on_stop: OnStop,
    pub(crate) on_failure: OnFailure,
    pub(crate) stuck_after: Option<Duration>,
    pub(crate) background: bool,
    pub(crate) local: bool,
    pub(crate) rerun_after: Option<Duration>,
}

impl Policy {
    pub(crate) const DEFAULT: Self = Self {
        overlap: Overlap::Skip,
        at_once: 1,
        misfire: Misfire::Once,
        grace: None,
        timeout: None,
        retry: None,
        on_stop: OnStop::Drain,
        on_failure: OnFailure::Log,
        stuck_after: None,
        background: false,
        local: false,
        rerun_after: None,
    };

    /// Says what does not make sense.
    pub(crate) fn problems(&self, problems: &mut Vec<String>) {
        let zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        let times = [
            ("timeout", self.timeout),
            ("stuck_after", self.stuck_after),
            ("grace", self.grace),
            ("rerun_after", self.rerun_after),
        ];
        for (name, time) in times {
            if zero(time) {
                problems.push(format!("its `{name}` is zero, so no run would pass; raise it or leave it out"));
            }
        }
        if let (Some(rerun), Some(timeout)) = (self.rerun_after, self.timeout)
            && rerun <= timeout
        {
            let cure = "another replica would run it beside the first one; raise it";
            problems.push(format!("its `rerun_after` of {rerun:?} is not above its `timeout` of {timeout:?}: {cure}"));
        }
        if self.at_once == 0 {
            problems.push("it may run 0 times at once, so it never runs; allow at least 1".to_owned());
        }
        if self.on_failure == OnFailure::FailService(0) {
            problems.push("`OnFailure::FailService(0)` fails before the first failure; use at least 1".to_owned());
        }
        if self.on_stop == OnStop::DrainFor(Duration::ZERO) {
            problems.push("`OnStop::DrainFor` zero does not wait; write `OnStop::Cancel`".to_owned());
        }
        if let Some(retry) = &self.retry {
            retry.problems(problems);
        }
    }
}
