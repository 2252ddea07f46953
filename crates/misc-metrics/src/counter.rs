//! Counters: numbers that only grow.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use metrics::CounterFn;
use prometheus_client::metrics::counter;

use crate::{
    exemplar::Exemplar,
    store::{Cell, Series},
    sync::lock,
};

/// Counts events. Cheap to clone, and cheapest when it is resolved once and kept.
///
/// # Examples
/// ```
/// use misc_metrics::Registry;
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// let orders = Registry::new("shop").counter("orders_total", "Orders taken.")?;
/// orders.inc();
/// orders.inc_by(2);
/// assert_eq!(orders.get(), 3);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Counter(pub(crate) Arc<Series<CounterCell>>);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds to the count.
    pub fn inc_by(&self, by: u64) {
        self.0.cell.value.inc_by(by);
    }

    /// Adds one, with an exemplar: an event that stands for the others, found by its `trace_id` for example.
    ///
    /// `OpenMetrics` shows the latest exemplar. One is dropped, and the event counted all the same, when a label's name
    /// is invalid or all labels have more than 128 characters together (`OpenMetrics` 1.0, section "Exemplars"). It
    /// costs a lock and an allocation, so give exemplars to few events: those that are traced.
    pub fn inc_with<'a>(&self, exemplar: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.inc();
        if let Some(exemplar) = Exemplar::new(exemplar, 1.0) {
            *lock(&self.0.cell.exemplar) = Some(exemplar);
            self.0.exemplars.store(true, Relaxed);
        }
    }

    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.cell.value.get()
    }
}

/// A count, and the latest event of it that can be looked up elsewhere.
#[derive(Debug)]
pub(crate) struct CounterCell {
    pub(crate) value: counter::Counter<u64, AtomicU64>,
    pub(crate) exemplar: Mutex<Option<Exemplar>>,
}

impl Cell for CounterCell {
    type Shape = ();

    fn new((): &()) -> Self {
        Self { value: counter::Counter::default(), exemplar: Mutex::new(None) }
    }

    fn fingerprint(&self) -> u64 {
        self.value.get()
    }
}

impl CounterFn for Series<CounterCell> {
    fn increment(&self, by: u64) {
        self.cell.value.inc_by(by);
    }

    fn absolute(&self, at_least: u64) {
        self.cell.value.inner().fetch_max(at_least, Relaxed);
    }
}
