//! Gradual recovery: a share of calls that grows, instead of probes.

use std::{num::NonZeroU32, time::Duration};

use misc_resilience::{Breaker, BreakerState};

use super::{breaker, fail, quick, seconds, succeed};

/// One that has opened, and is to recover in 100 s.
async fn recovering() -> Breaker {
    let mut config = quick();
    config.recovery = Some(Duration::from_secs(100));
    let breaker = breaker(config);
    fail(&breaker, 10);
    seconds(60).await;
    assert_eq!(breaker.state(), BreakerState::Recovering);
    breaker
}

/// Returns the share of 2,000 calls that passes now; they count nothing.
fn share(breaker: &Breaker) -> f64 {
    f64::from((0..2_000).map(|_| u32::from(breaker.acquire().is_ok())).sum::<u32>()) / 2_000.0
}

#[tokio::test(start_paused = true)]
async fn the_share_of_calls_that_pass_grows() {
    fastrand::seed(7);
    let breaker = recovering().await;
    assert_eq!(share(&breaker), 0.0);
    for (passed, expected) in [(10, 0.072), (30, 0.231), (50, 0.414), (70, 0.625), (90, 0.866)] {
        let breaker = recovering().await;
        seconds(passed).await;
        let share = share(&breaker);
        assert!((share - expected).abs() < 0.04, "{share} of the calls pass after {passed} s, not {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_recovery_opens_it_again_for_longer() {
    fastrand::seed(7);
    let breaker = recovering().await;
    seconds(50).await;
    let mut failed = 0;
    while breaker.state() == BreakerState::Recovering {
        if let Ok(permit) = breaker.acquire() {
            permit.failure("it is still down");
            failed += 1;
        }
    }
    assert_eq!(failed, 3, "it is judged by as many calls as there are probes else");
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.status().retry_after, Some(Duration::from_secs(90)));
}

#[tokio::test(start_paused = true)]
async fn is_judged_at_half_of_the_shares_while_it_recovers() {
    fastrand::seed(7);
    let breaker = recovering().await;
    seconds(99).await;
    let mut outcomes = [true, true, true, false].into_iter().cycle();
    while breaker.state() == BreakerState::Recovering {
        if let Ok(permit) = breaker.acquire() {
            if outcomes.next() == Some(true) { permit.success() } else { permit.failure("now and then") }
        }
    }
    assert_eq!((breaker.state(), breaker.status().failure_ratio), (BreakerState::Open, 0.25));
}

#[tokio::test(start_paused = true)]
async fn a_clean_recovery_closes_it() {
    fastrand::seed(7);
    let breaker = recovering().await;
    for _ in 0..99 {
        seconds(1).await;
        if let Ok(permit) = breaker.acquire() {
            permit.success();
        }
        assert_eq!(breaker.state(), BreakerState::Recovering);
    }
    seconds(1).await;
    assert_eq!(breaker.state(), BreakerState::Closed);
    let status = breaker.status();
    assert_eq!((status.calls, status.reopened), (0, 0));
    succeed(&breaker, 100);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_in_which_the_few_calls_have_failed_does_not_close_it() {
    fastrand::seed(7);
    let breaker = recovering().await;
    seconds(99).await;
    let permit = std::iter::repeat_with(|| breaker.acquire()).find_map(Result::ok).unwrap();
    permit.failure("it is still down");
    assert_eq!(breaker.state(), BreakerState::Recovering, "one call is too few to judge by");
    seconds(1).await;
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_says_that_it_recovers() {
    let rejection = recovering().await.acquire().unwrap_err();
    let expected = "breaker `users` is recovering, and lets a part of the calls pass; the last error was: it is down";
    assert_eq!(rejection.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_do_not_dilute_a_recovery() {
    fastrand::seed(7);
    let breaker = recovering().await;
    seconds(50).await;
    assert!(share(&breaker) > 0.0);
    assert_eq!(breaker.status().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_end_a_recovery_too() {
    fastrand::seed(7);
    let mut config = quick();
    (config.recovery, config.consecutive_failures) = (Some(Duration::from_secs(100)), NonZeroU32::new(2));
    let breaker = breaker(config);
    fail(&breaker, 2);
    seconds(60).await;
    assert_eq!(breaker.state(), BreakerState::Recovering);
    seconds(50).await;
    let passed = || std::iter::repeat_with(|| breaker.acquire()).find_map(Result::ok).unwrap();
    passed().success();
    passed().failure("now and then");
    assert_eq!(breaker.state(), BreakerState::Recovering);
    passed().failure("again");
    assert_eq!(breaker.state(), BreakerState::Open);
}
