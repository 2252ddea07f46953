//! A time of day, as people write it.

use std::fmt;

use chrono::NaiveTime;

/// A time of day, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeOfDay(NaiveTime);

impl TimeOfDay {
    /// Reads `09:00` or `09:00:30`.
    pub(crate) fn parse(text: &str) -> Result<Self, BadTimeOfDay> {
        read(text.trim()).map(Self).map_err(|reason| BadTimeOfDay { text: text.to_owned(), reason })
    }

    pub(super) fn time(self) -> NaiveTime {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time of day that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time of day `{text}`: {reason}")]
pub(crate) struct BadTimeOfDay {
    text: String,
    reason: String,
}

fn read(text: &str) -> Result<NaiveTime, String> {
    let parts: Vec<_> = text.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return Err(usage()),
    };
    let hour = number("hour", hour, 23)?;
    let (minute, second) = (number("minute", minute, 59)?, number("second", second, 59)?);
    NaiveTime::from_hms_opt(hour, minute, second).ok_or_else(usage)
}

/// One part of a time, of one or two digits.
fn number(name: &str, text: &str, highest: u32) -> Result<u32, String> {
    let has_digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| has_digits).ok_or_else(usage)?;
    if number > highest {
        return Err(format!("its {name} is {number}, and cannot be above {highest}"));
    }
    Ok(number)
}

fn usage() -> String {
    "write hours and minutes (`09:00`) or seconds, too (`09:00:30`), on a clock of 24 hours".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(TimeOfDay::parse(text).unwrap().to_string(), expected);
    }

    #[track_caller]
    fn check_bad(text: &str, reason: &str) {
        assert_eq!(TimeOfDay::parse(text).unwrap_err().to_string(), format!("time of day `{text}`: {reason}"));
    }

    #[test]
    fn reads_what_people_write() {
        check("09:00", "09:00:00");
        check("9:05", "09:05:00");
        check(" 23:59:59 ", "23:59:59");
        check("0:0:0", "00:00:00");
    }

    #[test]
    fn says_what_is_wrong() {
        check_bad("24:00", "its hour is 24, and cannot be above 23");
        check_bad("09:60", "its minute is 60, and cannot be above 59");
        check_bad("09:00:60", "its second is 60, and cannot be above 59");
        for text in ["", "9", "9 am", "09:00:00:00", "09:", "+9:00", "09:000", "09.00", "٠٩:00"] {
            check_bad(text, &usage());
        }
    }
}
