//! The way of a call that succeeds at once, under a whole policy, allocates nothing. One test, since it counts for the process.

use std::{
    alloc::System,
    convert::Infallible,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use misc_resilience::Policy;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::{Layer, Service, service_fn};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn poll_now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_success_under_the_default_policy_allocates_nothing() {
    let policy = Policy::new("users");
    let answer = |_: Request<()>| ready(Ok::<_, Infallible>(Response::new(())));
    let mut service = policy.layer().layer(service_fn(answer));
    let region = Region::new(ALLOCATOR);
    for _ in 0..1_000 {
        poll_now(policy.call(|| ready(Ok::<_, &str>(())))).unwrap();
        poll_now(service.call(Request::new(()))).unwrap();
    }
    assert_eq!(region.change().allocations, 0);
}
