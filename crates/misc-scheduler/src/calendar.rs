//! Times of the wall clock: which one comes after another.

use std::{str::FromStr, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::instant;

/// A set of moments of the wall clock, in microseconds since the epoch.
pub(crate) trait Calendar: Send + Sync {
    /// Returns the first one after `after`; `None` if there is none.
    fn next(&self, after: i64) -> Option<i64>;

    /// Tells whether these are fixed times of day, which are not repeated when the clock is set back.
    fn is_fixed(&self) -> bool;
}

/// Makes the calendar of a cron expression.
pub(crate) fn cron(expression: &str, zone: &str) -> Result<Arc<dyn Calendar>, String> {
    let zone = Tz::from_str(zone)
        .map_err(|_| format!("`{zone}` is no time zone; use an IANA name such as `Europe/Berlin`"))?;
    let cron =
        croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Optional).build().parse(expression);
    let cron = cron.map_err(|error| format!("`{expression}` is no cron expression: {error}"))?;
    Ok(Arc::new(Zoned { cron, zone, is_fixed: false }))
}

/// Makes the calendar of a time of day, every so many days.
pub(crate) fn daily(time: &str, days: u32, zone: &str) -> Result<Arc<dyn Calendar>, String> {
    let _ = days;
    let wrong = || format!("`{time}` is no time of day; write it as `09:00` or `09:00:30`");
    let mut parts = time.split(':').map(u32::from_str);
    let mut part = |below: u32| parts.next().transpose().ok().flatten().filter(|part| *part < below).ok_or_else(wrong);
    let (hour, minute) = (part(24)?, part(60)?);
    let second = if time.matches(':').count() > 1 { part(60)? } else { 0 };
    cron(&format!("{second} {minute} {hour} * * *"), zone)
}

struct Zoned {
    cron: croner::Cron,
    zone: Tz,
    is_fixed: bool,
}

impl Calendar for Zoned {
    fn next(&self, after: i64) -> Option<i64> {
        let after = DateTime::<Utc>::from_timestamp_micros(after)?.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp_micros())
    }

    fn is_fixed(&self) -> bool {
        self.is_fixed
    }
}

/// The multiples of a period since the epoch.
#[derive(Debug)]
pub(crate) struct Beat(i64);

impl Beat {
    pub(crate) fn new(period: Duration) -> Self {
        Self(instant::micros(period).max(1))
    }
}

impl Calendar for Beat {
    fn next(&self, after: i64) -> Option<i64> {
        after.div_euclid(self.0).checked_add(1)?.checked_mul(self.0)
    }

    fn is_fixed(&self) -> bool {
        false
    }
}
