//! Multiples of a period since a time of day.

use std::time::Duration;

use crate::{instant, times::Times};

/// An interval of the wall clock that begins at a time of day.
#[derive(Debug)]
pub(crate) struct Anchored {
    first: Times,
    period: i64,
    /// What it is in words, by which replicas find its anchor: changed, it is another one.
    pub(crate) name: Box<str>,
    /// One of its times, of which the ledger has told; unset, it begins at the next time of day.
    pub(crate) anchor: Option<i64>,
}

impl Anchored {
    pub(crate) fn new(first: Times, period: Duration, name: impl Into<Box<str>>) -> Self {
        Self { first, period: instant::micros(period).max(1), name: name.into(), anchor: None }
    }

    /// Returns the first time of day after `after`, at which it may begin.
    pub(crate) fn begins_after(&self, after: i64) -> Option<i64> {
        self.first.next(after)
    }

    /// Returns the first one after `after`.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        match self.anchor {
            Some(anchor) if anchor <= after => Some(self.following(anchor, self.count(anchor, after))),
            _ => self.first.next(after),
        }
    }

    /// Returns the one after `at`, or, when some are passed over, after those.
    pub(crate) fn following(&self, at: i64, passed_over: i64) -> i64 {
        at.saturating_add(self.period.saturating_mul(passed_over.saturating_add(1)))
    }

    /// Returns how many there are after `at` until and including `to`.
    pub(crate) fn count(&self, at: i64, to: i64) -> i64 {
        to.saturating_sub(at).max(0) / self.period
    }

    /// Returns the first one after `after`, as seen from `at`, which is one.
    pub(crate) fn back(&self, at: i64, after: i64) -> i64 {
        at - at.saturating_sub(after).saturating_sub(1).max(0) / self.period * self.period
    }
}
