//! The metrics of calls: how many, and how long.

use std::{fmt, sync::OnceLock, time::Duration};

use misc_core::{Histogram, Meter};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It was answered with an error of this code.
    Failed(i32),
    /// Nobody waited for its answer any more.
    Cancelled,
}

/// Handles on the metrics of a server, each resolved when it is first needed.
pub(crate) struct Meters {
    meter: Meter,
    /// By method, the last being that which does not exist.
    methods: Box<[Series]>,
}

impl Meters {
    pub(crate) fn new(meter: &Meter, methods: usize) -> Self {
        Self { meter: meter.clone(), methods: (0..methods).map(|_| Series::default()).collect() }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.meter.is_enabled()
    }

    /// Records a call of the method at this place, which has this name.
    pub(crate) fn record(&self, place: usize, name: &str, outcome: Outcome, duration: Duration) {
        if let Some(series) = self.methods.get(place) {
            series.get(outcome, |outcome| self.resolve(name, outcome)).record(duration.as_secs_f64());
        }
    }

    fn resolve(&self, name: &str, outcome: Option<Outcome>) -> Histogram {
        let (code, error) = match outcome {
            Some(Outcome::Done) => (String::new(), String::new()),
            Some(Outcome::Failed(code)) => (code.to_string(), code.to_string()),
            Some(Outcome::Cancelled) => (String::new(), "cancelled".to_owned()),
            None => (OTHER.to_owned(), OTHER.to_owned()),
        };
        let meter = self.meter.label("rpc_system_name", "jsonrpc").label("rpc_method", name);
        let meter = meter.label("rpc_response_status_code", code).label("error_type", error);
        meter.histogram("rpc_server_call_duration_seconds", "How long calls took.")
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("meter", &self.meter).finish_non_exhaustive()
    }
}

/// What stands for a method that is not there, and for codes past the first few.
pub(crate) const OTHER: &str = "_OTHER";

/// How many codes of errors a method has a series for.
const CODES: usize = 32;

/// The handles of one method.
#[derive(Default)]
struct Series {
    done: OnceLock<Histogram>,
    cancelled: OnceLock<Histogram>,
    failed: OnceLock<Box<Code>>,
    other: OnceLock<Histogram>,
}

/// The handle of one code of errors, and a link of a list that only grows: reading it takes no lock.
struct Code {
    code: i32,
    duration: Histogram,
    next: OnceLock<Box<Self>>,
}

impl Series {
    fn get(&self, outcome: Outcome, resolve: impl Fn(Option<Outcome>) -> Histogram) -> &Histogram {
        let code = match outcome {
            Outcome::Done => return self.done.get_or_init(|| resolve(Some(outcome))),
            Outcome::Cancelled => return self.cancelled.get_or_init(|| resolve(Some(outcome))),
            Outcome::Failed(code) => code,
        };
        let mut place = &self.failed;
        for _ in 0..CODES {
            let make = || Box::new(Code { code, duration: resolve(Some(outcome)), next: OnceLock::new() });
            let known = place.get_or_init(make);
            if known.code == code {
                return &known.duration;
            }
            place = &known.next;
        }
        self.other.get_or_init(|| resolve(None))
    }
}
