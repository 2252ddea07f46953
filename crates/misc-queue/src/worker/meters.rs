//! The metrics of one worker, resolved when it starts.

use std::{sync::OnceLock, time::Duration};

use misc_core::{Context, Gauge, Histogram, Meter};
use tokio::time::Instant;

use crate::{engine::Ending, status::Reason};

/// Handles on the metrics of a worker.
pub(super) struct Meters {
    meter: Meter,
    duration: [OnceLock<Histogram>; OUTCOMES.len()],
    wait: Histogram,
    active: Gauge,
}

const OUTCOMES: [&str; 7] = ["completed", "failed", "dead", "cancelled", "expired", "returned", "postponed"];

impl Meters {
    /// Resolves them; `None` when nothing is recorded.
    pub(super) fn resolve(ctx: &Context, queue: &str) -> Option<Self> {
        if !ctx.meter().is_enabled() {
            return None;
        }
        let own = ctx.meter().label("queue", queue);
        let meter = ctx.meter().label("messaging_system", "misc").label("messaging_destination_name", queue);
        Some(Self {
            duration: Default::default(),
            wait: own.histogram("queue_wait_seconds", "How long jobs were due before they were begun."),
            active: own.gauge("queue_active_jobs", "Jobs that this process runs at this moment."),
            meter,
        })
    }

    pub(super) fn begin(&self, waited: Duration) -> Begun<'_> {
        self.wait.record(waited.as_secs_f64());
        self.active.increment(1.0);
        Begun { meters: self, at: Instant::now() }
    }

    pub(super) fn end(&self, ending: &Ending, took: Duration) {
        let outcome = match ending {
            Ending::Completed => 0,
            Ending::Failed { .. } => 1,
            Ending::Dead { .. } => 2,
            Ending::Cancelled { reason: Reason::Expired } => 4,
            Ending::Cancelled { .. } => 3,
            Ending::Returned => 5,
            Ending::Postponed { .. } => 6,
        };
        let make = || {
            let meter = self.meter.label("outcome", OUTCOMES[outcome]);
            meter.histogram("messaging_process_duration_seconds", "How long jobs have run, by what became of them.")
        };
        self.duration[outcome].get_or_init(make).record(took.as_secs_f64());
    }
}

/// A job that was begun; it is active until this is dropped.
pub(super) struct Begun<'a> {
    meters: &'a Meters,
    at: Instant,
}

impl Begun<'_> {
    pub(super) fn end(self, ending: &Ending) {
        self.meters.end(ending, self.at.elapsed());
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.meters.active.decrement(1.0);
    }
}
