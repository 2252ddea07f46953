//! A cron expression in a time zone.

use chrono::{DateTime, Utc};

use super::{
    clock::{next_fixed, next_following},
    expression::{self, BadCron},
    pattern::Pattern,
    zone::Zone,
};

/// A cron expression in a time zone. It is small and has no heap: keep one a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    pattern: Pattern,
    zone: Zone,
    follows_clock: bool,
}

impl Cron {
    /// Reads an expression of five fields, of six (seconds first), or a nickname such as `@daily`.
    ///
    /// A day is named by either of its fields, unless one of them starts with `*`: then it has to be named by both.
    pub(crate) fn parse(expression: &str, zone: Zone) -> Result<Self, BadCron> {
        let (pattern, follows_clock) = expression::parse(expression)?;
        Ok(Self { pattern, zone, follows_clock })
    }

    /// Returns the first due time after `after`, or nothing if none comes within 50 years.
    pub(crate) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let find = |from| self.pattern.first_from(from);
        if self.follows_clock { next_following(self.zone, after, find) } else { next_fixed(self.zone, after, find) }
    }

    /// Whether its second, minute or hour starts with `*`, so that it follows the clock wherever that is set.
    ///
    /// Any other is a fixed time, and has the same rules with a second as without one.
    pub(crate) fn follows_clock(&self) -> bool {
        self.follows_clock
    }
}
