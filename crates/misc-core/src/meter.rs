//! Metric handles that any metrics library can stand behind.

use std::{fmt, sync::Arc};

use metrics::{Key, Label, Level, Metadata, Recorder, Unit};

/// Makes counters, gauges and histograms.
///
/// A meter belongs to an app ([`App::meter`](crate::App::meter)) and every service gets it from its
/// [`Context::meter`](crate::Context::meter), so two apps in one process never share a series. Resolve a handle once
/// and keep it: recording through it takes no lock and formats nothing. Names follow the Prometheus rules (base
/// units, `_total` for counters, `_seconds` for durations).
///
/// The default meter records nothing. One stated exception to "no 0.x types in a public signature": [`Meter::new`]
/// takes a [`metrics::Recorder`].
///
/// # Examples
/// ```
/// use misc_core::Meter;
///
/// let meter = Meter::default();
/// let sent = meter.label("channel", "mail").counter("notifications_sent_total", "Notifications sent.");
/// sent.increment(1);
/// ```
#[derive(Clone, Default)]
pub struct Meter {
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    labels: Vec<Label>,
}

impl Meter {
    /// Creates a meter that records into `recorder`.
    #[must_use]
    pub fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self { recorder: Some(Arc::new(recorder)), labels: Vec::new() }
    }

    /// Returns a meter whose metrics carry one more label.
    #[must_use]
    pub fn label(&self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let mut meter = self.clone();
        meter.labels.push(Label::new(name.into(), value.into()));
        meter
    }

    /// Returns whether anything is recorded at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.recorder.is_some()
    }

    /// Resolves a counter: a number that only grows.
    #[must_use]
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        let Some(recorder) = &self.recorder else {
            return Counter(metrics::Counter::noop());
        };
        recorder.describe_counter(name.into(), unit(name), help.into());
        Counter(recorder.register_counter(&self.key(name), &METADATA))
    }

    /// Resolves a gauge: a number that goes up and down.
    #[must_use]
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        let Some(recorder) = &self.recorder else {
            return Gauge(metrics::Gauge::noop());
        };
        recorder.describe_gauge(name.into(), unit(name), help.into());
        Gauge(recorder.register_gauge(&self.key(name), &METADATA))
    }

    /// Resolves a histogram: the distribution of a size or a duration.
    #[must_use]
    pub fn histogram(&self, name: &'static str, help: &'static str) -> Histogram {
        let Some(recorder) = &self.recorder else {
            return Histogram(metrics::Histogram::noop());
        };
        recorder.describe_histogram(name.into(), unit(name), help.into());
        Histogram(recorder.register_histogram(&self.key(name), &METADATA))
    }

    fn key(&self, name: &'static str) -> Key {
        Key::from_parts(name, self.labels.clone())
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("enabled", &self.is_enabled()).field("labels", &self.labels).finish()
    }
}

static METADATA: Metadata<'static> = Metadata::new("misc", Level::INFO, None);

/// Reads the unit off the name, as the Prometheus naming rules put it there.
fn unit(name: &str) -> Option<Unit> {
    let base = name.strip_suffix("_total").unwrap_or(name);
    match base.rsplit('_').next() {
        Some("seconds") => Some(Unit::Seconds),
        Some("bytes") => Some(Unit::Bytes),
        _ => None,
    }
}

/// Counts events.
#[derive(Debug, Clone)]
pub struct Counter(metrics::Counter);

impl Counter {
    /// Adds to the count.
    pub fn increment(&self, by: u64) {
        self.0.increment(by);
    }
}

/// Shows a level.
#[derive(Debug, Clone)]
pub struct Gauge(metrics::Gauge);

impl Gauge {
    /// Sets the level.
    pub fn set(&self, level: f64) {
        self.0.set(level);
    }

    /// Raises the level.
    pub fn increment(&self, by: f64) {
        self.0.increment(by);
    }

    /// Lowers the level.
    pub fn decrement(&self, by: f64) {
        self.0.decrement(by);
    }

    /// Raises the level by one until the guard is dropped.
    #[must_use = "the level falls when the guard is dropped"]
    pub fn track(&self) -> Tracked {
        self.increment(1.0);
        Tracked(self.clone())
    }
}

/// Keeps a [`Gauge`] one higher until it is dropped.
#[derive(Debug)]
pub struct Tracked(Gauge);

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Records a distribution.
#[derive(Debug, Clone)]
pub struct Histogram(metrics::Histogram);

impl Histogram {
    /// Records one value, in the base unit that the metric's name ends in.
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}
