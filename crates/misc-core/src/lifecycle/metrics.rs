//! The core's own metrics, recorded by an observer like any other.

use super::{Lifecycle, Phase, Transition};
use crate::meter::Meter;

/// Counts transitions, restarts and failures, and times starts and stops, by service.
///
/// It keeps no handles: a transition is rare, and services that come and go under ever new names leave nothing here.
pub(crate) struct LifecycleMetrics(pub(crate) Meter);

impl Lifecycle for LifecycleMetrics {
    fn on_transition(&self, transition: &Transition) {
        let Transition { path, from, to, elapsed, .. } = transition;
        let meter = self.0.label("service", &**path);
        let entered = meter.label("phase", to.as_str());
        entered.counter("misc_service_transitions_total", "Phases entered by a service.").increment(1);
        let ran_before = matches!(from, Phase::Restarting | Phase::Stopping | Phase::Stopped | Phase::Failed);
        let restarted = ran_before && *to == Phase::Starting;
        let failed = matches!(to, Phase::Restarting | Phase::Failed);
        // Both are there from the beginning, at zero, so that their increase can be seen.
        let restarts = meter.counter("misc_service_restarts_total", "Starts of a service after its first.");
        restarts.increment(restarted.into());
        meter.counter("misc_service_failures_total", "Failures of a service.").increment(failed.into());
        let (start, stop) = ("misc_service_start_duration_seconds", "misc_service_stop_duration_seconds");
        if (*from, *to) == (Phase::Starting, Phase::Ready) {
            meter.histogram(start, "Time from start to ready.").record(elapsed.as_secs_f64());
        }
        if *from == Phase::Stopping {
            meter.histogram(stop, "Time from the request to stop to the end.").record(elapsed.as_secs_f64());
        }
    }
}
