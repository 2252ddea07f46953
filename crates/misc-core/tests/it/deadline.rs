//! Deadlines: they travel with the task, and an inner one only shortens an outer one.

use misc_core::Deadline;
use tokio::time::{Duration, Instant, advance, sleep};

use crate::support::{Log, secs};

#[tokio::test(start_paused = true)]
async fn no_deadline_unless_somebody_sets_one() {
    assert_eq!(Deadline::current(), None);
    Deadline::within(secs(1)).scope(async {}).await;
    assert_eq!(Deadline::current(), None, "it ends with its scope");
}

#[tokio::test(start_paused = true)]
async fn what_is_called_inside_sees_the_deadline() {
    async fn deep() -> Option<Duration> {
        sleep(secs(3)).await;
        Deadline::current().map(Deadline::remaining)
    }
    assert_eq!(Deadline::within(secs(10)).scope(async { deep().await }).await, Some(secs(7)));
}

#[tokio::test(start_paused = true)]
async fn an_inner_deadline_only_shortens() {
    let (outer, sooner, later) = (Deadline::within(secs(10)), Deadline::within(secs(5)), Deadline::within(secs(60)));
    outer
        .scope(async {
            sooner.scope(async { assert_eq!(Deadline::current(), Some(sooner)) }).await;
            later.scope(async { assert_eq!(Deadline::current(), Some(outer)) }).await;
            later.timeout(async { assert_eq!(Deadline::current(), Some(outer)) }).await.unwrap();
            assert_eq!(Deadline::current(), Some(outer));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_scope_only_tells() {
    let over = Deadline::within(secs(1)).scope(async {
        sleep(secs(5)).await;
        Deadline::current().is_some_and(Deadline::is_over)
    });
    assert!(over.await);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_the_work_when_the_deadline_passes() {
    let (log, begin) = (Log::default(), Instant::now());
    let work = async {
        let _guard = log.on_drop("dropped");
        std::future::pending::<()>().await;
    };
    assert!(Deadline::within(secs(2)).timeout(work).await.is_err());
    assert_eq!((log.lines().as_slice(), begin.elapsed()), (&["dropped".to_owned()][..], secs(2)));
    assert_eq!(Deadline::within(secs(2)).timeout(async { 1 }).await.ok(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_keeps_to_the_outer_deadline() {
    let begin = Instant::now();
    let inner = Deadline::within(secs(60));
    let ended = Deadline::within(secs(2)).scope(inner.timeout(std::future::pending::<()>())).await;
    assert!(ended.is_err());
    assert_eq!(begin.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn nothing_remains_of_one_that_has_passed() {
    let deadline = Deadline::at(Instant::now() + secs(1));
    assert_eq!((deadline.remaining(), deadline.is_over()), (secs(1), false));
    advance(secs(1)).await;
    assert_eq!((deadline.remaining(), deadline.is_over()), (secs(0), true));
    advance(secs(1)).await;
    assert_eq!((deadline.remaining(), deadline.is_over()), (secs(0), true));
    assert_eq!(Instant::now() - deadline.instant(), secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_longest_time_is_no_overflow() {
    assert!(Deadline::within(Duration::MAX).remaining() > secs(60 * 60 * 24 * 365));
    assert_eq!(Deadline::within(Duration::MAX).timeout(async { 1 }).await.ok(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn sooner_is_less() {
    assert!(Deadline::within(secs(1)) < Deadline::within(secs(2)));
}
