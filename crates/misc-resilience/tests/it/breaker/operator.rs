//! What an operator can ask of it.

use misc_resilience::{BreakerState, Mode};

use super::{breaker, fail, half_open, open, quick, seconds, succeed};

#[tokio::test(start_paused = true)]
async fn a_reset_closes_it_with_an_empty_window() {
    for breaker in [open(), half_open().await] {
        breaker.reset();
        let status = breaker.status();
        assert_eq!((status.state, status.calls, status.consecutive_failures), (BreakerState::Closed, 0, 0));
        assert_eq!((status.last_error, status.reopened), (None, 0));
        fail(&breaker, 9);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_a_reset_do_not_count() {
    let breaker = breaker(quick());
    let early: Vec<_> = (0..10).map(|_| breaker.acquire().unwrap()).collect();
    breaker.reset();
    early.into_iter().for_each(|permit| permit.failure("it was down"));
    let status = breaker.status();
    assert_eq!((status.state, status.calls, status.last_error), (BreakerState::Closed, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_trip_opens_it_for_the_usual_time() {
    let breaker = breaker(quick());
    breaker.trip();
    assert_eq!(breaker.state(), BreakerState::Open);
    seconds(60).await;
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn forced_open_it_rejects_until_it_is_reset() {
    let breaker = breaker(quick());
    breaker.force_open();
    seconds(1_000_000).await;
    let rejection = breaker.acquire().unwrap_err();
    assert_eq!((rejection.to_string().as_str(), rejection.retry_after()), ("breaker `users` is kept open", None));
    assert_eq!(breaker.state(), BreakerState::ForcedOpen);
    breaker.reset();
    succeed(&breaker, 1);
}

#[tokio::test(start_paused = true)]
async fn disabled_it_lets_all_pass_and_counts_none() {
    let breaker = open();
    breaker.disable();
    fail(&breaker, 100);
    let status = breaker.status();
    assert_eq!((status.state, status.calls, status.consecutive_failures), (BreakerState::Disabled, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn metrics_only_it_lets_all_pass_and_counts_them() {
    let breaker = open();
    breaker.metrics_only();
    fail(&breaker, 100);
    let status = breaker.status();
    assert_eq!((status.state, status.calls, status.failure_ratio), (BreakerState::MetricsOnly, 10, 1.0));
    assert_eq!(status.consecutive_failures, 100);
}

#[tokio::test(start_paused = true)]
async fn begins_in_the_mode_of_its_settings() {
    for (mode, state) in [
        (Mode::Automatic, BreakerState::Closed),
        (Mode::ForcedOpen, BreakerState::ForcedOpen),
        (Mode::Disabled, BreakerState::Disabled),
        (Mode::MetricsOnly, BreakerState::MetricsOnly),
    ] {
        let mut config = quick();
        config.mode = mode;
        let breaker = breaker(config);
        assert_eq!(breaker.state(), state);
        assert_eq!(breaker.acquire().is_ok(), state != BreakerState::ForcedOpen);
        breaker.reset();
        assert_eq!(breaker.state(), BreakerState::Closed, "whatever the mode was");
    }
}
