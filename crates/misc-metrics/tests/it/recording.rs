//! Recording: handles, guards and timers, from one thread and from many.

use std::{sync::Barrier, thread, time::Duration};

use misc_metrics::{Format, Registry};

use crate::support::value;

#[test]
fn the_same_name_is_the_same_series() {
    let metrics = Registry::new("shop");
    metrics.counter("orders_total", "Orders.").unwrap().inc();
    metrics.clone().counter("orders", "Orders, in other words.").unwrap().inc();
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    sent.with(["mail"]).inc();
    metrics.labels(["channel"]).counter("sent", "Sent.").unwrap().with([String::from("mail")]).inc();
    assert_eq!(value(&metrics, "shop_orders_total"), Some(2.0));
    assert_eq!(value(&metrics, "shop_sent_total{channel=\"mail\"}"), Some(2.0));
    let text = metrics.encode(Format::Text);
    assert!(text.contains("# HELP shop_orders_total Orders.\n"), "the first help stays: {text}");
}

#[test]
fn label_values_that_look_alike_are_different_series() {
    let metrics = Registry::new("shop");
    let pairs = metrics.labels(["a", "b"]).counter("pairs", "Pairs.").unwrap();
    let all = [["x", "yz"], ["xy", "z"], ["", "xyz"], ["xyz", ""]];
    all.iter().for_each(|pair| pairs.with(*pair).inc());
    assert!(all.iter().all(|pair| pairs.with(*pair).get() == 1));
}

#[test]
fn a_guard_lowers_the_gauge_when_it_is_dropped() {
    let metrics = Registry::new("shop");
    let jobs = metrics.gauge("jobs", "Jobs.").unwrap();
    let guard = jobs.inc_guard();
    jobs.add(2.5);
    assert_eq!(value(&metrics, "shop_jobs"), Some(3.5));
    drop(guard);
    jobs.dec();
    assert_eq!(value(&metrics, "shop_jobs"), Some(1.5));
}

#[tokio::test(start_paused = true)]
async fn a_timer_observes_when_it_is_stopped_or_dropped_and_not_when_it_is_discarded() {
    let metrics = Registry::new("shop");
    let pay = metrics.histogram("pay_seconds", "Pay.").unwrap();
    let (stopped, dropped, discarded) = (pay.timer(), pay.timer(), pay.timer());
    tokio::time::advance(Duration::from_millis(250)).await;
    assert_eq!(stopped.stop(), Duration::from_millis(250));
    discarded.discard();
    assert_eq!((pay.count(), pay.sum()), (1, 0.25));
    drop(dropped);
    assert_eq!((pay.count(), pay.sum()), (2, 0.5));
}

#[test]
fn what_is_not_finite_is_not_observed() {
    let metrics = Registry::new("shop");
    let pay = metrics.histogram("pay_seconds", "Pay.").unwrap();
    [f64::NAN, f64::INFINITY, 1.0].iter().for_each(|value| pay.observe_with(*value, [("id", "1")]));
    assert_eq!((pay.count(), pay.sum()), (1, 1.0));
}

#[test]
fn no_increment_is_lost_between_threads() {
    const THREADS: u32 = 8;
    const ROUNDS: u32 = 2_000;
    let metrics = Registry::new("shop");
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for round in 0..ROUNDS {
                    // All of it is looked up again each time, so that who is first changes.
                    let label = (round % 50).to_string();
                    metrics.labels(["n"]).counter("sent", "Sent.").unwrap().with([&*label]).inc();
                    metrics.labels(["n"]).gauge("level", "Level.").unwrap().with([&*label]).add(0.5);
                    metrics.histogram("pay_seconds", "Pay.").unwrap().observe(0.5);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                let text = metrics.encode(Format::Text);
                let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let infinite = of("shop_pay_seconds_bucket{le=\"+Inf\"}");
                assert_eq!(infinite, of("shop_pay_seconds_count"), "a scrape agrees with itself");
            }
        });
    });
    let sent = metrics.labels(["n"]).counter("sent", "Sent.").unwrap();
    let level = metrics.labels(["n"]).gauge("level", "Level.").unwrap();
    for n in 0..50 {
        assert_eq!(sent.with([n.to_string()]).get(), u64::from(THREADS * ROUNDS / 50));
        assert_eq!(level.with([n.to_string()]).get(), f64::from(THREADS * ROUNDS / 50) / 2.0);
    }
    let pay = metrics.histogram("pay_seconds", "Pay.").unwrap();
    assert_eq!((pay.count(), pay.sum()), (u64::from(THREADS * ROUNDS), f64::from(THREADS * ROUNDS) / 2.0));
}
