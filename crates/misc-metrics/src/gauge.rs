//! Gauges: numbers that go up and down.

use std::sync::{Arc, atomic::AtomicU64};

use metrics::GaugeFn;
use prometheus_client::metrics::gauge;

use crate::store::{Cell, Series};

/// Shows a level. Cheap to clone, and cheapest when it is resolved once and kept.
///
/// # Examples
/// ```
/// use misc_metrics::Registry;
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// let depth = Registry::new("shop").gauge("queue_depth", "Jobs that wait.")?;
/// depth.set(3.0);
/// {
///     let _job = depth.inc_guard();
///     assert_eq!(depth.get(), 4.0);
/// }
/// assert_eq!(depth.get(), 3.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Gauge(pub(crate) Arc<Series<GaugeCell>>);

impl Gauge {
    /// Sets the level.
    pub fn set(&self, level: f64) {
        self.0.cell.value.set(level);
    }

    /// Raises the level by one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Lowers the level by one.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Raises the level, or lowers it by a negative number.
    pub fn add(&self, by: f64) {
        self.0.cell.value.inc_by(by);
    }

    /// Raises the level by one until the guard is dropped.
    #[must_use = "the level falls when the guard is dropped"]
    pub fn inc_guard(&self) -> GaugeGuard {
        self.inc();
        GaugeGuard(self.clone())
    }

    /// Returns the level.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.0.cell.value.get()
    }
}

/// Keeps a [`Gauge`] one higher until it is dropped.
#[derive(Debug)]
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A level.
#[derive(Debug)]
pub(crate) struct GaugeCell {
    pub(crate) value: gauge::Gauge<f64, AtomicU64>,
}

impl Cell for GaugeCell {
    type Shape = ();

    fn new((): &()) -> Self {
        Self { value: gauge::Gauge::default() }
    }

    fn fingerprint(&self) -> u64 {
        self.value.get().to_bits()
    }
}

impl GaugeFn for Series<GaugeCell> {
    fn increment(&self, by: f64) {
        self.cell.value.inc_by(by);
    }

    fn decrement(&self, by: f64) {
        self.cell.value.dec_by(by);
    }

    fn set(&self, level: f64) {
        self.cell.value.set(level);
    }
}
