//! Every so often.

use std::{fmt, num::NonZeroU32, time::Duration};

use super::Trigger;
use crate::{
    anchored::Anchored,
    arm::{Pace, Source},
    label::Label,
    times::Times,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The kind of [`every`].
#[derive(Debug, Clone)]
pub struct Every {
    period: Duration,
    pace: Pace,
    first: Option<Duration>,
    aligned: bool,
    starting_at: Option<String>,
    zone: Option<String>,
}

/// Runs every `period`, at multiples of it since the start: the first time after one period.
///
/// A run that takes longer than the period does not move those after it: what is due meanwhile is up to the task's
/// [`Overlap`](crate::Overlap). Periods below a second work. Time is tokio's clock, without zones and leaps, unless it is
/// [`aligned`](Trigger::aligned) or has a [`starting_at`](Trigger::starting_at).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::every;
///
/// let poll = every(Duration::from_millis(250));
/// let sweep = every(Duration::from_secs(60)).fixed_delay().immediately();
/// let backup = every(Duration::from_secs(12 * 3600)).starting_at("03:00").tz("Europe/Berlin");
/// # drop((poll, sweep, backup));
/// ```
pub fn every(period: Duration) -> Trigger<Every> {
    let kind = Every { period, pace: Pace::Rate, first: None, aligned: false, starting_at: None, zone: None };
    Trigger::of(kind)
}

impl Trigger<Every> {
    /// Counts the period from the end of a run to the start of the next one.
    pub fn fixed_delay(mut self) -> Self {
        self.kind.pace = Pace::Delay;
        self
    }

    /// Sets the time until the first run (one period).
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.kind.first = Some(delay);
        self
    }

    /// Runs for the first time as soon as the scheduler is ready.
    pub fn immediately(self) -> Self {
        self.initial_delay(Duration::ZERO)
    }

    /// Runs at multiples of the period on the wall clock, in UTC: every 15 minutes at :00, :15, :30 and :45.
    ///
    /// So replicas run at the same time, which is what a [`ledger`](crate::Scheduler::ledger) needs.
    pub fn aligned(mut self) -> Self {
        self.kind.aligned = true;
        self
    }

    /// Runs for the first time at the next time of day like this, `09:00` or `09:00:30`, in UTC or in
    /// [`tz`](Self::tz), and at multiples of the period from there.
    ///
    /// With a [`ledger`](crate::Scheduler::ledger), it goes on in this beat after a restart, and on all replicas, if the task
    /// is there when the scheduler starts.
    /// A period of whole days keeps to that time of day through clock changes, as [`daily`](super::daily) does;
    /// of several days, they are those of [`every_days`](Trigger::every_days).
    pub fn starting_at(mut self, time: impl Into<String>) -> Self {
        self.kind.starting_at = Some(time.into());
        self
    }

    /// Sets the zone of [`starting_at`](Self::starting_at), by its IANA name (`UTC`).
    pub fn tz(mut self, zone: impl Into<String>) -> Self {
        self.kind.zone = Some(zone.into());
        self
    }
}

impl Every {
    pub(super) fn compile(self, jitter: Duration, problems: &mut Vec<String>) -> Option<Source> {
        let before = problems.len();
        self.check(jitter, problems);
        let source = match &self.starting_at {
            None if self.aligned => Some(Source::calendar(Times::beat(self.period))),
            None => {
                Some(Source::Every { period: self.period, first: self.first.unwrap_or(self.period), pace: self.pace })
            }
            Some(time) => self.anchored(time, problems),
        };
        source.filter(|_| problems.len() == before)
    }

    /// The period, if that is all there is to say of it.
    pub(super) fn plain(&self) -> Option<Duration> {
        let is_plain = self.pace == Pace::Rate && self.starting_at.is_none() && !self.aligned;
        is_plain.then_some(self.period)
    }

    fn check(&self, jitter: Duration, problems: &mut Vec<String>) {
        let Self { period, pace, first, aligned, starting_at, zone } = self;
        let mut problem = |text: String| problems.push(text);
        if period.is_zero() {
            problem("it runs `every` zero seconds, all the time; give it a period".to_owned());
        } else if jitter >= *period {
            problem(format!("its `jitter` of {jitter:?} is not below its period of {period:?}; lower it"));
        }
        let on_wall = *aligned || starting_at.is_some();
        if on_wall && *pace == Pace::Delay {
            problem("`fixed_delay` has no fixed times to keep to; take out `aligned` or `starting_at`".to_owned());
        }
        if on_wall && first.is_some() {
            problem(
                "`initial_delay` beside `aligned` or `starting_at`, which say when it begins; take out one".to_owned(),
            );
        }
        if *aligned && starting_at.is_some() {
            problem("`aligned` beside `starting_at`, which says where it begins; take out one".to_owned());
        }
        if zone.is_some() && starting_at.is_none() {
            problem("`tz` without `starting_at` says nothing; take it out, or use `daily` or `cron`".to_owned());
        }
    }

    fn anchored(&self, time: &str, problems: &mut Vec<String>) -> Option<Source> {
        let zone = self.zone.as_deref();
        let days = u32::try_from(self.period.as_secs() / DAY.as_secs()).unwrap_or(0);
        match NonZeroU32::new(days).filter(|days| self.period == DAY * days.get()) {
            Some(days) => Times::daily(time, zone, days, None, problems).map(Source::calendar),
            None => {
                let first = Times::daily(time, zone, NonZeroU32::MIN, None, problems)?;
                Some(Source::Anchored(Box::new(Anchored::new(first, self.period, self.to_string()))))
            }
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Label::Every(self.period).fmt(f)?;
        if self.pace == Pace::Delay {
            f.write_str(" after the last run")?;
        }
        if let Some(time) = &self.starting_at {
            write!(f, " from {time} {}", self.zone.as_deref().unwrap_or("UTC"))?;
        }
        if self.aligned { f.write_str(", aligned") } else { Ok(()) }
    }
}
