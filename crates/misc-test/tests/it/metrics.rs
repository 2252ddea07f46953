//! Captured metrics.

use misc_core::{App, Context};
use misc_test::{Metrics, TestApp};

use tokio::time::Instant;

use crate::support::{check_says, idle, panic_in, panic_of, secs};

/// Returns some metrics of each kind.
fn some() -> Metrics {
    let metrics = Metrics::new();
    let meter = metrics.meter();
    let mail = meter.label("queue", "mail");
    mail.label("ok", "true").counter("jobs_total", "Jobs.").increment(3);
    mail.label("ok", "false").counter("jobs_total", "Jobs.").increment(1);
    meter.label("queue", "sms").counter("jobs_total", "Jobs.").increment(10);
    meter.gauge("connections", "Connections.").set(2.5);
    let seconds = meter.histogram("job_duration_seconds", "Durations.");
    seconds.record(0.5);
    seconds.record(1.5);
    metrics
}

#[test]
fn a_series_is_found_by_some_of_its_labels_and_several_are_added_up() {
    let metrics = some();
    metrics.assert_metric("jobs_total", &[("queue", "mail"), ("ok", "true")], 3.0);
    metrics.assert_metric("jobs_total", &[("queue", "mail")], 4.0);
    metrics.assert_metric("jobs_total", &[], 14.0);
    assert_eq!(metrics.value("jobs_total", &[("queue", "fax")]), None);
}

#[test]
fn gauges_go_up_and_down() {
    let metrics = some();
    let gauge = metrics.meter().gauge("connections", "Connections.");
    gauge.increment(1.0);
    gauge.decrement(0.5);
    let tracked = gauge.track();
    metrics.assert_metric("connections", &[], 4.0);
    drop(tracked);
    metrics.assert_metric("connections", &[], 3.0);
}

#[test]
fn histograms_keep_their_values() {
    let metrics = some();
    assert_eq!(metrics.values("job_duration_seconds", &[]), [0.5, 1.5]);
    assert!(metrics.values("nothing", &[]).is_empty());
}

#[test]
fn values_are_equal_to_nine_digits() {
    let metrics = Metrics::new();
    let gauge = metrics.meter().gauge("level", "A level.");
    gauge.set(0.1 + 0.2);
    metrics.assert_metric("level", &[], 0.3);
    check_says(&panic_in(|| metrics.assert_metric("level", &[], 0.300_000_01)), &["not 0.30000001"]);
}

#[test]
fn another_value_is_told() {
    let text = panic_in(|| some().assert_metric("jobs_total", &[("queue", "mail")], 5.0));
    check_says(&text, &["`jobs_total{queue=\"mail\"}` is 4, not 5", "  jobs_total{queue=\"mail\", ok=\"true\"} 3"]);
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_first() {
    let text = panic_in(|| some().assert_metric("job_total", &[], 5.0));
    check_says(&text, &["there is no metric `job_total`; there are:\n  jobs_total{"]);
    check_says(&text, &["\n  connections 2.5", "\n  job_duration_seconds [0.5, 1.5]"]);
    let text = panic_in(|| some().assert_metric("job_duration_secs", &[], 5.0));
    check_says(&text, &["there are:\n  job_duration_seconds [0.5, 1.5]\n"]);
    let text = panic_in(|| Metrics::new().assert_metric("job_total", &[], 5.0));
    check_says(&text, &["there are no metrics: is `Metrics::meter` the app's?"]);
}

#[test]
fn a_mistake_in_kind_is_told() {
    let metrics = some();
    check_says(&panic_in(|| metrics.value("job_duration_seconds", &[])), &["is a histogram: use `values`"]);
    check_says(&panic_in(|| metrics.values("jobs_total", &[])), &["is a counter: use `value`"]);
    let text = panic_in(|| metrics.meter().gauge("jobs_total", "Jobs."));
    check_says(&text, &["`jobs_total` is registered as a gauge, and was as a counter before"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_app_measures_is_there() {
    let metrics = Metrics::new();
    let counts = async |ctx: Context| {
        ctx.meter().counter("jobs_total", "Jobs.").increment(2);
        idle(ctx).await
    };
    let app = TestApp::start(App::new("shop").meter(metrics.meter()).service("jobs", counts)).await;
    metrics.assert_metric("jobs_total", &[], 2.0);
    app.stop().await.assert_ok();
    metrics.assert_metric("misc_service_transitions_total", &[("service", "jobs"), ("phase", "stopped")], 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_waited_for() {
    let metrics = Metrics::new();
    let counts = async |ctx: Context| {
        let jobs = ctx.meter().counter("jobs_total", "Jobs.");
        ctx.ready();
        for _ in 0..3 {
            tokio::time::sleep(secs(60)).await;
            jobs.increment(1);
        }
        Ok(())
    };
    let app = TestApp::start(App::new("shop").meter(metrics.meter()).service("jobs", counts)).await;
    metrics.until("jobs_total", &[], 3.0).await;
    app.ended().await.assert_ok();
    let text = panic_of(metrics.until("jobs_total", &[], 4.0)).await;
    check_says(&text, &["`jobs_total` is 3, and did not become 4 within 3600s"]);
}

#[tokio::test]
async fn a_counter_that_has_gone_past_the_value_was_waited_for() {
    let metrics = some();
    metrics.until("jobs_total", &[("queue", "mail")], 2.0).await;
    metrics.until("jobs_total", &[], 13.5).await;
}

#[tokio::test(start_paused = true)]
async fn a_gauge_is_waited_for_until_it_has_exactly_the_value() {
    let metrics = some();
    let text = panic_of(metrics.until("connections", &[], 2.0)).await;
    check_says(&text, &["`connections` is 2.5, and did not become 2 within 3600s"]);
    metrics.until("connections", &[], 2.5).await;
}

#[test]
fn a_series_is_found_without_a_look_at_all_others() {
    let metrics = Metrics::new();
    let meter = metrics.meter();
    let began = Instant::now();
    for at in 0..50_000 {
        meter.label("at", at.to_string()).counter("jobs_total", "Jobs.").increment(1);
    }
    // Half a second; and minutes, if each had to be compared with all before it.
    assert!(began.elapsed() < secs(15), "{:?}", began.elapsed());
    metrics.assert_metric("jobs_total", &[], 50_000.0);
}
