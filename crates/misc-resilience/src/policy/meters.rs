//! What is measured of calls.

use misc_core::{Counter, Meter};

/// Handles on the metrics of a policy, resolved once.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    calls: [Counter; OUTCOMES.len()],
    pub(crate) retries: Counter,
    pub(crate) exhausted: Counter,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Ignored,
    Timeout,
    /// A breaker was open.
    Rejected,
    /// A bulkhead was full.
    Full,
    Cancelled,
}

const OUTCOMES: [&str; 7] = ["success", "failure", "ignored", "timeout", "rejected", "full", "cancelled"];

impl Meters {
    pub(crate) fn resolve(meter: &Meter) -> Self {
        let calls =
            |outcome| meter.label("outcome", outcome).counter("policy_calls_total", "Calls, by what became of them.");
        Self {
            calls: OUTCOMES.map(calls),
            retries: meter.counter("retry_attempts_total", "Attempts that made a call again."),
            exhausted: meter
                .counter("retry_budget_exhausted_total", "Calls not made again, since the budget was used up."),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.calls[outcome as usize].increment(1);
    }
}
