//! The metrics of calls: how many, how long, and how they ended.

use std::{fmt, sync::OnceLock};

use misc_core::{Histogram, Meter};
use tokio::time::Duration;

/// How a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    /// With an error that has a code.
    Code(i32),
    /// With one that has none.
    Failed(&'static str),
}

impl Outcome {
    /// Dropped before it had ended.
    pub(super) const CANCELLED: Self = Self::Failed("cancelled");
}

/// How many outcomes of a method are told apart: a server may answer with any code.
const MOST: usize = 32;
const OTHER: Outcome = Outcome::Failed("_OTHER");

/// The metrics of one method.
pub(super) struct Instruments {
    meter: Meter,
    success: Histogram,
    others: OnceLock<Box<Series>>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, method: &str) -> Self {
        let meter = if meter.is_enabled() { meter.label("rpc_method", method) } else { Meter::default() };
        let success = resolve(&meter, Outcome::Success);
        Self { meter, success, others: OnceLock::new() }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.meter.is_enabled()
    }

    /// Records into the series of the outcome, which begins if it is the first of its kind.
    pub(super) fn record(&self, outcome: Outcome, duration: Duration) {
        let histogram = if outcome == Outcome::Success { &self.success } else { self.other(outcome) };
        histogram.record(duration.as_secs_f64());
    }

    fn other(&self, outcome: Outcome) -> &Histogram {
        let (mut place, mut wanted) = (&self.others, outcome);
        for at in 0.. {
            wanted = if at == MOST { OTHER } else { wanted };
            // Where another thread comes first, its series is looked at.
            let make =
                || Box::new(Series { outcome: wanted, histogram: resolve(&self.meter, wanted), next: OnceLock::new() });
            let series = place.get_or_init(make);
            if series.outcome == wanted || at > MOST {
                return &series.histogram;
            }
            place = &series.next;
        }
        &self.success
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").finish_non_exhaustive()
    }
}

/// The handle of an outcome, and a link of a list that only grows: reading it takes no lock.
struct Series {
    outcome: Outcome,
    histogram: Histogram,
    next: OnceLock<Box<Self>>,
}

fn resolve(meter: &Meter, outcome: Outcome) -> Histogram {
    let (code, error) = match outcome {
        Outcome::Success => (String::new(), String::new()),
        Outcome::Code(code) => (code.to_string(), code.to_string()),
        Outcome::Failed(word) => (String::new(), word.to_owned()),
    };
    let meter = meter.label("rpc_response_status_code", code).label("error_type", error);
    meter.histogram("rpc_client_call_duration_seconds", "How long calls take, with all that layers do.")
}
