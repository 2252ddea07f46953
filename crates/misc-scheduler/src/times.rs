//! Times of the wall clock, one after another, in microseconds since the epoch.

use std::{fmt, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    calendar::{Calendar, Cron, Daily, TimeOfDay, Zone},
    instant,
};

/// When a trigger of the wall clock fires.
#[derive(Debug)]
pub(crate) enum Times {
    Calendar(Calendar),
    /// The multiples of a period since the epoch.
    Beat(i64),
}

impl Times {
    /// Reads a cron expression; adds what is wrong with it to `problems`.
    pub(crate) fn cron(expression: &str, zone: Option<&str>, problems: &mut Vec<String>) -> Option<Self> {
        let zone = parse_zone(zone, problems);
        // Read in UTC for want of a zone, so that both are told what is wrong with them.
        let cron = told(Cron::parse(expression, zone.unwrap_or(Zone::UTC)), problems)?;
        zone.map(|_| Self::Calendar(cron.into()))
    }

    /// Reads a time of day, every so many days; adds what is wrong with it to `problems`.
    pub(crate) fn daily(
        time: &str,
        zone: Option<&str>,
        days: NonZeroU32,
        from: Option<&str>,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let (time, zone) = (told(TimeOfDay::parse(time), problems), parse_zone(zone, problems));
        let daily = Daily::new(time?, zone?).every(days);
        let daily = match from {
            Some(date) => told(daily.starting(date), problems)?,
            None => daily,
        };
        Some(Self::Calendar(daily.into()))
    }

    pub(crate) fn beat(period: Duration) -> Self {
        Self::Beat(instant::micros(period).max(1))
    }

    /// Returns the first one after `after`; `None` if there is none.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        match self {
            Self::Calendar(calendar) => calendar.next(moment(after)?).map(|next| next.timestamp_micros()),
            Self::Beat(period) => after.div_euclid(*period).checked_add(1)?.checked_mul(*period),
        }
    }

    /// Returns the last one after `from` until and including `to`.
    pub(crate) fn last_between(&self, from: i64, to: i64) -> Option<i64> {
        match self {
            Self::Calendar(calendar) => {
                calendar.last_between(moment(from)?, moment(to)?).map(|last| last.timestamp_micros())
            }
            Self::Beat(period) => Some(to.div_euclid(*period) * period).filter(|last| *last > from),
        }
    }

    /// Returns how many there are after `from` and before `to`, which is one of them, as far as that can be told at once.
    pub(crate) fn count_between(&self, from: i64, to: i64) -> u64 {
        match self {
            Self::Calendar(_) => 0,
            Self::Beat(period) => u64::try_from(to.div_euclid(*period) - from.div_euclid(*period) - 1).unwrap_or(0),
        }
    }

    /// Tells whether these are fixed times of day, which are not repeated when the clock is set back.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Self::Calendar(calendar) if !calendar.follows_clock())
    }
}

fn moment(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

fn parse_zone(zone: Option<&str>, problems: &mut Vec<String>) -> Option<Zone> {
    zone.map_or(Some(Zone::UTC), |zone| told(Zone::parse(zone), problems))
}

fn told<T, E: fmt::Display>(result: Result<T, E>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| problems.push(error.to_string())).ok()
}
