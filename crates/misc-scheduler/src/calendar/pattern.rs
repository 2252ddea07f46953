//! The times that a cron expression names, on a clock that nobody sets.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use super::days::Days;

/// For how many years a date is looked for. No date that exists is further away than 40, a leap day on a given day of
/// the week around a year such as 2100.
const YEARS: u32 = 50;

/// The times that a cron expression names. Bit *n* of a set stands for the number *n*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) months: u64,
    pub(super) days: Days,
}

impl Pattern {
    /// Returns the first time from `from` on.
    pub(super) fn first_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let today = from.date();
        let date = self.date_from(today)?;
        let start = if date == today { from.time() } else { NaiveTime::MIN };
        if let Some(time) = self.time_from(start) {
            return Some(date.and_time(time));
        }
        let date = self.date_from(date.succ_opt()?)?;
        Some(date.and_time(self.time_from(NaiveTime::MIN)?))
    }

    fn date_from(&self, from: NaiveDate) -> Option<NaiveDate> {
        let (mut year, mut month, mut day) = (from.year(), from.month(), from.day());
        for _ in 0..=YEARS * 12 {
            if self.months & (1 << month) != 0
                && let Some(day) = first(u64::from(self.days.in_month(year, month)?), day)
            {
                return NaiveDate::from_ymd_opt(year, month, day);
            }
            (year, month, day) = if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) };
        }
        None
    }

    fn time_from(&self, from: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute, second) = (from.hour(), from.minute(), from.second());
        if first(self.hours, hour)? == hour {
            let this_minute = first(self.minutes, minute).filter(|first| *first == minute);
            if let Some(second) = this_minute.and_then(|_| first(self.seconds, second)) {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(minute) = first(self.minutes, minute + 1) {
                return NaiveTime::from_hms_opt(hour, minute, first(self.seconds, 0)?);
            }
        }
        let later = if first(self.hours, hour)? == hour { hour + 1 } else { hour };
        NaiveTime::from_hms_opt(first(self.hours, later)?, first(self.minutes, 0)?, first(self.seconds, 0)?)
    }
}

/// The first number of a set, from one on.
fn first(set: u64, from: u32) -> Option<u32> {
    let rest = set.checked_shr(from)?;
    (rest != 0).then(|| from + rest.trailing_zeros())
}
