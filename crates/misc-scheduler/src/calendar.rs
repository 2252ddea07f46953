//! When a task is due by the calendar: cron expressions and times of day, in a time zone.
//!
//! Everything here is a pure function of its arguments: what time it is, the caller says. Where a zone sets its clock
//! forward or back, due times follow the rules of Debian's cron ([`clock`]).

mod clock;
mod cron;
mod daily;
mod days;
mod expression;
mod field;
mod pattern;
mod time_of_day;
mod zone;

#[cfg(test)]
mod tests;

#[cfg(test)]
use std::iter;

use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use self::{cron::Cron, daily::Daily, time_of_day::TimeOfDay, zone::Zone};

/// Due times by the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Calendar {
    Cron(Cron),
    Daily(Daily),
}

impl Calendar {
    /// Returns the first due time after `after`, or nothing if none comes within 50 years.
    pub(crate) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Cron(cron) => cron.next(after),
            Self::Daily(daily) => daily.next(after),
        }
    }

    /// Whether it follows the clock wherever that is set, as opposed to fixed times, each of which is due once.
    pub(crate) fn follows_clock(&self) -> bool {
        match self {
            Self::Cron(cron) => cron.follows_clock(),
            Self::Daily(_) => false,
        }
    }

    #[cfg(test)]
    /// Returns the due times after `from` until and including `to`, in order. They may be many: take what you need.
    pub(crate) fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        iter::successors(Some(from), |&at| self.next(at)).skip(1).take_while(move |&at| at <= to)
    }

    /// Returns the last due time after `from` until and including `to`; its cost grows with the logarithm of the time
    /// between them, however many due times there are.
    pub(crate) fn last_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = |after| self.next(after).filter(|&at| at <= to);
        let mut last = next(from)?;
        let (mut before, mut beyond) = (last, to);
        while beyond - before > TimeDelta::seconds(1) {
            let middle = before + (beyond - before) / 2;
            match next(middle) {
                Some(at) => (last, before) = (at, at),
                None => beyond = middle,
            }
        }
        Some(next(before).unwrap_or(last))
    }
}

impl From<Cron> for Calendar {
    fn from(cron: Cron) -> Self {
        Self::Cron(cron)
    }
}

impl From<Daily> for Calendar {
    fn from(daily: Daily) -> Self {
        Self::Daily(daily)
    }
}
