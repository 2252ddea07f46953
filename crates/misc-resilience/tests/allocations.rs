//! The way of a call that succeeds, behind a closed breaker, allocates nothing.

use std::{
    alloc::System,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use misc_resilience::{Breaker, BreakerConfig, Window};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn poll_now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_success_behind_a_closed_breaker_allocates_nothing() {
    let mut config = BreakerConfig::default();
    config.slow_call_duration = Some(Duration::from_secs(1));
    for window in [Window::Calls(100), Window::Time(Duration::from_secs(10))] {
        config.window = window;
        let breaker = Breaker::new("users", config.clone()).unwrap();
        let region = Region::new(ALLOCATOR);
        for _ in 0..1_000 {
            poll_now(breaker.call(ready(Ok::<_, &str>(())))).unwrap();
            breaker.acquire().unwrap().success();
        }
        assert_eq!(region.change().allocations, 0, "{window:?}");
    }
}
