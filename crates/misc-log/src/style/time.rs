//! Timestamps in RFC 3339, in UTC, to the microsecond.

use std::time::{SystemTime, UNIX_EPOCH};

/// Appends a time such as `2026-11-22T15:04:05.123456Z`; what is before 1970 counts as its begin.
pub(super) fn push(out: &mut String, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let digits = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, second / 3_600),
        (14..16, second / 60 % 60),
        (17..19, second % 60),
        (20..26, u64::from(since.subsec_micros())),
    ];
    for (range, mut number) in digits {
        for digit in text[range].iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
    }
    out.push_str(str::from_utf8(&text).unwrap_or_default());
}

/// The year, month and day of a day since 1970-01-01, by the rules of Howard Hinnant's `civil_from_days`: years begin
/// in March, so that the leap day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(microseconds: u64, expected: &str) {
        let mut out = String::new();
        push(&mut out, UNIX_EPOCH + Duration::from_micros(microseconds));
        assert_eq!(out, expected);
    }

    #[test]
    fn times_are_those_of_date() {
        // From `date --utc --date=@.. --iso-8601=seconds`.
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_399_999_999, "2000-02-28T23:59:59.999999Z");
        check(951_782_400_000_000, "2000-02-29T00:00:00.000000Z");
        check(1_709_251_199_000_001, "2024-02-29T23:59:59.000001Z");
        check(1_735_689_599_000_000, "2024-12-31T23:59:59.000000Z");
        check(1_795_359_845_123_456, "2026-11-22T15:04:05.123456Z");
        check(4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn a_clock_before_1970_is_shown_as_its_begin() {
        let mut out = String::new();
        push(&mut out, UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(out, "1970-01-01T00:00:00.000000Z");
    }
}
