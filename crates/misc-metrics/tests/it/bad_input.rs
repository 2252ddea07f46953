//! What cannot be registered, and what is said about it.

use misc_metrics::{Error, Registry};

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, Error>, is: fn(&Error) -> bool, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), message);
    assert!(is(&error));
    let kinds: [fn(&Error) -> bool; 5] =
        [Error::is_invalid_name, Error::is_invalid_help, Error::is_invalid_buckets, Error::is_clash, Error::is_taken];
    assert_eq!(kinds.iter().filter(|kind| kind(&error)).count(), 1);
}

fn shop() -> Registry {
    Registry::new("shop")
}

#[test]
fn an_invalid_name() {
    let rule = "is not a metric name: use ASCII letters, digits and `_`, and no digit first";
    for name in ["", "pay time", "größe", "a:b", "a.b", "a-b"] {
        check(shop().counter(name, "Help."), Error::is_invalid_name, &format!("`{name}` {rule}"));
    }
    check(Registry::new("").gauge("2nd", "Help."), Error::is_invalid_name, &format!("`2nd` {rule}"));
    assert!(shop().gauge("2nd", "Help.").is_ok(), "the namespace is first");
}

#[test]
fn an_invalid_namespace() {
    let message = "the namespace `my-shop` is not a metric name: use ASCII letters, digits and `_`, and no digit first";
    check(Registry::new("my-shop").counter("orders", "Help."), Error::is_invalid_name, message);
}

#[test]
fn an_invalid_label() {
    let labelled = |label| shop().labels([label]).counter("sent", "Help.");
    let syntax = "metric `shop_sent`: `a b` is not a label name: use ASCII letters, digits and `_`, and no digit first";
    check(labelled("a b"), Error::is_invalid_name, syntax);
    let prefix = "metric `shop_sent`: `__name__` is not a label name: names that begin with `__` are reserved for \
                  Prometheus itself";
    check(labelled("__name__"), Error::is_invalid_name, prefix);
    for label in ["le", "quantile"] {
        let reserved =
            format!("metric `shop_sent`: `{label}` is not a label name: it is reserved for histograms and summaries");
        check(labelled(label), Error::is_invalid_name, &reserved);
    }
}

#[test]
fn a_label_twice() {
    let message = "metric `shop_sent`: the label `a` is there twice; name each label once";
    check(shop().labels(["a", "b", "a"]).gauge("sent", "Help."), Error::is_invalid_name, message);
}

#[test]
fn a_help_with_a_line_break_or_none() {
    let broken = "metric `shop_sent`: the help has a line break at byte 4; write it on one line";
    check(shop().counter("sent", "Sent\nthings."), Error::is_invalid_help, broken);
    check(shop().counter("sent", "Sent\r\nthings."), Error::is_invalid_help, broken);
    let empty = "metric `shop_sent`: the help is empty; say in a sentence what is measured";
    check(shop().counter("sent", " "), Error::is_invalid_help, empty);
}

#[test]
fn buckets_that_are_none() {
    let with = |buckets: &[f64]| shop().buckets(buckets.iter().copied()).histogram("pay", "Help.");
    let message = |buckets: &str, rule: &str| format!("metric `shop_pay`: the buckets {buckets} are wrong: {rule}");
    let none = message("[]", "there are none; name the upper bound of one at least");
    check(with(&[]), Error::is_invalid_buckets, &none);
    let finite = "only finite bounds are named; the bucket up to `+Inf` is always there";
    check(with(&[1.0, f64::NAN]), Error::is_invalid_buckets, &message("[1.0, NaN]", finite));
    check(with(&[1.0, f64::INFINITY]), Error::is_invalid_buckets, &message("[1.0, inf]", finite));
    let rise = "they must rise from each to the next";
    check(with(&[2.0, 1.0]), Error::is_invalid_buckets, &message("[2.0, 1.0]", rise));
    check(with(&[1.0, 1.0]), Error::is_invalid_buckets, &message("[1.0, 1.0]", rise));
    let negative = "the first is negative, and OpenMetrics knows no sum of negative values; use a gauge";
    check(with(&[-1.0, 1.0]), Error::is_invalid_buckets, &message("[-1.0, 1.0]", negative));
}

#[test]
fn another_type() {
    let metrics = shop();
    metrics.counter("orders_total", "Help.").unwrap();
    let message = "`shop_orders_total` is a counter without labels already, so it cannot be a gauge without labels: \
                   define it alike in both places, or rename one";
    check(metrics.gauge("orders", "Help."), Error::is_clash, message);
}

#[test]
fn other_labels() {
    let metrics = shop();
    metrics.labels(["channel", "kind"]).counter("sent", "Help.").unwrap();
    let message = "`shop_sent_total` is a counter with the labels (channel, kind) already, so it cannot be a counter \
                   with the labels (kind, channel): define it alike in both places, or rename one";
    check(metrics.labels(["kind", "channel"]).counter("sent", "Help."), Error::is_clash, message);
}

#[test]
fn other_buckets() {
    let metrics = shop();
    metrics.buckets([1.0]).histogram("pay", "Help.").unwrap();
    let message = "`shop_pay` is a histogram without labels and the buckets [1.0] already, so it cannot be a histogram \
                   without labels and the buckets [2.0]: define it alike in both places, or rename one";
    check(metrics.buckets([2.0]).histogram("pay", "Help."), Error::is_clash, message);
}

#[test]
fn names_of_samples() {
    let metrics = shop();
    metrics.buckets([1.0]).histogram("pay", "Help.").unwrap();
    let message = "`shop_pay_sum`, a gauge without labels, and `shop_pay`, a histogram without labels and the buckets \
                   [1.0], would both write `shop_pay_sum`: rename one";
    check(metrics.gauge("pay_sum", "Help."), Error::is_clash, message);
    for name in ["pay_bucket", "pay_count", "pay_created"] {
        assert!(metrics.gauge(name, "Help.").unwrap_err().is_clash(), "{name}");
    }
    metrics.gauge("orders_total", "Help.").unwrap();
    assert!(metrics.counter("orders", "Help.").unwrap_err().is_clash(), "whoever comes second");
    metrics.gauge("cart_count", "Help.").unwrap();
    assert!(metrics.histogram("cart", "Help.").unwrap_err().is_clash(), "whoever comes second");
}

#[test]
fn a_name_of_the_facade() {
    let metrics = Registry::new("");
    metrics::with_local_recorder(&metrics, || metrics::counter!("sent", "a" => "b").increment(1));
    let message = "`sent_total` is a counter of the `metrics` facade already, so it cannot be a counter with the labels \
                   (a): define it alike in both places, or rename one";
    check(metrics.labels(["a"]).counter("sent", "Help."), Error::is_clash, message);
}

#[test]
fn an_error_leaves_the_registry_as_it_was() {
    let metrics = shop();
    metrics.histogram("pay", "Help.").unwrap();
    let before = metrics.encode(misc_metrics::Format::Text);
    metrics.gauge("pay_count", "Help.").unwrap_err();
    assert_eq!(metrics.encode(misc_metrics::Format::Text), before);
}

#[test]
fn the_label_of_overflow_is_reserved() {
    let error = Registry::new("shop").labels(["otel_metric_overflow"]).counter("sent", "Sent.").unwrap_err();
    assert!(error.is_invalid_name());
    assert_eq!(
        error.to_string(),
        "metric `shop_sent`: `otel_metric_overflow` is not a label name: it is reserved for series past the limit"
    );
}
