//! Metrics: any recorder stands behind the meter, and the core counts and times what it does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use misc_core::{App, Context, Meter, OnFailure, Restart, spec};

use crate::support::{drive, fails_after, fails_to_start, idle, millis, run, secs, slow, up_and_down};

/// Keeps every series and description in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    series: BTreeMap<String, Vec<f64>>,
    described: BTreeMap<String, (Option<Unit>, String)>,
}

impl Memory {
    fn with<T>(&self, look: impl FnOnce(&mut Stored) -> T) -> T {
        look(&mut self.0.lock().expect("nobody panics with it"))
    }

    /// Returns what was recorded in one series: for counters and gauges the level after each change.
    fn values(&self, series: &str) -> Vec<f64> {
        self.with(|stored| stored.series.get(series).cloned().unwrap_or_default())
    }

    fn last(&self, series: &str) -> Option<f64> {
        self.values(series).last().copied()
    }

    fn names(&self) -> Vec<String> {
        self.with(|stored| stored.series.keys().cloned().collect())
    }

    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.with(|stored| {
            stored.series.entry(name.clone()).or_default();
        });
        Arc::new(Series { memory: self.clone(), name })
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>, text: SharedString) {
        self.with(|stored| stored.described.insert(key.as_str().to_owned(), (unit, text.into_owned())));
    }
}

struct Series {
    memory: Memory,
    name: String,
}

impl Series {
    fn push(&self, next: impl FnOnce(f64) -> f64) {
        self.memory.with(|stored| {
            let values = stored.series.entry(self.name.clone()).or_default();
            values.push(next(values.last().copied().unwrap_or(0.0)));
        });
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.push(|level| level + f64::from(u32::try_from(by).expect("small in a test")));
    }

    fn absolute(&self, value: u64) {
        self.push(|_| f64::from(u32::try_from(value).expect("small in a test")));
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.push(|level| level + by);
    }

    fn decrement(&self, by: f64) {
        self.push(|level| level - by);
    }

    fn set(&self, value: f64) {
        self.push(|_| value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.push(|_| value);
    }
}

impl Recorder for Memory {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

fn memory() -> (Memory, Meter) {
    let memory = Memory::default();
    (memory.clone(), Meter::new(memory))
}

#[test]
fn counters_gauges_and_histograms_reach_the_recorder() {
    let (memory, meter) = memory();
    let sent = meter.counter("sent_total", "Sent.");
    sent.increment(2);
    sent.clone().increment(3);
    let level = meter.gauge("level", "Level.");
    level.set(5.0);
    level.increment(2.0);
    level.decrement(3.0);
    let sizes = meter.histogram("size_bytes", "Sizes.");
    sizes.record(1.5);
    sizes.record(0.5);
    assert_eq!(memory.values("sent_total{}"), [2.0, 5.0]);
    assert_eq!(memory.values("level{}"), [5.0, 7.0, 4.0]);
    assert_eq!(memory.values("size_bytes{}"), [1.5, 0.5]);
}

#[test]
fn a_labelled_meter_labels_all_it_makes() {
    let (memory, meter) = memory();
    let mail = meter.label("channel", "mail");
    mail.label("kind", "bulk").counter("sent_total", "Sent.").increment(1);
    mail.counter("sent_total", "Sent.").increment(2);
    meter.counter("sent_total", "Sent.").increment(3);
    assert_eq!(memory.last("sent_total{channel=mail,kind=bulk}"), Some(1.0));
    assert_eq!(memory.last("sent_total{channel=mail}"), Some(2.0));
    assert_eq!(memory.last("sent_total{}"), Some(3.0));
}

#[test]
fn one_series_stands_behind_handles_of_one_name() {
    let (memory, meter) = memory();
    meter.counter("sent_total", "Sent.").increment(1);
    meter.counter("sent_total", "Sent.").increment(1);
    assert_eq!(memory.last("sent_total{}"), Some(2.0));
}

#[test]
fn units_are_read_off_the_names_and_help_is_passed_on() {
    let (memory, meter) = memory();
    let (_a, _b) = (meter.counter("waited_seconds_total", "Waited."), meter.gauge("heap_bytes", "Heap."));
    let (_c, _d) = (meter.histogram("took_seconds", "Took."), meter.counter("sent_total", "Sent."));
    memory.with(|stored| {
        let described = |name: &str| stored.described.get(name).cloned().expect("it is described");
        assert_eq!(described("waited_seconds_total"), (Some(Unit::Seconds), "Waited.".to_owned()));
        assert_eq!(described("heap_bytes"), (Some(Unit::Bytes), "Heap.".to_owned()));
        assert_eq!(described("took_seconds"), (Some(Unit::Seconds), "Took.".to_owned()));
        assert_eq!(described("sent_total"), (None, "Sent.".to_owned()));
    });
}

#[test]
fn a_tracked_gauge_falls_when_its_guard_is_dropped() {
    let (memory, meter) = memory();
    let open = meter.gauge("open", "Open.");
    let first = open.track();
    let second = open.track();
    drop(first);
    drop(second);
    assert_eq!(memory.values("open{}"), [1.0, 2.0, 1.0, 0.0]);
}

#[test]
fn the_default_meter_records_nothing() {
    let meter = Meter::default();
    assert!(!meter.is_enabled());
    meter.label("a", "b").counter("sent_total", "Sent.").increment(1);
    drop(meter.gauge("open", "Open.").track());
    meter.histogram("took_seconds", "Took.").record(1.0);
    assert!(memory().1.is_enabled());
}

#[tokio::test(start_paused = true)]
async fn phases_are_counted_by_service() {
    let (memory, meter) = memory();
    up_and_down(App::new("shop").service("a", idle).service("b", idle).meter(meter)).await.unwrap();
    for service in ["a", "b", ""] {
        for phase in ["starting", "ready", "stopping", "stopped"] {
            let series = format!("misc_service_transitions_total{{service={service},phase={phase}}}");
            assert_eq!(memory.values(&series), [1.0], "{series}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_and_failures_are_counted_by_service() {
    let (memory, meter) = memory();
    let restart = Restart::new().attempts(3).jitter(0.0);
    let app = App::new("shop").service("a", spec(fails_after(secs(1))).restart(restart)).service("b", idle);
    run(app.meter(meter)).await.unwrap_err();
    assert_eq!(memory.last("misc_service_restarts_total{service=a}"), Some(2.0));
    assert_eq!(memory.last("misc_service_failures_total{service=a}"), Some(3.0));
    assert_eq!(memory.last("misc_service_restarts_total{service=b}"), Some(0.0));
    assert_eq!(memory.last("misc_service_failures_total{service=b}"), Some(0.0));
    assert_eq!(memory.last("misc_service_failures_total{service=}"), Some(1.0), "the app's own");
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_and_an_ignored_failure_are_counted() {
    let (memory, meter) = memory();
    let app = App::new("shop")
        .service("bad", spec(fails_to_start).on_failure(OnFailure::Ignore))
        .service("a", spec(idle).restart(Restart::new()))
        .meter(meter);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("a").await.unwrap();
        handle.stop("a").await.unwrap();
    })
    .await;
    ended.unwrap();
    assert_eq!(memory.last("misc_service_restarts_total{service=a}"), Some(1.0));
    assert_eq!(memory.last("misc_service_failures_total{service=a}"), Some(0.0));
    assert_eq!(memory.last("misc_service_failures_total{service=bad}"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn starts_and_stops_are_timed_by_service() {
    let (memory, meter) = memory();
    let app = App::new("shop").service("a", slow(secs(2), millis(500))).service("b", slow(secs(1), secs(3)));
    up_and_down(app.meter(meter)).await.unwrap();
    assert_eq!(memory.values("misc_service_start_duration_seconds{service=a}"), [2.0]);
    assert_eq!(memory.values("misc_service_start_duration_seconds{service=b}"), [1.0]);
    assert_eq!(memory.values("misc_service_start_duration_seconds{service=}"), [3.0]);
    assert_eq!(memory.values("misc_service_stop_duration_seconds{service=a}"), [0.5]);
    assert_eq!(memory.values("misc_service_stop_duration_seconds{service=b}"), [3.0]);
    assert_eq!(memory.values("misc_service_stop_duration_seconds{service=}"), [3.5]);
}

#[tokio::test(start_paused = true)]
async fn services_in_groups_are_counted_by_their_path() {
    let (memory, meter) = memory();
    let group = App::new("group").service("x", idle);
    up_and_down(App::new("shop").service("g", group).meter(meter)).await.unwrap();
    assert_eq!(memory.last("misc_service_transitions_total{service=g/x,phase=ready}"), Some(1.0));
    assert_eq!(memory.last("misc_service_transitions_total{service=g,phase=ready}"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn all_that_the_core_records_is_described() {
    let (memory, meter) = memory();
    up_and_down(App::new("shop").service("a", idle).meter(meter)).await.unwrap();
    let names: Vec<_> = memory.with(|stored| stored.described.keys().cloned().collect());
    let expected = [
        "misc_service_failures_total",
        "misc_service_restarts_total",
        "misc_service_start_duration_seconds",
        "misc_service_stop_duration_seconds",
        "misc_service_transitions_total",
    ];
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn a_service_records_into_the_meter_of_its_app_or_of_its_group() {
    let ((outer, outer_meter), (inner, inner_meter)) = (memory(), memory());
    let counts = async |ctx: Context| {
        ctx.meter().counter("runs_total", "Runs.").increment(1);
        Ok(())
    };
    let own = App::new("own").service("x", counts).meter(inner_meter);
    let inherits = App::new("inherits").service("x", counts);
    let app = App::new("shop").service("a", counts).service("own", own).service("inherits", inherits);
    run(app.meter(outer_meter)).await.unwrap();
    assert_eq!(outer.last("runs_total{}"), Some(2.0));
    assert_eq!(inner.last("runs_total{}"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn two_apps_share_no_series() {
    let ((one, one_meter), (two, two_meter)) = (memory(), memory());
    let (first, second) = tokio::join!(
        up_and_down(App::new("one").service("a", idle).meter(one_meter)),
        up_and_down(App::new("two").service("b", idle).meter(two_meter)),
    );
    first.and(second).unwrap();
    assert!(one.names().iter().any(|name| name.contains("service=a")));
    assert!(two.names().iter().any(|name| name.contains("service=b")));
    assert!(!one.names().iter().any(|name| name.contains("service=b")));
    assert!(!two.names().iter().any(|name| name.contains("service=a")));
    assert_eq!(one.last("misc_service_transitions_total{service=,phase=ready}"), Some(1.0));
}
