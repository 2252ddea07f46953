//! The core's own metrics, recorded by an observer like any other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{Lifecycle, Phase, Transition};
use crate::{
    meter::{Counter, Histogram, Meter},
    sync::lock,
};

/// Counts transitions, restarts and failures, and times starts and stops, by service.
pub(crate) struct LifecycleMetrics {
    meter: Meter,
    services: Mutex<HashMap<Arc<str>, ServiceMetrics>>,
}

struct ServiceMetrics {
    meter: Meter,
    transitions: HashMap<Phase, Counter>,
    restarts: Counter,
    failures: Counter,
    start: Histogram,
    stop: Histogram,
}

impl LifecycleMetrics {
    pub(crate) fn new(meter: Meter) -> Self {
        Self { meter, services: Mutex::default() }
    }
}

impl Lifecycle for LifecycleMetrics {
    fn on_transition(&self, transition: &Transition) {
        let mut services = lock(&self.services);
        let service = services
            .entry(Arc::clone(&transition.path))
            .or_insert_with(|| ServiceMetrics::new(&self.meter, &transition.path));
        service.record(transition);
    }
}

impl ServiceMetrics {
    fn new(meter: &Meter, path: &str) -> Self {
        let meter = meter.label("service", path);
        Self {
            transitions: HashMap::new(),
            restarts: meter.counter("misc_service_restarts_total", "Starts of a service after its first."),
            failures: meter.counter("misc_service_failures_total", "Failures of a service."),
            start: meter.histogram("misc_service_start_duration_seconds", "Time from start to ready."),
            stop: meter.histogram("misc_service_stop_duration_seconds", "Time from the request to stop to the end."),
            meter,
        }
    }

    fn record(&mut self, transition: &Transition) {
        let (from, to) = (transition.from, transition.to);
        let meter = &self.meter;
        let entered = || {
            meter.label("phase", to.as_str()).counter("misc_service_transitions_total", "Phases entered by a service.")
        };
        self.transitions.entry(to).or_insert_with(entered).increment(1);
        let failed = matches!(to, Phase::Restarting | Phase::Failed);
        match (from, to) {
            (Phase::Starting, Phase::Ready) => self.start.record(transition.elapsed.as_secs_f64()),
            (Phase::Restarting | Phase::Stopping | Phase::Stopped | Phase::Failed, Phase::Starting) => {
                self.restarts.increment(1);
            }
            _ => {}
        }
        if from == Phase::Stopping {
            self.stop.record(transition.elapsed.as_secs_f64());
        }
        if failed {
            self.failures.increment(1);
        }
    }
}
