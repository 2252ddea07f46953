//! How many calls may be under way at once.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::Deadline;
use misc_resilience::{Bulkhead, BulkheadConfig};
use misc_test::Metrics;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn bulkhead(limit: u32, waiting: u32, wait: Duration) -> Bulkhead {
    let mut config = BulkheadConfig::default();
    (config.limit, config.waiting, config.wait) = (limit, waiting, wait);
    Bulkhead::new("users", config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_the_limit_are_under_way() {
    let bulkhead = bulkhead(2, 10, MS(1_000));
    let mut calls = JoinSet::new();
    let began = Instant::now();
    for _ in 0..6 {
        let bulkhead = bulkhead.clone();
        calls.spawn(async move {
            let call = async {
                assert!(bulkhead.in_flight() <= 2);
                sleep(MS(10)).await;
                Ok::<_, io::Error>(())
            };
            bulkhead.call(call).await.unwrap();
        });
    }
    calls.join_all().await;
    assert_eq!(began.elapsed(), MS(30));
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_bounded_time() {
    let bulkhead = bulkhead(1, 10, MS(100));
    let slot = bulkhead.acquire().await.unwrap();
    let began = Instant::now();
    let error = bulkhead.call(async { Ok::<_, io::Error>(()) }).await.unwrap_err();
    assert_eq!(began.elapsed(), MS(100));
    assert!(error.is_full());
    assert_eq!(error.to_string(), "bulkhead `users` is full: 1 calls were under way for 0.1 s");
    drop(slot);
    bulkhead.call(async { Ok::<_, io::Error>(()) }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_a_call_is_rejected_at_once() {
    let bulkhead = bulkhead(1, 10, Duration::ZERO);
    let _slot = bulkhead.try_acquire().unwrap();
    let began = Instant::now();
    assert!(bulkhead.acquire().await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(bulkhead.try_acquire().unwrap_err().to_string(), "bulkhead `users` is full: 1 calls were under way");
}

#[tokio::test(start_paused = true)]
async fn a_bounded_number_of_calls_waits() {
    let bulkhead = bulkhead(1, 2, MS(1_000));
    let slot = bulkhead.acquire().await.unwrap();
    let mut waiters = JoinSet::new();
    for _ in 0..2 {
        let bulkhead = bulkhead.clone();
        waiters.spawn(async move { drop(bulkhead.acquire().await.unwrap()) });
    }
    sleep(MS(1)).await;
    assert_eq!(bulkhead.waiting(), 2);
    let began = Instant::now();
    assert!(bulkhead.acquire().await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(slot);
    waiters.join_all().await;
    assert_eq!(bulkhead.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_came_first_is_served_first() {
    let bulkhead = bulkhead(1, 10, MS(1_000));
    let slot = bulkhead.acquire().await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = JoinSet::new();
    for number in 0..5 {
        let (bulkhead, served) = (bulkhead.clone(), Arc::clone(&served));
        waiters.spawn(async move {
            let _slot = bulkhead.acquire().await.unwrap();
            served.lock().unwrap().push(number);
            sleep(MS(1)).await;
        });
        sleep(MS(1)).await;
    }
    drop(slot);
    waiters.join_all().await;
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_loses_its_place() {
    let bulkhead = bulkhead(1, 1, MS(1_000));
    let slot = bulkhead.acquire().await.unwrap();
    assert!(tokio::time::timeout(MS(10), bulkhead.acquire()).await.is_err());
    assert_eq!(bulkhead.waiting(), 0);
    drop(slot);
    assert_eq!(bulkhead.in_flight(), 0);
    drop(bulkhead.acquire().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_under_way_gives_back_its_slot() {
    let bulkhead = bulkhead(1, 1, MS(1_000));
    let call = bulkhead.call(async {
        sleep(MS(100)).await;
        Ok::<_, io::Error>(())
    });
    assert!(tokio::time::timeout(MS(10), call).await.is_err());
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_past_the_deadline() {
    let bulkhead = bulkhead(1, 1, MS(1_000));
    let _slot = bulkhead.acquire().await.unwrap();
    let began = Instant::now();
    assert!(Deadline::within(MS(50)).scope(bulkhead.acquire()).await.is_err());
    assert_eq!(began.elapsed(), MS(50));
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_holds_a_slot_until_the_response_begins() {
    let bulkhead = bulkhead(1, 1, MS(15));
    let slow = service_fn(async |takes: Duration| {
        sleep(takes).await;
        Ok::<_, Infallible>("done")
    });
    let service = bulkhead.layer(slow);
    let began = Instant::now();
    let (first, second, third) =
        tokio::join!(service.clone().oneshot(MS(10)), service.clone().oneshot(MS(10)), service.clone().oneshot(MS(10)));
    assert_eq!((first.unwrap(), second.unwrap()), ("done", "done"));
    assert!(third.unwrap_err().is_full());
    assert_eq!(began.elapsed(), MS(20));
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_gives_back_slots_of_dropped_calls() {
    let bulkhead = bulkhead(1, 1, MS(1_000));
    let mut service = bulkhead.layer(service_fn(async |()| std::future::pending::<Result<(), Infallible>>().await));
    let under_way = service.ready().await.unwrap().call(());
    assert_eq!(bulkhead.in_flight(), 1);
    let mut waits = Box::pin(service.ready().await.unwrap().call(()));
    assert!(tokio::time::timeout(MS(1), &mut waits).await.is_err());
    assert_eq!(bulkhead.waiting(), 1);
    drop(waits);
    assert_eq!(bulkhead.waiting(), 0);
    drop(under_way);
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_and_rejected_are_measured() {
    let metrics = Metrics::default();
    let bulkhead = bulkhead(1, 0, MS(1)).meter(&metrics.meter());
    let slot = bulkhead.acquire().await.unwrap();
    assert!(bulkhead.acquire().await.is_err());
    assert_eq!(metrics.value("bulkhead_in_flight", &[("name", "users")]), Some(1.0));
    assert_eq!(metrics.value("bulkhead_rejected_total", &[("name", "users")]), Some(1.0));
    drop(slot);
    assert_eq!(metrics.value("bulkhead_in_flight", &[("name", "users")]), Some(0.0));
}

#[test]
fn a_limit_of_zero_is_refused() {
    let mut config = BulkheadConfig::default();
    config.limit = 0;
    let refused = Bulkhead::new("users", config).unwrap_err();
    assert_eq!(refused.problems(), ["`limit` is 0, so no call would ever be made; use at least 1"]);
}
