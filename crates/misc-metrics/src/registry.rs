//! The registry: where metrics are made, and from where they are scraped.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tracing::warn;

use crate::{
    catalog::{Catalog, Definition, Entry, LabelNames, Type},
    collect::{Callback, Collect},
    counter::Counter,
    encode::Format,
    endpoint::Endpoint,
    error::{Error, Kind},
    family::{Family, Metric},
    gauge::Gauge,
    histogram::{Bounds, Histogram},
    layer::RequestLayer,
    name, process, runtime,
    store::Limits,
    sync::{lock, read, write},
};

/// How many series a metric has at most: the limit of the OpenTelemetry SDKs.
const SERIES_LIMIT: usize = 2_000;

/// Makes metrics, and exposes them to Prometheus. Cheap to clone: all clones are one registry.
///
/// Names are given without the namespace, and follow the Prometheus rules: base units (`_seconds`, `_bytes`), `_total`
/// for counters, which is added where it is missing. Asking for a metric again gives the same one; its help stays the
/// first.
///
/// A registry is a [`Plugin`](misc_core::Plugin): [`App::with`](misc_core::App::with) makes it the app's meter, and adds
/// the metrics of the process. It is a [`metrics::Recorder`], too, for whatever records through that facade: names from
/// there get no namespace, so that dashboards find `http_server_request_duration_seconds` where they expect it; what a
/// name may not have becomes `_`, and so does an empty name of a label; labels may differ from series to series; and
/// what cannot be recorded is logged once and left out.
///
/// Two apps in one process have a registry each. Nothing is global, unless [`install_global`](Self::install_global) is
/// called.
///
/// # Examples
/// ```
/// use misc_metrics::{Format, Registry};
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// let metrics = Registry::new("shop");
/// metrics.counter("orders_total", "Orders taken.")?.inc();
/// let text = metrics.encode(Format::Text);
/// assert_eq!(text, "# HELP shop_orders_total Orders taken.\n# TYPE shop_orders_total counter\nshop_orders_total 1\n");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Registry(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    namespace: Box<str>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) catalog: RwLock<Catalog>,
    pub(crate) callbacks: Mutex<Vec<Callback>>,
    /// How many lines the callbacks gave at the last scrape.
    pub(crate) collected: AtomicUsize,
    /// Help for metrics of the facade that nobody has recorded yet.
    pub(crate) descriptions: Mutex<HashMap<Box<str>, Box<str>>>,
    /// What must not expire.
    held: Mutex<Vec<Gauge>>,
    /// What was warned of.
    warned: Mutex<HashSet<Box<str>>>,
    /// Held by the one scrape that runs.
    pub(crate) scrape: Mutex<()>,
    wants_process: AtomicBool,
    has_process: AtomicBool,
}

impl Registry {
    /// Creates a registry, whose own metrics are named `{namespace}_{name}`; an empty namespace adds nothing.
    ///
    /// A namespace that is not a metric name is an error wherever a metric is registered.
    #[must_use]
    pub fn new(namespace: impl AsRef<str>) -> Self {
        Self(Arc::new(Inner {
            namespace: namespace.as_ref().into(),
            limits: Arc::new(Limits::new(SERIES_LIMIT)),
            catalog: RwLock::default(),
            callbacks: Mutex::default(),
            collected: 0.into(),
            descriptions: Mutex::default(),
            held: Mutex::default(),
            warned: Mutex::default(),
            scrape: Mutex::new(()),
            wants_process: true.into(),
            has_process: false.into(),
        }))
    }

    /// Sets how many series a metric has at most (2,000).
    ///
    /// Past that, records with further label values go to one series with the label `otel_metric_overflow="true"`, as in
    /// OpenTelemetry; it is logged once, and `metrics_series_overflow_total{metric=".."}` counts the look-ups that ended
    /// there. What callbacks give ([`collect`](Self::collect)) is not bounded.
    #[must_use]
    pub fn series_limit(self, limit: NonZeroUsize) -> Self {
        self.0.limits.series.store(limit.get(), Relaxed);
        self
    }

    /// Drops a series with labels that nobody holds a handle of, and nobody has looked up or changed for this long
    /// (never).
    ///
    /// It happens at scrapes, on tokio's clock, and uses are noticed there, too, so that it may take one scrape more.
    /// A series that comes back begins at zero.
    #[must_use]
    pub fn expire_after(self, idle: Duration) -> Self {
        self.0.limits.expire_after(idle);
        self
    }

    /// Leaves out the metrics of the process and of the tokio runtime, which the plugin adds otherwise.
    #[must_use]
    pub fn without_process_metrics(self) -> Self {
        self.0.wants_process.store(false, Relaxed);
        self
    }

    /// Returns a counter without labels: a number that only grows.
    ///
    /// # Errors
    /// The name or the help is invalid, or another metric has the name.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, Error> {
        Ok(self.labels([]).counter(name, help)?.with(NONE))
    }

    /// Returns a gauge without labels: a number that goes up and down.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        Ok(self.labels([]).gauge(name, help)?.with(NONE))
    }

    /// Returns a histogram without labels: the distribution of a size or a duration.
    ///
    /// Its buckets follow from its unit. For `_seconds` they are those of OpenTelemetry's semantic conventions (0.005,
    /// 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10), for `_bytes` the powers of four from 64 to
    /// 256 Mi, for all else those of OpenTelemetry's SDKs (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000,
    /// 7500, 10000). [`buckets`](Self::buckets) sets others.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn histogram(&self, name: &str, help: &str) -> Result<Histogram, Error> {
        Ok(self.labels([]).histogram(name, help)?.with(NONE))
    }

    /// Sets the upper bounds of the buckets of a histogram that is to be made; `+Inf` need not be said.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), misc_metrics::Error> {
    /// # let metrics = misc_metrics::Registry::new("shop");
    /// let items = metrics.buckets([1.0, 2.0, 5.0, 10.0]).histogram("cart_items", "Items in a cart that is paid.")?;
    /// items.observe(3.0);
    /// # Ok(()) }
    /// ```
    pub fn buckets(&self, bounds: impl IntoIterator<Item = f64>) -> Buckets {
        Buckets { labels: self.labels([]).buckets(bounds) }
    }

    /// Names the labels of a metric that is to be made.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), misc_metrics::Error> {
    /// # let metrics = misc_metrics::Registry::new("shop");
    /// let sent = metrics.labels(["channel", "outcome"]).counter("sent_total", "Notifications sent.")?;
    /// sent.with(["mail", "ok"]).inc();
    /// # Ok(()) }
    /// ```
    pub fn labels<const N: usize>(&self, names: [&str; N]) -> Labels<N> {
        Labels { registry: self.clone(), names: names.map(Box::from), bounds: None }
    }

    /// Returns a tower layer that counts and times the requests of any service.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn layer(&self, name: &str) -> Result<RequestLayer, Error> {
        RequestLayer::new(self, name)
    }

    /// Adds a callback that is asked at each scrape, for values that are there anyway and need only be read.
    ///
    /// It must be quick, and must not scrape the registry itself, which would wait for its own end. All that it gives is
    /// written, whatever the [`series_limit`](Self::series_limit). If it panics, that is logged once, and what it has not
    /// given before is missing.
    ///
    /// # Examples
    /// ```
    /// let metrics = misc_metrics::Registry::new("shop");
    /// let (sender, _receiver) = tokio::sync::mpsc::channel::<u8>(16);
    /// metrics.collect(move |out| {
    ///     out.gauge("queue_free_slots", "Free slots in the queue.", &[], sender.capacity() as f64);
    /// });
    /// ```
    pub fn collect(&self, callback: impl Fn(&mut Collect<'_>) + Send + Sync + 'static) {
        lock(&self.0.callbacks).push(Callback::new(&self.0.namespace, callback));
    }

    /// Shows which build this is: `{namespace}_build_info{version="..",revision=".."} 1`.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn build_info(&self, version: &str, revision: &str) -> Result<(), Error> {
        let family = self.labels(["version", "revision"]).gauge("build_info", "The build that runs.")?;
        let info = family.with([version, revision]);
        info.set(1.0);
        lock(&self.0.held).push(info);
        Ok(())
    }

    /// Adds the metrics of the process and of the tokio runtime, as the plugin does; once, however often it is called.
    ///
    /// On Linux those of the process have the standard names: `process_cpu_seconds_total`, `process_open_fds`,
    /// `process_max_fds`, `process_virtual_memory_bytes`, `process_resident_memory_bytes`,
    /// `process_start_time_seconds` and `process_threads`. Those of the runtime are `tokio_workers`,
    /// `tokio_alive_tasks`, `tokio_global_queue_depth` and `tokio_worker_busy_seconds_total{worker=".."}`, of the
    /// runtime in which the registry is first scraped.
    pub fn process_metrics(&self) {
        if !self.0.has_process.swap(true, Relaxed) {
            lock(&self.0.callbacks)
                .extend([Callback::new("", process::collector()), Callback::new("", runtime::collector())]);
        }
    }

    pub(crate) fn wants_process_metrics(&self) -> bool {
        self.0.wants_process.load(Relaxed)
    }

    /// Writes all metrics as text.
    ///
    /// It is done on the calling thread; [`endpoint`](Self::endpoint) takes more than a few series to another one. Other
    /// scrapes wait for it; recording does not.
    #[must_use]
    pub fn encode(&self, format: Format) -> String {
        self.0.encode(format)
    }

    /// Returns a service that answers scrapes.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self)
    }

    /// Makes the registry the recorder of the process: that of the macros of the `metrics` facade, in all libraries.
    ///
    /// # Errors
    /// The process has one already.
    pub fn install_global(&self) -> Result<(), Error> {
        metrics::set_global_recorder(self.clone()).map_err(|_| Kind::Taken.into())
    }
}

/// The values of no labels.
const NONE: [&str; 0] = [];

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = read(&self.0.catalog).entries().len();
        f.debug_struct("Registry")
            .field("namespace", &self.0.namespace)
            .field("metrics", &metrics)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Returns the metric, registered if it is not there.
    pub(crate) fn register(&self, definition: Definition) -> Result<Arc<Entry>, Error> {
        if let Some(entry) = read(&self.catalog).find(&definition)? {
            return Ok(Arc::clone(entry));
        }
        write(&self.catalog).register(definition, &self.limits)
    }

    /// Warns, once for each metric.
    pub(crate) fn warn_once(&self, metric: &str, problem: &dyn fmt::Display) {
        if lock(&self.warned).insert(metric.into()) {
            warn!(metric, %problem, "a metric cannot be recorded");
        }
    }
}

/// A histogram that is to be made, with its buckets; by [`Registry::buckets`].
#[derive(Debug, Clone)]
#[must_use = "it is only the buckets of a histogram"]
pub struct Buckets {
    labels: Labels<0>,
}

impl Buckets {
    /// Returns a histogram without labels.
    ///
    /// # Errors
    /// As [`Registry::counter`], and when the buckets are not finite and rising, from zero or more.
    pub fn histogram(&self, name: &str, help: &str) -> Result<Histogram, Error> {
        Ok(self.labels.histogram(name, help)?.with(NONE))
    }
}

/// A metric with labels that is to be made; by [`Registry::labels`].
#[derive(Debug, Clone)]
#[must_use = "it is only the labels of a metric"]
pub struct Labels<const N: usize> {
    registry: Registry,
    names: [Box<str>; N],
    bounds: Option<Vec<f64>>,
}

impl<const N: usize> Labels<N> {
    /// Sets the upper bounds of the buckets of a histogram (by its unit, as [`Registry::histogram`] has it).
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.bounds = Some(bounds.into_iter().collect());
        self
    }

    /// Returns a family of counters.
    ///
    /// # Errors
    /// The name, a label or the help is invalid, or another metric has the name.
    pub fn counter(&self, name: &str, help: &str) -> Result<Family<Counter, N>, Error> {
        self.register(Type::Counter, name, help)
    }

    /// Returns a family of gauges.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn gauge(&self, name: &str, help: &str) -> Result<Family<Gauge, N>, Error> {
        self.register(Type::Gauge, name, help)
    }

    /// Returns a family of histograms.
    ///
    /// # Errors
    /// As [`counter`](Self::counter), and when the buckets are not finite and rising, from zero or more.
    pub fn histogram(&self, name: &str, help: &str) -> Result<Family<Histogram, N>, Error> {
        self.register(Type::Histogram, name, help)
    }

    fn register<M: Metric>(&self, kind: Type, name: &str, help: &str) -> Result<Family<M, N>, Error> {
        let full = name::metric(&self.registry.0.namespace, name)?;
        let family = if kind == Type::Counter { name::without_total(&full) } else { &full };
        let labels = self.names.each_ref().map(|label| &**label);
        name::check_labels(&full, &labels)?;
        name::check_help(&full, help)?;
        let bounds = match (&self.bounds, kind) {
            (Some(bounds), Type::Histogram) => Some(Bounds::new(&full, bounds)?),
            (None, Type::Histogram) => Some(Bounds::for_name(&full)),
            _ => None,
        };
        let definition =
            Definition { name: family.into(), kind, labels: LabelNames::fixed(&labels), bounds: bounds.map(Arc::new) };
        let entry = self.registry.0.register(definition)?;
        entry.describe(help);
        let store = M::store(&entry.series).expect("a definition of this type was registered");
        Ok(Family::new(Arc::clone(store)))
    }
}
