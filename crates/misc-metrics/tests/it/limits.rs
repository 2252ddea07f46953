//! How many series there are at most, and when one goes.

use std::{num::NonZeroUsize, time::Duration};

use misc_metrics::{Format, Registry};
use misc_test::Logs;
use tokio::time::advance;

use crate::support::value;

const MINUTE: Duration = Duration::from_secs(60);

fn limited(limit: usize) -> Registry {
    Registry::new("shop").series_limit(NonZeroUsize::new(limit).unwrap())
}

#[test]
fn what_goes_beyond_the_limit_is_recorded_as_overflow_and_counted() {
    let metrics = limited(3);
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    for channel in 0..10 {
        sent.with([channel.to_string()]).inc();
    }
    sent.with(["0"]).inc();
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"0\"}"), Some(2.0), "those that are there go on");
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"3\"}"), None);
    assert_eq!(value(&metrics, "shop_sent_total{otel_metric_overflow=\"true\"}"), Some(7.0));
    assert_eq!(value(&metrics, "metrics_series_overflow_total{metric=\"shop_sent_total\"}"), Some(7.0));
}

#[test]
fn the_limit_is_2000_for_each_metric() {
    let metrics = Registry::new("shop");
    let [one, other] = ["one", "other"].map(|name| metrics.labels(["id"]).gauge(name, "Help.").unwrap());
    for id in 0..2_001 {
        one.with([id.to_string()]).set(1.0);
        other.with([id.to_string()]).set(1.0);
    }
    let text = metrics.encode(Format::Text);
    assert_eq!(text.lines().filter(|line| line.starts_with("shop_one{id=")).count(), 2_000);
    assert_eq!(text.lines().filter(|line| line.starts_with("shop_other{id=")).count(), 2_000);
    assert_eq!(text.lines().filter(|line| line.contains("otel_metric_overflow=\"true\"")).count(), 2);
}

#[test]
fn the_limit_holds_for_the_facade() {
    let metrics = limited(2);
    metrics::with_local_recorder(&metrics, || {
        for id in 0..5 {
            metrics::counter!("hits", "id" => id.to_string()).increment(1);
        }
    });
    assert_eq!(value(&metrics, "hits_total{otel_metric_overflow=\"true\"}"), Some(3.0));
}

#[test]
fn a_metric_that_overflows_is_logged_once() {
    let logs = Logs::capture();
    let metrics = limited(1);
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    for channel in 0..10 {
        sent.with([channel.to_string()]).inc();
    }
    let lines: Vec<_> = logs.lines().into_iter().map(|line| line.to_string()).collect();
    assert_eq!(lines.iter().filter(|line| line.contains("too many series")).count(), 1, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_series_that_nobody_uses_goes_after_a_while() {
    let metrics = Registry::new("shop").expire_after(10 * MINUTE);
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    let plain = metrics.counter("orders", "Orders.").unwrap();
    plain.inc();
    drop(plain);
    ["idle", "changing"].iter().for_each(|channel| sent.with([channel]).inc());
    let held = sent.with(["held"]);
    for _ in 0..4 {
        advance(5 * MINUTE).await;
        sent.with(["changing"]).inc();
        drop(metrics.encode(Format::Text));
    }
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"idle\"}"), None);
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"changing\"}"), Some(5.0));
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"held\"}"), Some(0.0));
    assert_eq!(value(&metrics, "shop_orders_total"), Some(1.0), "without labels it stays");
    // What is looked up after a removal is what was there before.
    assert_eq!(sent.with(["changing"]).get(), 5);
    drop(held);
    advance(5 * MINUTE).await;
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"held\"}"), Some(0.0), "the while begins when it is let go");
    advance(5 * MINUTE).await;
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"held\"}"), None);
    sent.with(["idle"]).inc();
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"idle\"}"), Some(1.0), "one that comes back begins at zero");
}

#[tokio::test(start_paused = true)]
async fn histograms_gauges_and_series_of_the_facade_go_too_and_the_build_stays() {
    let metrics = Registry::new("shop").expire_after(MINUTE);
    metrics.build_info("1.2.3", "abc").unwrap();
    metrics.labels(["a"]).histogram("pay_seconds", "Pay.").unwrap().with(["x"]).observe(1.0);
    metrics.labels(["a"]).gauge("level", "Level.").unwrap().with(["x"]).set(1.0);
    metrics::with_local_recorder(&metrics, || metrics::counter!("hits", "a" => "x").increment(1));
    assert_eq!(metrics.encode(Format::Text).matches("a=\"x\"").count(), 15 + 2 + 2);
    advance(MINUTE).await;
    let text = metrics.encode(Format::Text);
    assert_eq!(text.matches("a=\"x\"").count(), 0, "{text}");
    assert!(text.contains("shop_build_info{version=\"1.2.3\",revision=\"abc\"} 1\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_goes_makes_room_under_the_limit() {
    let metrics = limited(1).expire_after(MINUTE);
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    sent.with(["mail"]).inc();
    drop(metrics.encode(Format::Text));
    advance(MINUTE).await;
    drop(metrics.encode(Format::Text));
    sent.with(["sms"]).inc();
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"sms\"}"), Some(1.0));
}

#[test]
fn a_series_that_somebody_holds_stays_the_same_while_others_come_and_go() {
    let metrics = Registry::new("shop").expire_after(Duration::from_millis(1));
    let sent = metrics.labels(["id"]).counter("sent", "Sent.").unwrap();
    std::thread::scope(|scope| {
        let workers = [0, 1].map(|thread| {
            let sent = &sent;
            scope.spawn(move || {
                for round in 0..3_000 {
                    let id = format!("{thread}-{}", round % 700);
                    let held = sent.with([&*id]);
                    let before = held.get();
                    sent.with([&*id]).inc();
                    assert_eq!(held.get(), before + 1, "{id} is one series");
                }
            })
        });
        while workers.iter().any(|worker| !worker.is_finished()) {
            drop(metrics.encode(Format::Text));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_series_that_is_looked_up_is_used_even_if_its_value_stays() {
    let metrics = Registry::new("shop").expire_after(10 * MINUTE);
    let levels = metrics.labels(["tank"]).gauge("level", "Level.").unwrap();
    for _ in 0..6 {
        levels.with(["full"]).set(1.0);
        advance(4 * MINUTE).await;
        assert_eq!(value(&metrics, "shop_level{tank=\"full\"}"), Some(1.0));
    }
    advance(10 * MINUTE).await;
    assert_eq!(value(&metrics, "shop_level{tank=\"full\"}"), None);
}

#[tokio::test(start_paused = true)]
async fn those_that_stay_are_found_after_many_have_gone() {
    let metrics = Registry::new("shop").expire_after(MINUTE);
    let sent = metrics.labels(["id"]).counter("sent", "Sent.").unwrap();
    let held: Vec<_> =
        (0..1_500).map(|id| sent.with([id.to_string()])).enumerate().filter(|(id, _)| id % 3 == 1).collect();
    held.iter().for_each(|(_, counter)| counter.inc());
    drop(metrics.encode(Format::Text));
    advance(MINUTE).await;
    assert_eq!(metrics.encode(Format::Text).lines().count(), 2 + held.len());
    for (id, counter) in &held {
        sent.with([id.to_string()]).inc();
        assert_eq!(counter.get(), 2, "{id} is one series");
    }
    sent.with(["0"]).inc();
    assert_eq!(value(&metrics, "shop_sent_total{id=\"0\"}"), Some(1.0));
    assert_eq!(metrics.encode(Format::Text).lines().count(), 3 + held.len());
}
