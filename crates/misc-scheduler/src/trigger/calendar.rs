//! At times of the wall clock.

use std::{fmt, num::NonZeroU32, time::SystemTime};

use super::Trigger;
use crate::{arm::Source, instant, times::Times};

/// The kind of [`daily`].
#[derive(Debug, Clone)]
pub struct Daily {
    time: String,
    zone: Option<String>,
    days: u32,
    from: Option<String>,
}

/// Runs each day at a time of day, `09:00` or `09:00:30`, in UTC or in the zone of [`tz`](Trigger::tz).
///
/// Where a clock change skips that time, it runs right after the change; where one repeats it, it runs once.
pub fn daily(time: impl Into<String>) -> Trigger<Daily> {
    Trigger::of(Daily { time: time.into(), zone: None, days: 1, from: None })
}

impl Trigger<Daily> {
    /// Sets the zone by its IANA name, such as `Europe/Berlin` (`UTC`).
    pub fn tz(mut self, zone: impl Into<String>) -> Self {
        self.kind.zone = Some(zone.into());
        self
    }

    /// Runs every so many days only (1), counted from [`starting`](Self::starting), else from 1 January 1970.
    ///
    /// So these are the same days after a restart, and on every replica.
    pub fn every_days(mut self, days: u32) -> Self {
        self.kind.days = days;
        self
    }

    /// Runs for the first time on a date, such as `2027-01-31`.
    pub fn starting(mut self, date: impl Into<String>) -> Self {
        self.kind.from = Some(date.into());
        self
    }
}

impl Daily {
    pub(super) fn compile(self, problems: &mut Vec<String>) -> Option<Source> {
        let Self { time, zone, days, from } = self;
        let Some(days) = NonZeroU32::new(days) else {
            problems.push("it runs every 0 days; use at least 1".to_owned());
            return None;
        };
        Times::daily(&time, zone.as_deref(), days, from.as_deref(), problems).map(Source::calendar)
    }
}

impl fmt::Display for Daily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, zone, days, .. } = self;
        match days {
            1 => f.write_str("daily")?,
            days => write!(f, "every {days} days")?,
        }
        write!(f, " at {time} {}", zone.as_deref().unwrap_or("UTC"))
    }
}

/// The kind of [`cron`].
#[derive(Debug, Clone)]
pub struct Cron {
    expression: String,
    zone: Option<String>,
}

/// Runs by a cron expression of five fields, or of six with seconds first, in UTC or in the zone of
/// [`tz`](Trigger::tz).
///
/// Names (`MON-FRI`, `JAN`), nicknames (`@daily`), steps, lists, `L` (last), `W` (nearest weekday) and `#` (`FRI#2`, the second Friday) work.
/// At clock changes it does as Debian's cron: what runs at a fixed time is neither lost nor repeated, what has a `*` in its
/// minutes or hours follows the new clock.
pub fn cron(expression: impl Into<String>) -> Trigger<Cron> {
    Trigger::of(Cron { expression: expression.into(), zone: None })
}

impl Trigger<Cron> {
    /// Sets the zone by its IANA name, such as `Asia/Shanghai` (`UTC`).
    pub fn tz(mut self, zone: impl Into<String>) -> Self {
        self.kind.zone = Some(zone.into());
        self
    }
}

impl Cron {
    pub(super) fn compile(self, problems: &mut Vec<String>) -> Option<Source> {
        Times::cron(&self.expression, self.zone.as_deref(), problems).map(Source::calendar)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cron {} {}", self.expression, self.zone.as_deref().unwrap_or("UTC"))
    }
}

/// The kind of [`at`].
#[derive(Debug, Clone)]
pub struct At(Moment);

/// Runs once, at a time: a `SystemTime`, or RFC 3339 text such as `2027-01-01T09:00:00+01:00`.
///
/// What is in the past when the scheduler starts is over, unless a [`ledger`](crate::Scheduler::ledger) knows that the
/// task has been waiting for it.
pub fn at(time: impl Into<Moment>) -> Trigger<At> {
    Trigger::of(At(time.into()))
}

impl At {
    pub(super) fn compile(self, problems: &mut Vec<String>) -> Option<Source> {
        self.0.read("at", problems).map(Source::At)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.0)
    }
}

/// A moment of the wall clock: a `SystemTime`, or RFC 3339 text.
#[derive(Debug, Clone)]
pub struct Moment(Result<i64, String>);

impl Moment {
    /// Returns when it is; text that is none is a problem of `what`.
    pub(crate) fn read(&self, what: &str, problems: &mut Vec<String>) -> Option<i64> {
        let problem = |text| format!("`{what}` is `{text}`, which is no time; write one as `2027-01-01T09:00:00Z`");
        self.0.as_ref().map_err(|text| problems.push(problem(text))).ok().copied()
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(Ok(instant::of(time)))
    }
}

impl From<&str> for Moment {
    fn from(text: &str) -> Self {
        Self(instant::from_text(text).ok_or_else(|| text.to_owned()))
    }
}

impl From<String> for Moment {
    fn from(text: String) -> Self {
        Self(instant::from_text(&text).ok_or(text))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(micros) => f.write_str(&instant::to_text(*micros)),
            Err(text) => f.write_str(text),
        }
    }
}
