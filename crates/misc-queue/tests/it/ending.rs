//! What becomes of jobs that are not simply done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError};
use misc_queue::{Discard, Job, JobStatus, Payload, Postpone, Push, Queue, Reason, State, Work, Worker};
use serde::{Deserialize, Serialize};

use crate::place::{Number, Place, on_every_engine, run};

on_every_engine!(
    tries_again_until_it_works,
    gives_up_after_the_last_attempt,
    gives_up_at_once_when_told_so,
    comes_back_later_without_an_attempt,
    survives_a_panic,
    drops_a_job_that_takes_too_long,
    does_not_begin_what_has_expired,
    puts_what_it_cannot_read_to_the_dead,
    keeps_the_first_part_of_a_long_error,
    puts_a_job_off_for_ever,
    tries_again_after_any_time,
    survives_a_panic_while_an_error_is_read,
);

/// Pushes a job for a handler that gets the number of its attempt; returns what became of it.
async fn outcome<F, Fut>(
    place: &Place,
    work: impl FnOnce(misc_queue::Opening<Number>) -> misc_queue::Opening<Number>,
    handler: F,
) -> JobStatus
where
    F: Fn(u32) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let opening = work(place.store().queue::<Number>());
    let (numbers, worker) = opening.handler(move |job| handler(job.attempt()));
    ended(numbers, worker, Number(1)).await
}

async fn ended<T: Payload>(queue: Queue<T>, worker: Worker, job: impl Into<Push<T>> + Send + 'static) -> JobStatus {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    run(App::new("test").service("worker", worker), async move |_| {
        let id = queue.push(job).await?.id;
        sender.send(queue.wait(id).await?).expect("somebody waits");
        Ok(())
    })
    .await;
    receiver.await.expect("the test has sent it").expect("it is kept")
}

async fn tries_again_until_it_works(place: &Place) {
    let job = outcome(
        place,
        |opening| opening,
        async |attempt| {
            if attempt < 4 { Err(format!("attempt {attempt}").into()) } else { Ok(()) }
        },
    )
    .await;
    assert_eq!((job.state, job.attempt, job.reason), (State::Completed, 4, None));
}

async fn gives_up_after_the_last_attempt(place: &Place) {
    let job = outcome(
        place,
        |opening| opening.attempts(3),
        async |attempt| {
            let cause = std::io::Error::other(format!("no route\nat attempt {attempt}"));
            Err(Box::new(Wrapped(cause)) as BoxError)
        },
    )
    .await;
    assert_eq!((job.state, job.attempt, job.reason), (State::Dead, 3, Some(Reason::Exhausted)));
    assert_eq!(job.error.as_deref(), Some("cannot send: no route at attempt 3"));
}

#[derive(Debug, thiserror::Error)]
#[error("cannot send")]
struct Wrapped(#[source] std::io::Error);

async fn gives_up_at_once_when_told_so(place: &Place) {
    let job = outcome(place, |opening| opening, async |_| Err(Discard::because("no address").into())).await;
    assert_eq!((job.state, job.attempt, job.reason), (State::Dead, 1, Some(Reason::Discarded)));
    assert_eq!(job.error.as_deref(), Some("no address"));
}

async fn comes_back_later_without_an_attempt(place: &Place) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let job = outcome(
        place,
        |opening| opening.attempts(2),
        move |attempt| {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_eq!(attempt, 1);
                if call < 5 { Err(Postpone::by(Duration::from_millis(5)).into()) } else { Ok(()) }
            }
        },
    )
    .await;
    assert_eq!((job.state, job.attempt, calls.load(Ordering::SeqCst)), (State::Completed, 1, 6));
}

async fn survives_a_panic(place: &Place) {
    let job = outcome(place, |opening| opening.attempts(2), async |attempt| panic!("at attempt {attempt}")).await;
    assert_eq!((job.state, job.attempt, job.reason), (State::Dead, 2, Some(Reason::Exhausted)));
    assert_eq!(job.error.as_deref(), Some("panicked: at attempt 2"));
}

async fn drops_a_job_that_takes_too_long(place: &Place) {
    let work = |opening: misc_queue::Opening<Number>| opening.attempts(1).timeout(Duration::from_millis(50));
    let job = outcome(place, work, async |_| std::future::pending().await).await;
    assert_eq!((job.state, job.reason), (State::Dead, Some(Reason::Exhausted)));
    assert_eq!(job.error.as_deref(), Some("took longer than 50ms"));
}

async fn does_not_begin_what_has_expired(place: &Place) {
    let (numbers, worker) = place.store().queue::<Number>().handler(async |_| Err::<(), _>("it was begun"));
    let expired = Push::new(Number(1)).delay(Duration::from_millis(150)).expires_in(Duration::from_millis(50));
    let job = ended(numbers, worker, expired).await;
    assert_eq!((job.state, job.attempt, job.reason), (State::Cancelled, 0, Some(Reason::Expired)));
}

/// What another version of the program takes a [`Number`] to be.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
}

impl Payload for Named {
    const KIND: &'static str = Number::KIND;
}

async fn puts_what_it_cannot_read_to_the_dead(place: &Place) {
    let store = place.store();
    let old = store.queue::<Number>().pusher();
    let (new, worker) = store.queue::<Named>().handler(async |_| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        let bad = old.push(Number(17)).await?.id;
        let good = new.push(Named { name: "seventeen".to_owned() }).await?.id;
        let bad = old.wait(bad).await?.ok_or("it is kept")?;
        assert_eq!((bad.state, bad.attempt, bad.reason), (State::Dead, 1, Some(Reason::Payload)));
        let error = bad.error.unwrap_or_default();
        assert!(error.contains("Named"), "{error}");
        assert_eq!(new.wait(good).await?.ok_or("it is kept")?.state, State::Completed);
        Ok(())
    })
    .await;
}

async fn keeps_the_first_part_of_a_long_error(place: &Place) {
    let job = outcome(place, |opening| opening.attempts(1), async |_| Err("ä".repeat(10_000).into())).await;
    let error = job.error.unwrap_or_default();
    assert!(error.len() < 2_010 && error.ends_with("ä…"), "{} bytes", error.len());
}

/// Lets the first job end as the handler says, and looks whether the next one is done all the same.
async fn goes_on<F, Fut>(
    place: &Place,
    work: impl FnOnce(misc_queue::Opening<Number>) -> misc_queue::Opening<Number>,
    handler: F,
) -> JobStatus
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let handler = Arc::new(handler);
    let opening = work(place.store().queue::<Number>().concurrency(1));
    let (numbers, worker) = opening.handler_with(
        handler,
        async |handler: Arc<F>, job: Job<Number>| {
            if job.0 == 1 { handler().await } else { Ok(()) }
        },
    );
    let (sender, receiver) = tokio::sync::oneshot::channel();
    run(App::new("test").service("worker", worker), async move |_| {
        let jobs = numbers.push_all([Number(1), Number(2)]).await?;
        assert_eq!(numbers.wait(jobs[1].id).await?.ok_or("it is kept")?.state, State::Completed);
        // What becomes of the first one is stored with the claim of the second one, or before it.
        sender.send(numbers.status(jobs[0].id).await?).expect("somebody waits");
        Ok(())
    })
    .await;
    receiver.await.expect("the test has sent it").expect("it is kept")
}

async fn puts_a_job_off_for_ever(place: &Place) {
    let job = goes_on(place, |opening| opening, async || Err(Postpone::by(Duration::MAX).into())).await;
    assert_eq!((job.state, job.attempt), (State::Scheduled, 0));
}

async fn tries_again_after_any_time(place: &Place) {
    let mut work = Work::default();
    (work.initial_delay, work.max_delay, work.timeout) = (Duration::MAX, Duration::MAX, Some(Duration::MAX));
    let job = goes_on(place, |opening| opening.work(work).concurrency(1), async || Err("no route".into())).await;
    assert_eq!((job.state, job.attempt), (State::Retryable, 1));
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    #[expect(clippy::panic_in_result_fn, reason = "that is what it is for")]
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no text")
    }
}

impl std::error::Error for Unspeakable {}

async fn survives_a_panic_while_an_error_is_read(place: &Place) {
    let job = goes_on(place, |opening| opening.attempts(1), async || Err(Box::new(Unspeakable) as BoxError)).await;
    assert_eq!((job.state, job.error.as_deref()), (State::Dead, Some("panicked: no text")));
}

/// What cannot even be read without a panic.
#[derive(Serialize)]
struct Trap;

impl<'de> Deserialize<'de> for Trap {
    #[expect(clippy::panic_in_result_fn, reason = "that is what it is for")]
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a trap")
    }
}

impl Payload for Trap {
    const KIND: &'static str = "trap";
}

#[tokio::test]
async fn survives_a_panic_while_a_payload_is_read() {
    let place = Place::sqlite();
    let (traps, worker) = place.store().queue::<Trap>().attempts(1).handler(async |_| Ok::<_, BoxError>(()));
    let job = ended(traps, worker, Trap).await;
    assert_eq!((job.state, job.error.as_deref()), (State::Dead, Some("panicked: a trap")));
}
