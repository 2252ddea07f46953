//! What a call goes through.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use misc_core::Meter;

use super::meters::Meters;
use crate::{breaker::Breaker, budget::Budget, bulkhead::Bulkhead, retry::RetryConfig};

/// What a call goes through, from the outside to the inside; what is `None` is left out.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: Arc<str>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) bulkhead: Option<Bulkhead>,
    pub(crate) retry: Option<RetryConfig>,
    pub(crate) budget: Option<Budget>,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) meters: OnceLock<Meters>,
}

impl Plan {
    /// Makes a plan of nothing.
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            deadline: None,
            bulkhead: None,
            retry: None,
            budget: None,
            breaker: None,
            attempt_timeout: None,
            meters: OnceLock::new(),
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.retry.as_ref().map_or(1, |retry| retry.attempts)
    }

    pub(crate) fn count_retry(&self) {
        if let Some(meters) = self.meters.get() {
            meters.retries.increment(1);
        }
    }

    pub(crate) fn count_exhausted(&self) {
        if let Some(meters) = self.meters.get() {
            meters.exhausted.increment(1);
        }
    }

    /// Shows it and its parts in metrics, unless it is shown already.
    pub(crate) fn measure(&self, meter: &Meter) {
        if !meter.is_enabled() {
            return;
        }
        self.meters.get_or_init(|| match &*self.name {
            // Whoever has made a retry of its own labels the meter.
            "" => Meters::resolve(meter),
            name => Meters::resolve(&meter.label("name", name)),
        });
        if let Some(bulkhead) = &self.bulkhead {
            bulkhead.measure(meter);
        }
        if let Some(breaker) = &self.breaker {
            drop(breaker.clone().meter(meter));
        }
    }
}
