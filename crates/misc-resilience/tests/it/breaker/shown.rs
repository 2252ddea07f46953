//! What is told of it: metrics, listeners, status, health.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::Context;
use misc_resilience::{Breaker, BreakerConfig, BreakerState};
use misc_test::{Logs, Metrics, TestApp};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{breaker, fail, open, quick, seconds, succeed};

const CALLS: &str = "circuit_breaker_calls_total";
const STATE: &str = "circuit_breaker_state";
const TRANSITIONS: &str = "circuit_breaker_transitions_total";

fn measured(config: BreakerConfig) -> (Breaker, Metrics) {
    let metrics = Metrics::new();
    (breaker(config).meter(&metrics.meter()), metrics)
}

#[tokio::test(start_paused = true)]
async fn every_series_is_there_from_the_start() {
    let (_breaker, metrics) = measured(quick());
    for outcome in ["success", "failure", "ignored", "cancelled", "rejected"] {
        assert_eq!(metrics.value(CALLS, &[("name", "users"), ("outcome", outcome)]), Some(0.0), "{outcome}");
    }
    for state in ["closed", "open", "half_open", "recovering", "forced_open", "disabled", "metrics_only"] {
        let expected = f64::from(u8::from(state == "closed"));
        metrics.assert_metric(STATE, &[("name", "users"), ("state", state)], expected);
        assert_eq!(metrics.value(TRANSITIONS, &[("name", "users"), ("state", state)]), Some(0.0), "{state}");
    }
    for name in ["circuit_breaker_slow_calls_total", "circuit_breaker_failure_ratio", "circuit_breaker_slow_call_ratio"]
    {
        assert_eq!(metrics.value(name, &[("name", "users")]), Some(0.0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_is_counted_by_what_became_of_it() {
    let mut config = quick();
    config.slow_call_duration = Some(Duration::from_secs(1));
    let (breaker, metrics) = measured(config);
    breaker.acquire().unwrap().ignore();
    drop(breaker.acquire().unwrap());
    let slow = breaker.acquire().unwrap();
    seconds(2).await;
    slow.success();
    succeed(&breaker, 3);
    fail(&breaker, 6);
    breaker.acquire().unwrap_err();
    for (outcome, calls) in
        [("success", 4.0), ("failure", 6.0), ("ignored", 1.0), ("cancelled", 1.0), ("rejected", 1.0)]
    {
        metrics.assert_metric(CALLS, &[("outcome", outcome)], calls);
    }
    metrics.assert_metric("circuit_breaker_slow_calls_total", &[], 1.0);
    metrics.assert_metric("circuit_breaker_failure_ratio", &[], 0.6);
    metrics.assert_metric("circuit_breaker_slow_call_ratio", &[], 0.1);
}

#[tokio::test(start_paused = true)]
async fn one_state_is_1_and_each_coming_into_it_is_counted() {
    let (breaker, metrics) = measured(quick());
    fail(&breaker, 10);
    metrics.assert_metric(STATE, &[("state", "open")], 1.0);
    metrics.assert_metric(STATE, &[], 1.0);
    seconds(60).await;
    fail(&breaker, 2);
    seconds(90).await;
    succeed(&breaker, 3);
    metrics.assert_metric(STATE, &[("state", "closed")], 1.0);
    metrics.assert_metric(STATE, &[], 1.0);
    for (state, times) in [("open", 2.0), ("half_open", 2.0), ("closed", 1.0)] {
        metrics.assert_metric(TRANSITIONS, &[("state", state)], times);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_brings_the_metrics_up_to_date() {
    let (breaker, metrics) = measured(quick());
    fail(&breaker, 10);
    seconds(60).await;
    metrics.assert_metric(STATE, &[("state", "open")], 1.0);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    metrics.assert_metric(STATE, &[("state", "half_open")], 1.0);
    metrics.assert_metric("circuit_breaker_failure_ratio", &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn rates_are_those_of_the_state_that_begins() {
    let (breaker, metrics) = measured(quick());
    fail(&breaker, 10);
    metrics.assert_metric("circuit_breaker_failure_ratio", &[], 1.0); // by which it has opened
    seconds(60).await;
    let _probe = breaker.acquire().unwrap();
    metrics.assert_metric("circuit_breaker_failure_ratio", &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_comes_late_shows_the_state_as_it_is() {
    let metrics = Metrics::new();
    let _breaker = open().meter(&metrics.meter());
    metrics.assert_metric(STATE, &[("state", "open")], 1.0);
    metrics.assert_metric("circuit_breaker_failure_ratio", &[], 1.0);
}

#[tokio::test(start_paused = true)]
async fn watched_it_changes_when_it_is_due() {
    let mut config = quick();
    config.half_open_timeout = Some(Duration::from_secs(5));
    let (breaker, metrics) = measured(config);
    let watch = breaker.watch();
    let story = async {
        fail(&breaker, 10);
        let opened = Instant::now();
        metrics.until(STATE, &[("state", "half_open")], 1.0).await;
        assert_eq!(opened.elapsed().as_secs(), 60);
        sleep(Duration::from_secs(100)).await;
        let _probe = breaker.acquire().unwrap();
        let probed = Instant::now();
        metrics.until(STATE, &[("state", "open")], 1.0).await;
        assert_eq!(probed.elapsed().as_secs(), 5);
        breaker.reset();
        metrics.assert_metric(STATE, &[("state", "closed")], 1.0);
    };
    tokio::select! {
        () = story => {}
        () = watch => unreachable!("it never ends"),
    }
}

/// What a listener has heard.
type Heard = Arc<Mutex<Vec<String>>>;

#[tokio::test(start_paused = true)]
async fn listeners_hear_of_changes_in_order_and_may_use_the_breaker() {
    let heard = Heard::default();
    let breaker = breaker(quick());
    let (notes, inner) = (Arc::clone(&heard), breaker.clone());
    let first = breaker.on_transition(move |change| {
        // What it brings about is told when this is.
        if change.to == BreakerState::HalfOpen {
            inner.force_open();
        }
        notes.lock().unwrap().push(format!("1: {} -> {}", change.from, change.to));
    });
    let notes = Arc::clone(&heard);
    let breaker = first.on_transition(move |change| {
        notes.lock().unwrap().push(format!("2: {} -> {}", change.from, change.to));
    });
    fail(&breaker, 10);
    seconds(60).await;
    drop(breaker.acquire().unwrap());
    breaker.reset();
    let expected = [
        "1: closed -> open",
        "2: closed -> open",
        "1: open -> half_open",
        "2: open -> half_open",
        "1: half_open -> forced_open",
        "2: half_open -> forced_open",
        "1: forced_open -> closed",
        "2: forced_open -> closed",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_is_logged_and_harms_nobody() {
    let logs = Logs::capture();
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let breaker = breaker(quick())
        .on_transition(|_| std::panic::resume_unwind(Box::new("a scripted panic")))
        .on_transition(move |change| notes.lock().unwrap().push(change.to.to_string()));
    breaker.force_open();
    breaker.reset();
    assert_eq!(*heard.lock().unwrap(), ["forced_open", "closed"]);
    logs.assert_logged("a listener has panicked");
}

#[tokio::test(start_paused = true)]
async fn a_change_says_what_led_to_it() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    let breaker = breaker(quick()).on_transition(move |change| notes.lock().unwrap().push(change.clone()));
    succeed(&breaker, 4);
    fail(&breaker, 6);
    let heard = heard.lock().unwrap();
    let [change] = &heard[..] else { panic!("one change: {heard:?}") };
    assert_eq!((&*change.breaker, change.from, change.to), ("users", BreakerState::Closed, BreakerState::Open));
    assert_eq!((change.calls, change.failure_ratio, change.slow_call_ratio), (10, 0.6, 0.0));
    assert_eq!(change.open_for.unwrap().as_secs(), 60);
    assert_eq!(change.last_error.as_deref(), Some("it is down"));
}

#[tokio::test(start_paused = true)]
async fn no_change_is_told_when_there_is_none() {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let breaker = breaker(quick()).on_transition(move |change| notes.lock().unwrap().push(change.to.to_string()));
    breaker.reset();
    breaker.trip();
    breaker.trip();
    assert_eq!(*heard.lock().unwrap(), ["open"]);
}

#[tokio::test(start_paused = true)]
async fn changes_are_logged_with_their_reason() {
    let logs = Logs::capture();
    let breaker = open();
    logs.assert_logged("WARN misc_resilience: breaker opened breaker=users from=closed to=open");
    logs.assert_logged("last_error=it is down");
    breaker.reset();
    logs.assert_logged("INFO misc_resilience: breaker changed breaker=users from=open to=closed");
}

#[tokio::test(start_paused = true)]
async fn a_status_is_serialisable() {
    let breaker = open();
    seconds(15).await;
    breaker.acquire().unwrap_err();
    let expected = json!({
        "name": "users",
        "state": "open",
        "state_age_seconds": 15.0,
        "retry_after_seconds": 45.0,
        "calls": 10,
        "failures": 10,
        "slow_calls": 0,
        "failure_ratio": 1.0,
        "slow_call_ratio": 0.0,
        "consecutive_failures": 10,
        "probes": 0,
        "reopened": 0,
        "rejected": 1,
        "last_error": "it is down",
    });
    assert_eq!(serde_json::to_value(breaker.status()).unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn is_seen_in_the_status_of_its_service() {
    let breaker = breaker(quick());
    let inspected = breaker.clone();
    let app = TestApp::service(async move |ctx: Context| {
        ctx.inspect("breaker", move || inspected.status());
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    })
    .await;
    fail(&breaker, 10);
    let status = serde_json::to_value(app.handle().status()).unwrap();
    let inspected = &status["children"][0]["inspected"][0];
    assert_eq!((&inspected["name"], &inspected["value"]["state"]), (&json!("breaker"), &json!("open")), "{status}");
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn is_unhealthy_while_no_call_passes() {
    let breaker = breaker(quick());
    let healthy = breaker.healthy();
    healthy().await.unwrap();
    fail(&breaker, 10);
    let expected = "breaker `users` is open for another 60.0 s; the last error was: it is down";
    assert_eq!(healthy().await.unwrap_err().to_string(), expected);
    assert_eq!(breaker.status().rejected, 0, "a check is no call");
    seconds(60).await;
    healthy().await.expect("else an instance that gets no calls would stay out for ever");
    breaker.force_open();
    assert_eq!(
        healthy().await.unwrap_err().to_string(),
        "breaker `users` is kept open; the last error was: it is down"
    );
    breaker.disable();
    healthy().await.unwrap();
}
