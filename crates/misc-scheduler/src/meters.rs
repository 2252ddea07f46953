//! The metrics of one task, resolved at its first run.

use std::{sync::OnceLock, time::Duration};

use misc_core::{Context, Counter, Gauge, Histogram, Meter};

/// Handles on the metrics of a task.
pub(crate) struct Meters {
    meter: Meter,
    runs: [OnceLock<Counter>; OUTCOMES.len()],
    pub(crate) duration: Histogram,
    drift: OnceLock<Histogram>,
    misfires: OnceLock<Counter>,
    pub(crate) active: Gauge,
}

const OUTCOMES: [&str; 8] =
    ["succeeded", "failed", "panicked", "timed_out", "cancelled", "skipped", "missed", "claimed_elsewhere"];

impl Meters {
    /// Resolves them; `None` when nothing is recorded.
    pub(crate) fn resolve(ctx: &Context, task: &str) -> Option<Box<Self>> {
        if !ctx.meter().is_enabled() {
            return None;
        }
        let meter = ctx.meter().label("service", ctx.name()).label("task", task);
        Some(Box::new(Self {
            runs: Default::default(),
            duration: meter.histogram("scheduler_task_duration_seconds", "How long a run took, with its retries."),
            drift: OnceLock::new(),
            misfires: OnceLock::new(),
            active: meter.gauge("scheduler_active_runs", "Runs at this moment."),
            meter,
        }))
    }

    /// Counts what became of a firing.
    pub(crate) fn count(&self, outcome: &str) {
        if let Some(at) = OUTCOMES.iter().position(|known| *known == outcome) {
            let help = "What became of firings, by outcome.";
            let make = || self.meter.label("outcome", outcome).counter("scheduler_task_runs_total", help);
            self.runs[at].get_or_init(make).increment(1);
        }
    }

    pub(crate) fn record_drift(&self, drift: Duration) {
        let make = || self.meter.histogram("scheduler_task_drift_seconds", "How late a run began.");
        self.drift.get_or_init(make).record(drift.as_secs_f64());
    }

    pub(crate) fn count_misfires(&self, missed: u64) {
        let help = "Firings that came more than a second late, whatever was done about them.";
        self.misfires.get_or_init(|| self.meter.counter("scheduler_task_misfires_total", help)).increment(missed);
    }
}
