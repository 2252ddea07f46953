//! Families: metrics with labels.

use std::{fmt, sync::Arc};

use crate::{
    catalog::AnyStore,
    counter::{Counter, CounterCell},
    gauge::{Gauge, GaugeCell},
    histogram::{Histogram, HistogramCell},
    labels::Key,
    store::{Cell, Series, Store},
};

/// A metric with `N` labels, whose series are made as their values come up.
///
/// Label values come from small sets: a method, a status, a channel. Never an id or a path, which make a series each.
/// Past the limit of the registry ([`Registry::series_limit`](crate::Registry::series_limit)) further values are
/// recorded as one series.
///
/// # Examples
/// ```
/// use misc_metrics::Registry;
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// let metrics = Registry::new("shop");
/// let sent = metrics.labels(["channel"]).counter("sent_total", "Notifications sent.")?;
/// let mail = sent.with(["mail"]); // resolve once, keep the handle
/// mail.inc();
/// assert_eq!(sent.with(["mail"]).get(), 1);
/// # Ok(()) }
/// ```
pub struct Family<M: Metric, const N: usize> {
    store: Arc<Store<M::Cell>>,
}

impl<M: Metric, const N: usize> Family<M, N> {
    pub(crate) fn new(store: Arc<Store<M::Cell>>) -> Self {
        Self { store }
    }

    /// Returns the series with these label values, in the order of the labels.
    ///
    /// It costs a hash and a read lock; nothing is allocated when the series is there.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "so that one writes `with([\"mail\"])`")]
    pub fn with<V: AsRef<str>>(&self, values: [V; N]) -> M {
        M::from_series(self.store.get(Key::Values(&values.each_ref().map(AsRef::as_ref))))
    }
}

impl<M: Metric, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store) }
    }
}

impl<M: Metric, const N: usize> fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("labels", &self.store.names).field("series", &self.store.len()).finish()
    }
}

/// What a [`Family`] is made of: a [`Counter`], a [`Gauge`] or a [`Histogram`].
#[expect(private_bounds, reason = "it is sealed: how a series is made is the registry's business")]
pub trait Metric: Sealed {}

impl Metric for Counter {}
impl Metric for Gauge {}
impl Metric for Histogram {}

/// How a handle is made of a series.
pub(crate) trait Sealed: Sized {
    type Cell: Cell;

    fn from_series(series: Arc<Series<Self::Cell>>) -> Self;

    fn store(of: &AnyStore) -> Option<&Arc<Store<Self::Cell>>>;
}

impl Sealed for Counter {
    type Cell = CounterCell;

    fn from_series(series: Arc<Series<CounterCell>>) -> Self {
        Self(series)
    }

    fn store(of: &AnyStore) -> Option<&Arc<Store<CounterCell>>> {
        if let AnyStore::Counter(store) = of { Some(store) } else { None }
    }
}

impl Sealed for Gauge {
    type Cell = GaugeCell;

    fn from_series(series: Arc<Series<GaugeCell>>) -> Self {
        Self(series)
    }

    fn store(of: &AnyStore) -> Option<&Arc<Store<GaugeCell>>> {
        if let AnyStore::Gauge(store) = of { Some(store) } else { None }
    }
}

impl Sealed for Histogram {
    type Cell = HistogramCell;

    fn from_series(series: Arc<Series<HistogramCell>>) -> Self {
        Self(series)
    }

    fn store(of: &AnyStore) -> Option<&Arc<Store<HistogramCell>>> {
        if let AnyStore::Histogram(store) = of { Some(store) } else { None }
    }
}
