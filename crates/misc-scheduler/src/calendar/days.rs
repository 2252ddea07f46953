//! The days of a month that a cron expression names, by number and by day of the week.

use chrono::{Datelike as _, NaiveDate};
use croner::time::days_in_month;

/// In a set of [`Days::of_week`]: every such day of the month. Bit *n* is the *n*-th one.
pub(super) const EVERY: u8 = 1;
/// In a set of [`Days::of_week`]: the last such day of the month.
pub(super) const LAST: u8 = 1 << 6;

const SUNDAY: u32 = 0;
const SATURDAY: u32 = 6;

/// The days that the fields for the day of the month and for the day of the week name together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    /// The days of the month: bit *n* is day *n*.
    pub(super) numbers: u32,
    /// The days of the month for which the nearest one from Monday to Friday is taken, in the same month.
    pub(super) nearest: u32,
    /// The last day of the month.
    pub(super) last: bool,
    /// The last day of the month from Monday to Friday.
    pub(super) last_working: bool,
    /// For each day of the week from Sunday on, which of those in the month.
    pub(super) of_week: [u8; 7],
    /// Whether a day has to be in both fields; in one is enough otherwise.
    pub(super) in_both: bool,
}

impl Days {
    /// Returns the days of one month: bit *n* is day *n*.
    pub(super) fn in_month(&self, year: i32, month: u32) -> Option<u32> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?.weekday().num_days_from_sunday();
        let month = Month { length: days_in_month(year, month), first };
        let (by_number, by_week) = (self.by_number(month), self.by_week(month));
        let days = if self.in_both { by_number & by_week } else { by_number | by_week };
        Some(days & month.all())
    }

    fn by_number(&self, month: Month) -> u32 {
        let mut days = self.numbers;
        if self.last {
            days |= 1 << month.length;
        }
        if self.last_working {
            days |= 1 << month.working_day_near(month.length);
        }
        let nearest = (1..=month.length).filter(|day| self.nearest & (1 << day) != 0);
        nearest.fold(days, |days, day| days | 1 << month.working_day_near(day))
    }

    fn by_week(&self, month: Month) -> u32 {
        if self.of_week.iter().all(|which| which & EVERY != 0) {
            return month.all();
        }
        let named = (1..=month.length).filter(|&day| {
            let which = self.of_week[month.day_of_week(day) as usize];
            let nth = (day - 1) / 7 + 1;
            which & (EVERY | 1 << nth) != 0 || (which & LAST != 0 && day + 7 > month.length)
        });
        named.fold(0, |days, day| days | 1 << day)
    }
}

/// A month: how many days it has, and which day of the week is its first (0 is Sunday).
#[derive(Clone, Copy, Debug)]
struct Month {
    length: u32,
    first: u32,
}

impl Month {
    fn all(self) -> u32 {
        (u32::MAX >> (31 - self.length)) & !1
    }

    fn day_of_week(self, day: u32) -> u32 {
        (self.first + day - 1) % 7
    }

    /// The day itself, or the nearest one from Monday to Friday in the same month.
    fn working_day_near(self, day: u32) -> u32 {
        match self.day_of_week(day) {
            SATURDAY if day == 1 => 3,
            SATURDAY => day - 1,
            SUNDAY if day == self.length => day - 2,
            SUNDAY => day + 1,
            _ => day,
        }
    }
}
