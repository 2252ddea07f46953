//! Calls of futures, and by hand.

use std::{
    fmt,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use misc_resilience::{BreakerState, Verdict};
use tokio::time::timeout;

use super::{DOWN, breaker, half_open, quick};

/// Polls a future once.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_call_returns_what_the_future_does() {
    let breaker = breaker(quick());
    assert_eq!(breaker.call(async { Ok::<_, &str>(7) }).await.unwrap(), 7);
    let error = breaker.call(async { Err::<(), _>(DOWN) }).await.unwrap_err();
    assert_eq!(error.into_inner().unwrap(), DOWN);
    let status = breaker.status();
    assert_eq!((status.calls, status.failures), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_until_a_call_is_polled() {
    let breaker = half_open().await;
    let _calls: Vec<_> = (0..9).map(|_| breaker.call(async { Ok::<_, &str>(()) })).collect();
    assert_eq!(breaker.status().probes, 0);
}

#[tokio::test(start_paused = true)]
async fn errors_that_do_not_count_are_as_if_there_had_been_no_call() {
    let breaker = breaker(quick());
    for _ in 0..100 {
        let error = breaker.call_if(async { Err::<(), _>("no such user") }, |error| *error == DOWN).await.unwrap_err();
        assert_eq!(error.inner(), Some(&"no such user"));
    }
    let status = breaker.status();
    assert_eq!((status.state, status.calls, status.last_error), (BreakerState::Closed, 0, None));
    breaker.call_if(async { Err::<(), _>(DOWN) }, |error| *error == DOWN).await.unwrap_err();
    assert_eq!(breaker.status().failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_judge_says_what_an_answer_means() {
    let breaker = breaker(quick());
    let judge = |answer: Result<&u16, &&str>| match answer {
        Ok(500..) => Verdict::Transient(None),
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::Ignored,
    };
    for answer in [Ok(200), Ok(503), Err("gone")] {
        assert_eq!(breaker.call_with(async { answer }, judge).await.ok(), answer.ok());
    }
    let status = breaker.status();
    assert_eq!((status.calls, status.failures), (2, 1));
    assert_eq!(status.last_error.as_deref(), Some("the answer is a failure"));
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_never_dilute() {
    let breaker = breaker(quick());
    for _ in 0..5 {
        breaker.call(async { Err::<(), _>(DOWN) }).await.unwrap_err();
        for _ in 0..10 {
            let call = breaker.call(pending::<Result<(), &str>>());
            timeout(Duration::from_secs(1), call).await.unwrap_err();
        }
    }
    let status = breaker.status();
    assert_eq!((status.calls, status.failures, status.consecutive_failures), (5, 5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_its_probe_back() {
    let breaker = half_open().await;
    for _ in 0..10 {
        let mut calls: Vec<_> = (0..3).map(|_| Box::pin(breaker.call(pending::<Result<(), &str>>()))).collect();
        for call in &mut calls {
            assert!(poll_once(call.as_mut()).await.is_none());
        }
        assert_eq!(breaker.status().probes, 3);
        let mut rejected = pin!(breaker.call(pending::<Result<(), &str>>()));
        assert!(poll_once(rejected.as_mut()).await.unwrap().unwrap_err().is_open());
    }
    assert_eq!((breaker.status().probes, breaker.state()), (0, BreakerState::HalfOpen));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_counts_nothing_and_gives_its_probe_back() {
    let breaker = half_open().await;
    let clone = breaker.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let panics = async { std::panic::resume_unwind(Box::new("a scripted panic")) };
        clone.call::<(), &str>(panics).await
    });
    assert!(tasks.join_next().await.unwrap().unwrap_err().is_panic());
    let status = breaker.status();
    assert_eq!((status.calls, status.probes), (0, 0));
}

struct Deep;

impl fmt::Display for Deep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ä".repeat(10_000).as_str())
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_one_text_of_bounded_length() {
    let breaker = breaker(quick());
    breaker.acquire().unwrap().failure("first");
    breaker.acquire().unwrap().failure("second");
    breaker.acquire().unwrap().success();
    assert_eq!(breaker.status().last_error.as_deref(), Some("second"));
    breaker.acquire().unwrap().failure(Deep);
    let kept = breaker.status().last_error.unwrap();
    assert_eq!(*kept, format!("{}…", "ä".repeat(250)));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_tells_the_last_error() {
    let breaker = breaker(quick());
    for _ in 0..10 {
        breaker.call(async { Err::<(), _>(DOWN) }).await.unwrap_err();
    }
    let error = breaker.call(async { Ok::<_, &str>(()) }).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().last_error(), Some(DOWN));
    assert_eq!(error.rejection().unwrap().by(), "users");
    assert_eq!(error.to_string(), "breaker `users` is open for another 60.0 s; the last error was: it is down");
}
