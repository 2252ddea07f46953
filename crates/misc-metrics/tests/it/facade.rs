//! The registry as the recorder of the `metrics` facade.

use metrics::{counter, describe_counter, describe_histogram, gauge, histogram, with_local_recorder};
use misc_core::Meter;
use misc_metrics::{Format, Registry};
use misc_test::Logs;

use crate::support::value;

#[test]
fn everything_that_the_facade_can_record_is_there() {
    let metrics = Registry::new("shop");
    with_local_recorder(&metrics, || {
        counter!("requests_total", "method" => "GET").increment(2);
        counter!("bytes").absolute(7);
        counter!("bytes").absolute(5);
        gauge!("level").set(5.0);
        gauge!("level").increment(2.5);
        gauge!("level").decrement(0.5);
        histogram!("http.server.request.duration_seconds").record(0.02);
        histogram!("http.server.request.duration_seconds").record_many(0.5, 3);
    });
    let of = |series| value(&metrics, series);
    assert_eq!(of("requests_total{method=\"GET\"}"), Some(2.0));
    assert_eq!(of("bytes_total"), Some(7.0), "an absolute value never falls");
    assert_eq!(of("level"), Some(7.0));
    assert_eq!(of("http_server_request_duration_seconds_count"), Some(4.0));
    assert_eq!(of("http_server_request_duration_seconds_sum"), Some(1.52));
    assert_eq!(of("http_server_request_duration_seconds_bucket{le=\"0.025\"}"), Some(1.0));
}

#[test]
fn the_help_counts_before_and_after_the_first_record() {
    let metrics = Registry::new("shop");
    with_local_recorder(&metrics, || {
        describe_counter!("before_total", "Before.");
        counter!("before_total").increment(1);
        histogram!("after").record(1.0);
        describe_histogram!("after", "After,\nin two lines.");
        gauge!("never").set(1.0);
    });
    let text = metrics.encode(Format::Text);
    assert!(text.contains("# HELP before_total Before.\n"), "{text}");
    assert!(text.contains("# HELP after After,\\nin two lines.\n"), "{text}");
    assert!(!text.contains("# HELP never"), "{text}");
}

#[test]
fn labels_may_differ_and_their_order_does_not_matter() {
    let metrics = Registry::new("shop");
    with_local_recorder(&metrics, || {
        counter!("hits", "a" => "1", "b" => "2").increment(1);
        counter!("hits", "b" => "2", "a" => "1").increment(1);
        counter!("hits", "a" => "1").increment(1);
        counter!("hits", "a" => "1", "b" => "").increment(1);
        counter!("hits").increment(1);
        counter!("hits", "a" => "old", "a" => "new").increment(1);
    });
    assert_eq!(value(&metrics, "hits_total{a=\"1\",b=\"2\"}"), Some(2.0));
    assert_eq!(value(&metrics, "hits_total{a=\"1\"}"), Some(2.0), "no value is no label");
    assert_eq!(value(&metrics, "hits_total"), Some(1.0));
    assert_eq!(value(&metrics, "hits_total{a=\"new\"}"), Some(1.0), "the later one counts");
}

#[test]
fn names_become_what_prometheus_allows() {
    let metrics = Registry::new("shop");
    with_local_recorder(&metrics, || {
        gauge!("2nd:größe.a-b", "le" => "1", "__x" => "2", "c.d" => "3").set(1.0);
    });
    let name = "_2nd_gr__e_a_b";
    let series = format!("{name}{{c_d=\"3\",exported_le=\"1\",exported_x=\"2\"}}");
    assert_eq!(value(&metrics, &series), Some(1.0), "{}", metrics.encode(Format::Text));
}

#[test]
fn a_label_without_a_name_becomes_one() {
    let metrics = Registry::new("shop");
    metrics.labels(["_"]).counter("sent", "Sent.").unwrap();
    with_local_recorder(&metrics, || {
        counter!("hits", "" => "x").increment(1);
        counter!("hits", "" => "").increment(1);
        counter!("shop_sent", "" => "x").increment(1);
    });
    assert_eq!(value(&metrics, "hits_total{_=\"x\"}"), Some(1.0), "{}", metrics.encode(Format::Text));
    assert_eq!(value(&metrics, "hits_total"), Some(1.0));
    assert_eq!(value(&metrics, "shop_sent_total{_=\"x\"}"), Some(1.0));
}

#[test]
fn a_clash_is_logged_once_and_records_nothing() {
    let logs = Logs::capture();
    let metrics = Registry::new("");
    metrics.labels(["a"]).counter("sent", "Sent.").unwrap();
    with_local_recorder(&metrics, || {
        for _ in 0..3 {
            gauge!("sent").set(1.0);
            counter!("sent", "b" => "1").increment(1);
            counter!("").increment(1);
        }
        histogram!("pay").record(1.0);
        gauge!("pay_sum").set(1.0);
    });
    let lines: Vec<_> = logs.lines().into_iter().map(|line| line.to_string()).collect();
    let of = |metric: &str| lines.iter().filter(|line| line.contains(metric)).count();
    assert_eq!(of("`sent_total` is a counter with the labels (a) already"), 1, "{lines:?}");
    assert_eq!(of("a metric needs a name"), 1, "{lines:?}");
    assert_eq!(of("would both write `pay_sum`"), 1, "{lines:?}");
    let text = metrics.encode(Format::Text);
    assert!(!text.contains("sent") && !text.contains("pay_sum 1\n# "), "{text}");
}

#[test]
fn the_facade_adds_to_a_metric_of_the_registry_with_the_same_labels() {
    let metrics = Registry::new("");
    let sent = metrics.labels(["b", "a"]).counter("sent", "Sent.").unwrap();
    with_local_recorder(&metrics, || counter!("sent_total", "a" => "1", "b" => "2").increment(1));
    assert_eq!(sent.with(["2", "1"]).get(), 1);
}

#[test]
fn a_meter_records_into_the_registry() {
    let metrics = Registry::new("shop");
    let meter = Meter::new(metrics.clone()).label("service", "db");
    let opened = meter.counter("misc_opened_total", "Openings.");
    opened.increment(1);
    drop(meter.gauge("misc_open", "Open now.").track());
    meter.histogram("misc_open_seconds", "Time to open.").record(0.3);
    assert_eq!(value(&metrics, "misc_opened_total{service=\"db\"}"), Some(1.0));
    assert_eq!(value(&metrics, "misc_open{service=\"db\"}"), Some(0.0));
    assert_eq!(value(&metrics, "misc_open_seconds_bucket{service=\"db\",le=\"0.5\"}"), Some(1.0));
    assert!(metrics.encode(Format::Text).contains("# HELP misc_opened_total Openings.\n"));
}

#[test]
fn the_recorder_of_the_process_is_set_once() {
    let metrics = Registry::new("shop");
    metrics.install_global().unwrap();
    let error = Registry::new("other").install_global().unwrap_err();
    assert!(error.is_taken());
    let message = "the process has a recorder of the `metrics` facade already: install one registry, once; in tests use \
                   `metrics::with_local_recorder`";
    assert_eq!(error.to_string(), message);
    counter!("global_events").increment(1);
    assert_eq!(value(&metrics, "global_events_total"), Some(1.0));
}

#[test]
fn the_help_is_there_whoever_describes_first() {
    for _ in 0..500 {
        let metrics = Registry::new("");
        let together = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    together.wait();
                    Meter::new(metrics.clone()).counter("hits_total", "Hits.").increment(1);
                });
            }
        });
        let text = metrics.encode(Format::Text);
        assert!(text.contains("# HELP hits_total Hits.\n"), "{text}");
    }
}
