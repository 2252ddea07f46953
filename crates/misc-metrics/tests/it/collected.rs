//! Values that are read at the scrape.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use misc_metrics::{Format, Registry};
use misc_test::Logs;

use crate::support::{samples, value};

#[test]
fn a_callback_is_asked_at_each_scrape() {
    let metrics = Registry::new("shop");
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    metrics.collect(move |out| {
        let times = f64::from(counted.fetch_add(1, Relaxed) + 1);
        out.counter("asked", "Asked.", &[], times);
        out.gauge("free", "Free.", &[("pool", "a\"b")], times / 2.0);
        out.gauge("free", "Free.", &[("pool", "c")], 1.0);
    });
    assert_eq!(asked.load(Relaxed), 0);
    assert_eq!(value(&metrics, "shop_asked_total"), Some(1.0));
    let text = metrics.encode(Format::OpenMetrics);
    assert!(text.contains("shop_asked_total 2\n"), "{text}");
    assert!(text.contains("shop_free{pool=\"a\\\"b\"} 1\nshop_free{pool=\"c\"} 1\n"), "{text}");
}

#[test]
fn what_cannot_be_exposed_is_left_out_and_logged_once() {
    let logs = Logs::capture();
    let metrics = Registry::new("shop");
    metrics.counter("orders", "Orders.").unwrap();
    metrics.collect(|out| {
        out.gauge("orders", "Orders.", &[], 1.0);
        out.gauge("bad name", "Bad.", &[], 1.0);
        out.gauge("twice", "Twice.", &[], 1.0);
        out.gauge("twice", "Twice.", &[], 2.0);
        out.counter("twice", "Twice.", &[], 2.0);
        out.counter("negative", "Negative.", &[], -1.0);
    });
    let text = metrics.encode(Format::Text);
    let names: Vec<_> = samples(&text).into_keys().collect();
    assert_eq!(names, ["shop_orders_total", "shop_twice"], "{text}");
    assert_eq!(value(&metrics, "shop_twice"), Some(1.0));
    let lines: Vec<_> = logs.lines().into_iter().map(|line| line.to_string()).collect();
    for problem in ["would both write `shop_orders`", "`bad name` is not a metric name", "`shop_twice` is a gauge"] {
        assert_eq!(lines.iter().filter(|line| line.contains(problem)).count(), 1, "{problem}: {lines:?}");
    }
}

#[test]
fn a_callback_that_panics_costs_its_own_metrics() {
    let metrics = Registry::new("shop");
    metrics.collect(|_| panic!("broken on purpose"));
    metrics.collect(|out| out.gauge("fine", "Fine.", &[], 1.0));
    assert_eq!(value(&metrics, "shop_fine"), Some(1.0));
    assert_eq!(value(&metrics, "shop_fine"), Some(1.0), "again");
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_has_its_standard_metrics() {
    let metrics = Registry::new("shop");
    metrics.process_metrics();
    metrics.process_metrics();
    let of = |name| value(&metrics, name).unwrap_or_else(|| panic!("no {name}"));
    assert!(of("process_cpu_seconds_total") >= 0.0);
    assert!(of("process_open_fds") >= 3.0);
    assert!(of("process_max_fds") >= of("process_open_fds"));
    assert!(of("process_virtual_memory_bytes") > of("process_resident_memory_bytes"));
    assert!(of("process_resident_memory_bytes") > 500_000.0);
    assert!(of("process_threads") >= 1.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - of("process_start_time_seconds");
    assert!((-2.0..3_600.0).contains(&age), "a test process is young: {age} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_shows_its_workers() {
    let metrics = Registry::new("shop");
    metrics.process_metrics();
    assert_eq!(value(&metrics, "tokio_workers"), Some(2.0));
    assert!(value(&metrics, "tokio_alive_tasks").is_some());
    assert!(value(&metrics, "tokio_global_queue_depth").is_some());
    assert!(value(&metrics, "tokio_worker_busy_seconds_total{worker=\"1\"}").is_some());
}

#[test]
fn two_collected_metrics_never_write_the_same_sample() {
    let logs = Logs::capture();
    let metrics = Registry::new("");
    metrics.collect(|out| {
        out.counter("jobs", "Jobs.", &[], 1.0);
        out.gauge("jobs_total", "Jobs.", &[], 2.0);
        out.gauge("metrics_series_overflow_total", "Mine.", &[], 3.0);
    });
    let sent =
        metrics.clone().series_limit(std::num::NonZeroUsize::MIN).labels(["id"]).counter("sent", "Sent.").unwrap();
    ["a", "b"].iter().for_each(|id| sent.with([id]).inc());
    let text = metrics.encode(Format::Text);
    assert_eq!(text.matches("\njobs_total ").count(), 1, "{text}");
    assert_eq!(text.matches("# TYPE metrics_series_overflow_total ").count(), 1, "{text}");
    logs.assert_logged("would both write `jobs_total`");
}
