//! The text that Prometheus gets, to the letter.

use misc_metrics::{Format, Registry};

use crate::support::samples;

#[test]
fn a_counter_and_a_gauge_come_out_to_the_letter() {
    let metrics = Registry::new("aiomisc_demo");
    metrics.counter("request_total", "总请求数").unwrap().inc_by(42);
    metrics.gauge("connection_count", "当前连接数").unwrap().set(5.0);
    let expected = "\
        # HELP aiomisc_demo_connection_count 当前连接数\n\
        # TYPE aiomisc_demo_connection_count gauge\n\
        aiomisc_demo_connection_count 5\n\
        # HELP aiomisc_demo_request_total 总请求数\n\
        # TYPE aiomisc_demo_request_total counter\n\
        aiomisc_demo_request_total 42\n";
    assert_eq!(metrics.encode(Format::Text), expected);
}

#[test]
fn open_metrics_names_the_family_of_a_counter_without_total() {
    let metrics = Registry::new("aiomisc_demo");
    metrics.counter("request_total", "总请求数").unwrap().inc_by(42);
    metrics.gauge("connection_count", "当前连接数").unwrap().set(5.0);
    let expected = "\
        # HELP aiomisc_demo_connection_count 当前连接数\n\
        # TYPE aiomisc_demo_connection_count gauge\n\
        aiomisc_demo_connection_count 5\n\
        # HELP aiomisc_demo_request 总请求数\n\
        # TYPE aiomisc_demo_request counter\n\
        aiomisc_demo_request_total 42\n\
        # EOF\n";
    assert_eq!(metrics.encode(Format::OpenMetrics), expected);
}

#[test]
fn total_is_there_once_however_it_was_written() {
    for name in ["requests", "requests_total", "requests_total_total"] {
        let metrics = Registry::new("shop");
        metrics.counter(name, "Requests.").unwrap();
        let text = metrics.encode(Format::Text);
        assert!(text.ends_with("# TYPE shop_requests_total counter\nshop_requests_total 0\n"), "{name}: {text}");
    }
}

#[test]
fn a_histogram_counts_up_to_each_bound() {
    let metrics = Registry::new("shop");
    let pay = metrics.buckets([0.1, 1.0, 2.5]).histogram("pay_seconds", "Time to take a payment.").unwrap();
    [0.05, 0.1, 0.7, 9.0].iter().for_each(|value| pay.observe(*value));
    let expected = "\
        # HELP shop_pay_seconds Time to take a payment.\n\
        # TYPE shop_pay_seconds histogram\n\
        shop_pay_seconds_bucket{le=\"0.1\"} 2\n\
        shop_pay_seconds_bucket{le=\"1.0\"} 3\n\
        shop_pay_seconds_bucket{le=\"2.5\"} 3\n\
        shop_pay_seconds_bucket{le=\"+Inf\"} 4\n\
        shop_pay_seconds_sum 9.85\n\
        shop_pay_seconds_count 4\n";
    assert_eq!(metrics.encode(Format::Text), expected);
}

#[test]
fn both_formats_say_the_same() {
    let metrics = Registry::new("shop");
    let sent = metrics.labels(["channel", "outcome"]).counter("sent_total", "Sent.").unwrap();
    sent.with(["mail", "ok"]).inc_by(3);
    sent.with(["sms", "a \"quoted\" one"]).inc();
    let size = metrics.labels(["kind"]).histogram("size_bytes", "Size.").unwrap();
    size.with(["in"]).observe(1_000.5);
    let level = metrics.labels(["of"]).gauge("level", "Level.").unwrap();
    level.with(["x"]).set(-0.25);
    level.with(["y"]).set(1e300);
    metrics.collect(|out| out.counter("read_total", "Read.", &[("by", "a\\b")], 2.5));
    let (text, open) = (metrics.encode(Format::Text), metrics.encode(Format::OpenMetrics));
    assert_eq!(samples(&text), samples(&open), "{text}\n{open}");
}

#[test]
fn bounds_are_canonical_numbers_whatever_the_format_and_with_exemplars_too() {
    let bounds = [
        (0.0, "0.0"),
        (1.5e-7, "1.5e-07"),
        (5e-6, "5e-06"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (0.025, "0.025"),
        (1.0, "1.0"),
        (2.5, "2.5"),
        (100_000.0, "100000.0"),
        (1e6, "1e+06"),
        (1_048_576.0, "1.048576e+06"),
        (1e16, "1e+16"),
        (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
    ];
    let metrics = Registry::new("shop");
    let size = metrics.buckets(bounds.map(|(bound, _)| bound)).histogram("size", "Size.").unwrap();
    let expected: Vec<_> = bounds.iter().map(|(_, text)| *text).chain(["+Inf"]).collect();
    let check = |format| {
        let text = metrics.encode(format);
        assert_eq!(bounds_of(&text, "shop_size"), expected, "{text}");
    };
    check(Format::Text);
    check(Format::OpenMetrics);
    size.observe_with(0.5, [("trace_id", "abc")]);
    check(Format::OpenMetrics);
}

#[test]
fn metrics_without_labels_are_there_at_zero_and_families_without_series_are_not() {
    let metrics = Registry::new("shop");
    metrics.counter("orders", "Orders.").unwrap();
    metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    let text = metrics.encode(Format::Text);
    assert!(text.contains("shop_orders_total 0\n"), "{text}");
    assert!(!text.contains("sent"), "{text}");
    assert!(!metrics.encode(Format::OpenMetrics).contains("sent"));
}

#[test]
fn values_that_are_no_numbers_are_written_as_prometheus_reads_them() {
    let metrics = Registry::new("shop");
    let level = metrics.labels(["of"]).gauge("level", "Level.").unwrap();
    for (of, value) in [("a", f64::NAN), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY), ("d", 1e21), ("e", -3.0)] {
        level.with([of]).set(value);
    }
    let text = metrics.encode(Format::Text);
    let values: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("shop_level{of=\"")).collect();
    assert_eq!(values, ["a\"} NaN", "b\"} +Inf", "c\"} -Inf", "d\"} 1e+21", "e\"} -3"]);
}

#[test]
fn exemplars_are_in_open_metrics_only() {
    let metrics = Registry::new("shop");
    let orders = metrics.counter("orders", "Orders.").unwrap();
    orders.inc_with([("trace_id", "abc")]);
    let pay = metrics.buckets([1.0, 2.0]).histogram("pay_seconds", "Pay.").unwrap();
    pay.observe_with(1.5, [("trace_id", "d\"ef")]);
    pay.observe(0.5);
    let open = metrics.encode(Format::OpenMetrics);
    let line = |start: &str| open.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(line("shop_orders_total").starts_with("shop_orders_total 1 # {trace_id=\"abc\"} 1 1"), "{open}");
    assert_eq!(line("shop_pay_seconds_bucket{le=\"1.0\"}"), "shop_pay_seconds_bucket{le=\"1.0\"} 1");
    let bucket = line("shop_pay_seconds_bucket{le=\"2.0\"}");
    assert!(bucket.starts_with("shop_pay_seconds_bucket{le=\"2.0\"} 2 # {trace_id=\"d\\\"ef\"} 1.5 1"), "{open}");
    assert!(open.ends_with("# EOF\n"));
    assert!(!metrics.encode(Format::Text).contains(" # "));
}

#[test]
fn an_exemplar_that_is_too_long_or_has_a_bad_label_is_dropped_and_the_event_counts() {
    let metrics = Registry::new("shop");
    let orders = metrics.counter("orders", "Orders.").unwrap();
    let long = "é".repeat(121);
    orders.inc_with([("trace_id", &*long)]);
    orders.inc_with([("trace id", "abc")]);
    assert_eq!(orders.get(), 2);
    assert!(!metrics.encode(Format::OpenMetrics).contains(" # {"));
    orders.inc_with([("trace_id", &*"é".repeat(120))]);
    assert!(metrics.encode(Format::OpenMetrics).contains(" # {"), "128 characters are allowed, whatever their bytes");
}

#[test]
fn default_buckets_follow_the_unit() {
    let metrics = Registry::new("shop");
    metrics.histogram("a_seconds", "A.").unwrap();
    metrics.histogram("b_bytes", "B.").unwrap();
    metrics.histogram("c_items", "C.").unwrap();
    let text = metrics.encode(Format::Text);
    let seconds = ["0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5"];
    assert_eq!(bounds_of(&text, "shop_a_seconds"), [&seconds[..], &["10.0", "+Inf"]].concat());
    assert_eq!(bounds_of(&text, "shop_b_bytes")[..3], ["64.0", "256.0", "1024.0"]);
    assert_eq!(bounds_of(&text, "shop_b_bytes").len(), 13);
    assert_eq!(bounds_of(&text, "shop_c_items")[..3], ["0.0", "5.0", "10.0"]);
}

/// Returns the bounds of a histogram's buckets, as they are written.
fn bounds_of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}_bucket{{le=\"");
    let rest = text.lines().filter_map(|line| line.strip_prefix(&*prefix));
    rest.map(|rest| rest.split('"').next().unwrap()).collect()
}
