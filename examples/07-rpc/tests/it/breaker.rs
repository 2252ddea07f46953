//! The breaker, as it is seen from outside.

use std::time::Duration;

use misc::test::{Logs, TestApp};
use tokio::{task::yield_now, time::Instant};

use crate::support::{backend, front, get, post};

/// How long what happens soon may take.
const PATIENCE: Duration = Duration::from_secs(10);

async fn breaker(front: &TestApp) -> String {
    get(front, "front", "/breaker").await.1
}

async fn health(front: &TestApp) -> u16 {
    get(front, "front", "/readyz").await.0
}

async fn user(front: &TestApp, id: u64) -> u16 {
    get(front, "front", &format!("/users/{id}")).await.0
}

#[tokio::test]
async fn opens_when_the_backend_fails_and_closes_when_it_is_well() {
    let (backend, logs) = (backend().await, Logs::capture());
    let front = front(&backend).await;
    assert_eq!((user(&front, 1).await, breaker(&front).await, health(&front).await), (200, "closed".into(), 200));

    post(&backend, "users", "/backend", "off").await;
    assert_eq!((user(&front, 1).await, breaker(&front).await), (503, "closed".into()), "two of four");
    assert_eq!((user(&front, 1).await, breaker(&front).await, health(&front).await), (503, "open".into(), 503));
    logs.assert_logged("breaker opened");

    post(&backend, "users", "/backend", "on").await;
    assert_eq!(user(&front, 1).await, 503, "nothing is called while it is open");
    let since = Instant::now();
    while user(&front, 1).await != 200 {
        assert!(since.elapsed() < PATIENCE, "it is still open");
        yield_now().await;
    }
    assert_eq!((breaker(&front).await, health(&front).await), ("closed".into(), 200));
    front.stop().await.assert_ok();
    backend.stop().await.assert_ok();
}

#[tokio::test]
async fn stays_closed_when_there_is_no_such_user() {
    let backend = backend().await;
    let front = front(&backend).await;
    for _ in 0..10 {
        assert_eq!(user(&front, 7).await, 404);
    }
    assert_eq!(breaker(&front).await, "closed", "the backend has answered");
    front.stop().await.assert_ok();
    backend.stop().await.assert_ok();
}
