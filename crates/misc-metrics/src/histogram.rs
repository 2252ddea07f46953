//! Histograms: distributions of sizes and durations.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::HistogramFn;
use prometheus_client::metrics::gauge;
use tokio::time::Instant;

use crate::{
    error::{Error, Kind},
    exemplar::Exemplar,
    store::{Cell, Series},
    sync::lock,
};

/// The bounds that the semantic conventions of OpenTelemetry give to durations of requests.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Powers of four, from 64 bytes to 256 MiB.
const BYTES: &[f64] = &[
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
];
/// The default bounds of the OpenTelemetry SDKs.
const GENERAL: &[f64] =
    &[0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0, 7_500.0, 10_000.0];

/// Records a distribution. Cheap to clone, and cheapest when it is resolved once and kept.
///
/// Values are in the base unit that the metric's name ends in, and zero or more. One that is not finite is left out,
/// since the sum would never be a number again.
///
/// # Examples
/// ```
/// use misc_metrics::Registry;
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// let pay = Registry::new("shop").histogram("pay_seconds", "Time to take a payment.")?;
/// pay.observe(0.2);
/// {
///     let _timer = pay.timer(); // observes when it is dropped
/// }
/// assert_eq!(pay.count(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Histogram(pub(crate) Arc<Series<HistogramCell>>);

impl Histogram {
    /// Records a value.
    pub fn observe(&self, value: f64) {
        self.0.cell.observe(value, 1);
    }

    /// Records a value with an exemplar, for which see [`Counter::inc_with`](crate::Counter::inc_with).
    ///
    /// Each bucket keeps its latest.
    pub fn observe_with<'a>(&self, value: f64, exemplar: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let cell = &self.0.cell;
        let Some(bucket) = cell.observe(value, 1) else {
            return;
        };
        let Some(exemplar) = Exemplar::new(exemplar, value) else {
            return;
        };
        let mut exemplars = lock(&cell.exemplars);
        exemplars.resize_with(cell.counts.len(), || None);
        exemplars[bucket] = Some(exemplar);
        self.0.exemplars.store(true, Relaxed);
    }

    /// Starts to measure a duration, in seconds, on tokio's clock.
    #[must_use = "a timer observes when it is dropped"]
    pub fn timer(&self) -> Timer {
        Timer { histogram: Some(self.clone()), started: Instant::now() }
    }

    /// Returns how many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.cell.fingerprint()
    }

    /// Returns the sum of what was recorded.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.0.cell.sum.get()
    }
}

/// Measures a duration, and observes it when it is dropped.
#[derive(Debug)]
pub struct Timer {
    histogram: Option<Histogram>,
    started: Instant,
}

impl Timer {
    /// Observes the duration, and returns it.
    pub fn stop(mut self) -> Duration {
        let elapsed = self.started.elapsed();
        if let Some(histogram) = self.histogram.take() {
            histogram.observe(elapsed.as_secs_f64());
        }
        elapsed
    }

    /// Observes nothing.
    pub fn discard(mut self) {
        self.histogram = None;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(histogram) = &self.histogram {
            histogram.observe(self.started.elapsed().as_secs_f64());
        }
    }
}

/// The upper bounds of a histogram's buckets, without the infinite one.
#[derive(Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) values: Box<[f64]>,
    /// As they are written, with `+Inf` at the end.
    pub(crate) texts: Box<[Box<str>]>,
}

impl Bounds {
    /// Checks bounds: `OpenMetrics` wants them sorted, and knows no sum where they are negative.
    pub(crate) fn new(metric: &str, bounds: &[f64]) -> Result<Self, Error> {
        let rule = if bounds.is_empty() {
            "there are none; name the upper bound of one at least"
        } else if !bounds.iter().all(|bound| bound.is_finite()) {
            "only finite bounds are named; the bucket up to `+Inf` is always there"
        } else if bounds[0] < 0.0 {
            "the first is negative, and OpenMetrics knows no sum of negative values; use a gauge"
        } else if !bounds.is_sorted_by(|one, next| one < next) {
            "they must rise from each to the next"
        } else {
            return Ok(Self::checked(bounds));
        };
        Err(Kind::Buckets { metric: metric.to_owned(), buckets: bounds.to_vec(), rule }.into())
    }

    /// Returns the bounds for a metric of this name, by its unit.
    pub(crate) fn for_name(name: &str) -> Self {
        Self::checked(match name.rsplit('_').next() {
            Some("seconds") => SECONDS,
            Some("bytes") => BYTES,
            _ => GENERAL,
        })
    }

    fn checked(bounds: &[f64]) -> Self {
        let texts = bounds.iter().map(|bound| canonical(*bound)).chain(["+Inf".into()]);
        Self { values: bounds.into(), texts: texts.collect() }
    }
}

/// Writes a bound as the canonical number of `OpenMetrics`, which is Go's `%g` with a point at least: `1.0`, `1e+06`.
///
/// Prometheus 3 brings both formats into that form, so a series depends neither on the format nor on who reads it.
fn canonical(bound: f64) -> Box<str> {
    let scientific = format!("{bound:e}");
    let parts = scientific.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    match parts {
        Some((digits, power)) if !(-4..6).contains(&power) => format!("{digits}e{power:+03}").into(),
        _ => format!("{bound:?}").into(),
    }
}

/// Buckets that are counted without a lock.
#[derive(Debug)]
pub(crate) struct HistogramCell {
    pub(crate) bounds: Arc<Bounds>,
    /// How many values each bucket has for itself, the infinite one last.
    pub(crate) counts: Box<[AtomicU64]>,
    pub(crate) sum: gauge::Gauge<f64, AtomicU64>,
    /// By bucket; empty until there is one.
    pub(crate) exemplars: Mutex<Vec<Option<Exemplar>>>,
}

impl HistogramCell {
    /// Returns the bucket that has taken the value.
    fn observe(&self, value: f64, times: u64) -> Option<usize> {
        if !value.is_finite() {
            return None;
        }
        let bounds = &self.bounds.values;
        // Most histograms are short, and the early bounds the likely ones.
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        self.counts[bucket].fetch_add(times, Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a sum of floats is not exact past 2^53 anyway")]
        self.sum.inc_by(value * times as f64);
        Some(bucket)
    }
}

impl Cell for HistogramCell {
    type Shape = Arc<Bounds>;

    fn new(bounds: &Arc<Bounds>) -> Self {
        let counts = bounds.texts.iter().map(|_| AtomicU64::new(0)).collect();
        Self { bounds: Arc::clone(bounds), counts, sum: gauge::Gauge::default(), exemplars: Mutex::default() }
    }

    fn fingerprint(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl HistogramFn for Series<HistogramCell> {
    fn record(&self, value: f64) {
        self.cell.observe(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        if count > 0 {
            self.cell.observe(value, u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
}
