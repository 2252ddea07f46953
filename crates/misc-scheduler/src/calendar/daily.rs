//! A time of day, every day or every so many days.

use std::num::NonZeroU32;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};

use super::{clock::next_fixed, time_of_day::TimeOfDay, zone::Zone};

/// A time of day in a time zone, every day or every so many days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Daily {
    time: TimeOfDay,
    zone: Zone,
    days: NonZeroU32,
    start: Option<NaiveDate>,
}

impl Daily {
    /// Every day.
    pub(crate) fn new(time: TimeOfDay, zone: Zone) -> Self {
        Self { time, zone, days: NonZeroU32::MIN, start: None }
    }

    /// Every so many days.
    ///
    /// They count from the date of [`starting`](Self::starting), or else from 1 January 1970, so that it is the same
    /// days after a restart and on every replica.
    pub(crate) fn every(self, days: NonZeroU32) -> Self {
        Self { days, ..self }
    }

    /// Not before a date, such as `2027-01-31`, which is the first.
    pub(crate) fn starting(self, date: &str) -> Result<Self, BadDate> {
        let start = date.trim().parse().map_err(|_| BadDate(date.to_owned()))?;
        Ok(Self { start: Some(start), ..self })
    }

    /// Returns the first due time after `after`.
    pub(crate) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        next_fixed(self.zone, after, |from| self.first_from(from))
    }

    fn first_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let date = if from.time() <= self.time.time() { from.date() } else { from.date().succ_opt()? };
        let origin = self.start.unwrap_or_default();
        let date = self.start.map_or(date, |start| date.max(start));
        let days = i64::from(self.days.get());
        let over = (date - origin).num_days().rem_euclid(days);
        let ahead = (days - over) % days;
        let date = date.checked_add_days(Days::new(ahead.unsigned_abs()))?;
        Some(date.and_time(self.time.time()))
    }
}

/// A date that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("date `{0}`: write year, month and day of one that exists, such as `2027-01-31`")]
pub(crate) struct BadDate(String);
