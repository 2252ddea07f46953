//! What can be seen of a policy.

use std::sync::Arc;

use serde::Serialize;

use super::plan::Plan;
use crate::{
    breaker::{Breaker, BreakerStatus},
    budget::Budget,
    bulkhead::Bulkhead,
};

/// A policy at a glance; serialisable. What it leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PolicyStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What its bulkhead holds.
    pub bulkhead: Option<BulkheadStatus>,
    /// How many calls its budget would let be made again at this moment.
    pub retries_available: Option<u64>,
    /// What its breaker does.
    pub breaker: Option<BreakerStatus>,
}

/// What a [`Bulkhead`] holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BulkheadStatus {
    /// How many calls may be under way.
    pub limit: usize,
    /// How many are.
    pub in_flight: usize,
    /// How many wait for their turn.
    pub waiting: usize,
}

impl BulkheadStatus {
    fn of(bulkhead: &Bulkhead) -> Self {
        Self { limit: bulkhead.limit(), in_flight: bulkhead.in_flight(), waiting: bulkhead.waiting() }
    }
}

impl Plan {
    pub(crate) fn status(&self) -> PolicyStatus {
        PolicyStatus {
            name: Arc::clone(&self.name),
            bulkhead: self.bulkhead.as_ref().map(BulkheadStatus::of),
            retries_available: self.budget.as_ref().map(Budget::available),
            breaker: self.breaker.as_ref().map(Breaker::status),
        }
    }
}
