//! When it opens, looks again, and closes.

use std::{num::NonZeroU32, time::Duration};

use misc_resilience::{Breaker, BreakerState, Error, Window};
use tokio::time::advance;

use super::{breaker, fail, half_open, open, quick, seconds, succeed};

#[tokio::test(start_paused = true)]
async fn stays_closed_below_its_share_of_failures() {
    let mut config = quick();
    config.failure_ratio = Some(0.3);
    let breaker = breaker(config);
    for _ in 0..20 {
        succeed(&breaker, 4);
        fail(&breaker, 1);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.status().failure_ratio, 0.2);
}

#[tokio::test(start_paused = true)]
async fn opens_at_its_share_of_failures() {
    let breaker = breaker(quick());
    succeed(&breaker, 5);
    fail(&breaker, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn is_not_judged_by_fewer_calls_than_the_minimum() {
    let breaker = breaker(quick());
    fail(&breaker, 9);
    assert_eq!(breaker.state(), BreakerState::Closed);
    // It need not be a failure that makes it enough.
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_calls_holds_the_last_ones() {
    let breaker = breaker(quick());
    fail(&breaker, 4);
    succeed(&breaker, 10);
    let status = breaker.status();
    assert_eq!((status.calls, status.failures), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_window_of_time_forgets_by_tenths() {
    let mut config = quick();
    (config.window, config.failure_ratio) = (Window::Time(Duration::from_secs(10)), Some(1.0));
    let breaker = breaker(config);
    fail(&breaker, 2);
    seconds(1).await;
    succeed(&breaker, 1);
    seconds(8).await;
    assert_eq!(breaker.status().calls, 3, "9 s are within 10 s");
    seconds(1).await;
    let status = breaker.status();
    assert_eq!((status.calls, status.failures), (1, 0));
    seconds(100).await;
    assert_eq!(breaker.status().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_however_few_calls_there_were() {
    let mut config = quick();
    config.consecutive_failures = NonZeroU32::new(3);
    let breaker = breaker(config);
    fail(&breaker, 2);
    succeed(&breaker, 1);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), BreakerState::Closed, "a success is between");
    breaker.acquire().unwrap().ignore();
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open, "what is ignored is not between");
}

async fn slow(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        let permit = breaker.acquire().expect("it passes");
        advance(Duration::from_millis(201)).await;
        permit.success();
    }
}

#[tokio::test(start_paused = true)]
async fn opens_at_its_share_of_slow_calls() {
    let mut config = quick();
    (config.slow_call_duration, config.slow_call_ratio) = (Some(Duration::from_millis(200)), 0.8);
    let breaker = breaker(config);
    succeed(&breaker, 1);
    let permit = breaker.acquire().unwrap();
    advance(Duration::from_millis(200)).await;
    permit.success(); // it took as long as it may
    slow(&breaker, 7).await;
    assert_eq!(breaker.state(), BreakerState::Closed);
    slow(&breaker, 1).await;
    assert_eq!(breaker.state(), BreakerState::Open);
    let status = breaker.status();
    assert_eq!((status.slow_calls, status.slow_call_ratio, status.failure_ratio), (8, 0.8, 0.0));
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_pass_while_it_is_open() {
    let breaker = open();
    let asked: Result<(), Error<&str>> = breaker.call(async { unreachable!("it is polled") }).await;
    let error = asked.unwrap_err();
    assert!(error.is_open());
    assert_eq!(breaker.status().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn looks_again_once_its_time_is_over() {
    let breaker = open();
    seconds(59).await;
    assert_eq!(breaker.acquire().unwrap_err().retry_after(), Some(Duration::from_secs(1)));
    seconds(1).await;
    breaker.acquire().unwrap().success();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn exactly_as_many_probes_pass_as_may() {
    let breaker = half_open().await;
    let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    assert_eq!(breaker.status().probes, 3);
    let rejection = breaker.acquire().unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "breaker `users` is half-open, and all of its probes are under way; the last error was: it is down"
    );
    assert_eq!(rejection.retry_after(), None);
    for probe in probes {
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        probe.success();
        if breaker.state() == BreakerState::HalfOpen {
            assert!(breaker.acquire().is_err(), "a probe that has ended is not made again");
        }
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.status().calls, 0, "it begins with an empty window");
}

#[tokio::test(start_paused = true)]
async fn a_probe_given_back_is_made_again() {
    let breaker = half_open().await;
    for _ in 0..10 {
        let probes: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
        assert!(breaker.acquire().is_err());
        for (n, probe) in probes.into_iter().enumerate() {
            if n % 2 == 0 { drop(probe) } else { probe.ignore() }
        }
    }
    assert_eq!((breaker.state(), breaker.status().probes), (BreakerState::HalfOpen, 0));
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn opens_again_as_soon_as_its_probes_cannot_pass() {
    let breaker = half_open().await;
    fail(&breaker, 1); // one of three is below a half
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.status().failures, 2, "by which it has opened");
}

#[tokio::test(start_paused = true)]
async fn without_a_share_that_may_fail_no_probe_may() {
    let mut config = quick();
    (config.failure_ratio, config.consecutive_failures) = (None, NonZeroU32::new(5));
    let breaker = breaker(config);
    fail(&breaker, 5);
    seconds(60).await;
    succeed(&breaker, 2);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn slow_probes_open_it_again() {
    let mut config = quick();
    config.slow_call_duration = Some(Duration::from_millis(200));
    let breaker = breaker(config);
    fail(&breaker, 10);
    seconds(60).await;
    slow(&breaker, 2).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "not all of them are slow yet");
    slow(&breaker, 1).await;
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn probes_that_take_too_long_open_it_again() {
    let mut config = quick();
    config.half_open_timeout = Some(Duration::from_secs(5));
    let breaker = breaker(config);
    fail(&breaker, 10);
    seconds(60).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    seconds(100).await; // nobody has probed yet
    let probe = breaker.acquire().unwrap();
    seconds(4).await;
    let _later = breaker.acquire().unwrap(); // the time runs from the first
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    seconds(1).await;
    assert_eq!(breaker.state(), BreakerState::Open);
    probe.success(); // too late
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_probes_that_were_all_given_back_begins_anew() {
    for ignored in [false, true] {
        let mut config = quick();
        config.half_open_timeout = Some(Duration::from_secs(5));
        let breaker = breaker(config);
        fail(&breaker, 10);
        seconds(60).await;
        let probe = breaker.acquire().unwrap();
        seconds(1).await;
        if ignored {
            probe.ignore();
        } else {
            drop(probe);
        }
        seconds(9).await;
        assert_eq!((breaker.state(), breaker.status().reopened), (BreakerState::HalfOpen, 0));
        let probe = breaker.acquire().unwrap();
        seconds(4).await;
        drop(breaker.acquire().unwrap()); // the other one is under way
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        seconds(1).await;
        assert_eq!(breaker.state(), BreakerState::Open);
        drop(probe);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_probes_runs_on_once_one_has_ended() {
    let mut config = quick();
    config.half_open_timeout = Some(Duration::from_secs(5));
    let breaker = breaker(config);
    fail(&breaker, 10);
    seconds(60).await;
    succeed(&breaker, 1);
    drop(breaker.acquire().unwrap());
    seconds(5).await;
    assert_eq!(breaker.state(), BreakerState::Open);
}

fn open_for(breaker: &Breaker) -> f64 {
    breaker.status().retry_after.expect("it is open").as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn stays_open_longer_each_time_up_to_a_maximum() {
    let mut config = quick();
    (config.open_growth, config.max_open_duration) = (2.0, Duration::from_secs(300));
    let breaker = breaker(config);
    fail(&breaker, 10);
    let mut times = Vec::new();
    for reopened in 0..5 {
        assert_eq!(breaker.status().reopened, reopened);
        times.push(open_for(&breaker));
        advance(breaker.status().retry_after.unwrap()).await;
        fail(&breaker, 2);
    }
    assert_eq!(times, [60.0, 120.0, 240.0, 300.0, 300.0]);
}

#[tokio::test(start_paused = true)]
async fn a_clean_close_resets_how_long_it_stays_open() {
    let breaker = half_open().await;
    fail(&breaker, 2);
    assert_eq!(open_for(&breaker), 90.0);
    seconds(90).await;
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 10);
    assert_eq!((open_for(&breaker), breaker.status().reopened), (60.0, 0));
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_by_at_most_its_share() {
    let mut times = Vec::new();
    for _ in 0..200 {
        let mut config = quick();
        config.open_jitter = 0.2;
        let breaker = breaker(config);
        breaker.trip();
        times.push(open_for(&breaker));
    }
    assert!(times.iter().all(|time| (48.0..=60.0).contains(time)), "{times:?}");
    times.sort_by(f64::total_cmp);
    times.dedup();
    assert!(times.len() > 100, "they are random");
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_change_counts_nothing_after_it() {
    let breaker = breaker(quick());
    let early: Vec<_> = (0..20).map(|_| breaker.acquire().unwrap()).collect();
    fail(&breaker, 10);
    seconds(60).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let mut early = early.into_iter();
    for permit in early.by_ref().take(10) {
        permit.success();
    }
    assert_eq!(breaker.status().calls, 0, "they are no probes");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    succeed(&breaker, 3);
    for permit in early {
        permit.failure("it was down");
    }
    let status = breaker.status();
    assert_eq!((status.state, status.calls, status.consecutive_failures), (BreakerState::Closed, 0, 0));
    assert_eq!(status.last_error.as_deref(), Some("it is down"));
}
