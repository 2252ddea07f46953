//! The metrics of a breaker.

use misc_core::{Counter, Gauge, Meter};

use super::{state::BreakerState, window::Tally};

/// Handles on the metrics of a breaker, all of which are there from the start.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) success: Counter,
    pub(crate) failure: Counter,
    pub(crate) ignored: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) rejected: Counter,
    pub(crate) slow: Counter,
    /// For each state, whether it is the one, and how often it was entered.
    states: [(Gauge, Counter); BreakerState::ALL.len()],
    failure_ratio: Gauge,
    slow_ratio: Gauge,
}

impl Meters {
    pub(crate) fn resolve(meter: &Meter, name: &str, state: BreakerState, tally: Tally) -> Self {
        let meter = meter.label("name", name);
        let outcome = |outcome| {
            let help = "Calls that a breaker was asked for, by what became of them.";
            meter.label("outcome", outcome).counter("circuit_breaker_calls_total", help)
        };
        let states = BreakerState::ALL.map(|state| {
            let meter = meter.label("state", state.as_str());
            let gauge = meter.gauge("circuit_breaker_state", "Whether a breaker is in the state (1) or not (0).");
            let help = "How often a breaker has come into the state.";
            (gauge, meter.counter("circuit_breaker_transitions_total", help))
        });
        let meters = Self {
            success: outcome("success"),
            failure: outcome("failure"),
            ignored: outcome("ignored"),
            cancelled: outcome("cancelled"),
            rejected: outcome("rejected"),
            slow: meter
                .counter("circuit_breaker_slow_calls_total", "Calls that were slow, whether they failed or not."),
            states,
            failure_ratio: meter.gauge("circuit_breaker_failure_ratio", "The share of failures by which it is judged."),
            slow_ratio: meter
                .gauge("circuit_breaker_slow_call_ratio", "The share of slow calls by which it is judged."),
        };
        meters.show(state);
        meters.rates(tally);
        meters
    }

    pub(crate) fn entered(&self, state: BreakerState) {
        self.show(state);
        self.states[state as usize].1.increment(1);
    }

    fn show(&self, current: BreakerState) {
        for (state, (gauge, _)) in BreakerState::ALL.into_iter().zip(&self.states) {
            gauge.set(if state == current { 1.0 } else { 0.0 });
        }
    }

    pub(crate) fn rates(&self, tally: Tally) {
        self.failure_ratio.set(tally.failure_ratio());
        self.slow_ratio.set(tally.slow_ratio());
    }
}
