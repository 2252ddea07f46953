//! Many callers at once, on real threads.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use misc_resilience::{BreakerState, Error};
use tokio::{
    sync::{Barrier, Semaphore},
    task::JoinSet,
};

use super::{breaker, fail, quick};

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_callers_exactly_as_many_probe_as_may() {
    for _ in 0..50 {
        let mut config = quick();
        (config.open_duration, config.half_open_calls) = (Duration::from_nanos(1), NonZeroU32::new(7).unwrap());
        let breaker = breaker(config);
        breaker.trip();
        let (start, end) = (Arc::new(Barrier::new(CALLERS)), Arc::new(Semaphore::new(0)));
        let polled = Arc::new(AtomicU32::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (breaker, start, end, polled) =
                (breaker.clone(), Arc::clone(&start), Arc::clone(&end), Arc::clone(&polled));
            callers.spawn(async move {
                start.wait().await;
                let call = async {
                    polled.fetch_add(1, Ordering::SeqCst);
                    end.acquire().await.map(drop)
                };
                breaker.call(call).await
            });
        }
        // Those that are rejected end first, since the others wait for them.
        for _ in 0..CALLERS - 7 {
            let rejected: Result<(), Error<_>> = callers.join_next().await.unwrap().unwrap();
            assert!(rejected.unwrap_err().is_open());
        }
        assert_eq!(breaker.status().probes, 7);
        end.add_permits(CALLERS);
        while let Some(probed) = callers.join_next().await {
            probed.unwrap().unwrap();
        }
        assert_eq!((polled.load(Ordering::SeqCst), breaker.state()), (7, BreakerState::Closed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_outcome_is_lost() {
    let mut config = quick();
    config.minimum_calls = 10;
    let breaker = breaker(config);
    breaker.metrics_only();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let breaker = breaker.clone();
        callers.spawn(async move { fail(&breaker, 500) });
    }
    callers.join_all().await;
    let status = breaker.status();
    assert_eq!((status.calls, status.failures, status.consecutive_failures), (10, 10, 32_000));
}
