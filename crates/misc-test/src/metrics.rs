//! What is measured, kept for one test.

use std::{collections::HashMap, fmt};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use misc_core::Meter;
use tokio::sync::watch;

use crate::clock::{Clock, in_time};

/// Keeps every metric of an app, to be asserted on.
///
/// A metric is asked for as in a Prometheus query: `("jobs_total", &[("queue", "mail")])` means the series of that name
/// that have these labels, whatever others they have, and the value is their sum, as of
/// `sum(jobs_total{queue="mail"})`.
///
/// # Examples
/// ```
/// use misc_core::{App, Context};
/// use misc_test::{Metrics, TestApp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let metrics = Metrics::new();
/// let app = App::new("shop").meter(metrics.meter()).service("mail", async |ctx: Context| {
///     let jobs = ctx.meter().label("queue", "mail").counter("jobs_total", "Jobs done.");
///     jobs.increment(3);
///     ctx.ready();
///     Ok(())
/// });
/// TestApp::start(app).await.ended().await.assert_ok();
/// metrics.assert_metric("jobs_total", &[("queue", "mail")], 3.0);
/// metrics.assert_metric("misc_service_failures_total", &[], 0.0); // of all services
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Metrics(watch::Sender<All>);

#[derive(Debug, Default)]
struct All {
    series: Vec<Series>,
    places: HashMap<Key, usize>,
    kinds: HashMap<String, &'static str>,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Vec<f64>),
}

impl Metrics {
    /// Creates an empty set of metrics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a meter that records into it, for [`App::meter`](misc_core::App::meter).
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter::new(Recording(self.clone()))
    }

    /// Returns the value of a counter or a gauge; `None` when there is no such metric.
    ///
    /// # Panics
    /// When it is a histogram.
    #[must_use]
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        total(&self.0.borrow().series, name, labels)
    }

    /// Returns the values that a histogram was given, series by series; none when there is no such metric.
    ///
    /// # Panics
    /// When it is a counter or a gauge.
    #[must_use]
    #[track_caller]
    pub fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let all = self.0.borrow();
        let values = matching(&all.series, name, labels).map(|series| match &series.value {
            Value::Histogram(values) => values,
            other => panic!("`{name}` is a {}: use `value` or `assert_metric`", other.kind()),
        });
        values.flatten().copied().collect()
    }

    /// Asserts the value of a counter or a gauge, to nine digits.
    ///
    /// # Panics
    /// When it is another one, or there is no such metric: with those there are, the nearest name first. When it is a
    /// histogram.
    #[track_caller]
    pub fn assert_metric(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let value = self.value(name, labels);
        assert!(
            value.is_some_and(|value| is_near(value, expected)),
            "{}",
            self.differs(name, labels, value, &format!("not {expected}"))
        );
    }

    /// Waits until a counter has at least a value, or a gauge has exactly that one, to nine digits.
    ///
    /// A gauge may pass by a value unseen: wait for one that stays.
    ///
    /// # Panics
    /// As [`assert_metric`](Self::assert_metric), when it has not after 10 s, or an hour of a paused clock.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let reached = |all: &All| {
            let counts = all.kinds.get(name) == Some(&Value::Counter(0).kind());
            let is_enough = |value| is_near(value, expected) || (counts && value > expected);
            total(&all.series, name, labels).is_some_and(is_enough)
        };
        let patience = Clock::now().patience();
        let mut all = self.0.subscribe();
        if in_time(patience, all.wait_for(reached)).await.is_none() {
            let wanted = format!("and did not become {expected} within {patience:?}");
            panic!("{}", self.differs(name, labels, self.value(name, labels), &wanted));
        }
    }

    fn differs(&self, name: &str, labels: &[(&str, &str)], value: Option<f64>, wanted: &str) -> String {
        let metric = Selector { name, labels };
        let mut all = self.0.borrow().series.clone();
        all.sort_by_key(|series| (distance(name, &series.name), series.name.clone(), series.labels.clone()));
        let lines: String = all.iter().map(|series| format!("\n  {series}")).collect();
        let there =
            if lines.is_empty() { "there are no metrics: is `Metrics::meter` the app's?" } else { "there are:" };
        match value {
            Some(value) => format!("`{metric}` is {value}, {wanted}; {there}{lines}"),
            None => format!("there is no metric `{metric}`; {there}{lines}"),
        }
    }

    /// Returns the place of a series, which is made if there is none yet.
    fn register(&self, key: &Key, value: Value) -> Recorded {
        let mut place = Ok(0);
        self.0.send_modify(|all| place = all.place(key, value));
        match place {
            Ok(at) => Recorded { metrics: self.clone(), at },
            Err(conflict) => panic!("{conflict}"),
        }
    }
}

impl All {
    /// Finds the place of a series; the error tells of another kind under its name.
    fn place(&mut self, key: &Key, value: Value) -> Result<usize, String> {
        let kind = value.kind();
        let before = *self.kinds.entry(key.name().to_owned()).or_insert(kind);
        if before != kind {
            let name = key.name();
            return Err(format!("the metric `{name}` is registered as a {kind}, and was as a {before} before"));
        }
        let next = self.series.len();
        let place = *self.places.entry(key.clone()).or_insert(next);
        if place == next {
            let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
            self.series.push(Series { name: key.name().to_owned(), labels, value });
        }
        Ok(place)
    }
}

fn matching<'a>(all: &'a [Series], name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Series> {
    all.iter().filter(move |series| {
        let has = |(name, value): &(&str, &str)| series.labels.iter().any(|(n, v)| n == name && v == value);
        series.name == name && labels.iter().all(has)
    })
}

#[track_caller]
fn total(all: &[Series], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let values = matching(all, name, labels).map(|series| match &series.value {
        // Counts of a test are far from where this would round.
        Value::Counter(count) => *count as f64,
        Value::Gauge(level) => *level,
        Value::Histogram(_) => panic!("`{name}` is a histogram: use `values`"),
    });
    values.reduce(|sum, value| sum + value)
}

fn is_near(value: f64, expected: f64) -> bool {
    value == expected || (value - expected).abs() <= 1e-9 * expected.abs()
}

/// Counts the letters to change, add or remove between two names.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, other) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(row[to] + 1).min(row[to + 1] + 1);
        }
    }
    row[other.len()]
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        Selector { name: &self.name, labels: &labels }.fmt(f)?;
        match &self.value {
            Value::Counter(count) => write!(f, " {count}"),
            Value::Gauge(level) => write!(f, " {level}"),
            Value::Histogram(values) => write!(f, " {values:?}"),
        }
    }
}

/// A metric as one asks for it.
struct Selector<'a> {
    name: &'a str,
    labels: &'a [(&'a str, &'a str)],
}

impl fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        if labels.is_empty() { f.write_str(self.name) } else { write!(f, "{}{{{}}}", self.name, labels.join(", ")) }
    }
}

/// The side of the metrics that an app records into.
struct Recording(Metrics);

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(self.0.register(key, Value::Counter(0)).into())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(self.0.register(key, Value::Gauge(0.0)).into())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(self.0.register(key, Value::Histogram(Vec::new())).into())
    }
}

/// One series, as a handle of it sees it.
struct Recorded {
    metrics: Metrics,
    at: usize,
}

impl Recorded {
    fn change(&self, change: impl FnOnce(&mut Value)) {
        self.metrics.0.send_modify(|all| change(&mut all.series[self.at].value));
    }

    fn change_gauge(&self, change: impl FnOnce(f64) -> f64) {
        self.change(|value| {
            if let Value::Gauge(level) = value {
                *level = change(*level);
            }
        });
    }

    fn change_counter(&self, change: impl FnOnce(u64) -> u64) {
        self.change(|value| {
            if let Value::Counter(count) = value {
                *count = change(*count);
            }
        });
    }
}

impl CounterFn for Recorded {
    fn increment(&self, by: u64) {
        self.change_counter(|count| count + by);
    }

    fn absolute(&self, at_least: u64) {
        self.change_counter(|count| count.max(at_least));
    }
}

impl GaugeFn for Recorded {
    fn increment(&self, by: f64) {
        self.change_gauge(|level| level + by);
    }

    fn decrement(&self, by: f64) {
        self.change_gauge(|level| level - by);
    }

    fn set(&self, level: f64) {
        self.change_gauge(|_| level);
    }
}

impl HistogramFn for Recorded {
    fn record(&self, recorded: f64) {
        self.change(|value| {
            if let Value::Histogram(values) = value {
                values.push(recorded);
            }
        });
    }
}
