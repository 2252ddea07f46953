//! What is told of a check besides its answer: a log line when its verdict turns, and metrics.

use std::{sync::OnceLock, time::Duration};

use misc_core::{Gauge, Histogram, Meter};
use tracing::{info, warn};

use crate::damping::Turn;

/// The metrics of one check, resolved at its first result: a gauge that is there before would show a failure.
#[derive(Debug, Default)]
pub(crate) struct Record {
    up: OnceLock<Gauge>,
    duration: OnceLock<Histogram>,
}

impl Record {
    /// Tells of a verdict; of one that is news in the log, too.
    pub(crate) fn verdict(
        &self,
        name: &str,
        is_up: bool,
        turn: Option<Turn>,
        error: Option<&str>,
        meter: Option<&Meter>,
    ) {
        match turn {
            Some(Turn::Down) => warn!(check = name, error, "a health check fails"),
            Some(Turn::Recovered) => info!(check = name, "a health check works again"),
            Some(Turn::FirstUp) | None => {}
        }
        if let Some(meter) = meter {
            let make = || {
                meter.label("check", name).gauge("health_check_up", "Whether a health check works (1) or fails (0).")
            };
            self.up.get_or_init(make).set(if is_up { 1.0 } else { 0.0 });
        }
    }

    pub(crate) fn took(&self, name: &str, took: Duration, meter: &Meter) {
        let make = || {
            let help = "Time that a run of a health check took.";
            meter.label("check", name).histogram("health_check_duration_seconds", help)
        };
        self.duration.get_or_init(make).record(took.as_secs_f64());
    }
}
