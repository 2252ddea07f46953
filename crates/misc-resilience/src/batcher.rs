//! Single calls that become one.

mod batch;
mod error;

use std::{
    any::Any,
    fmt,
    future::Future,
    mem,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

pub use self::error::BatchError;
use self::{
    batch::{Batch, Driver, Stage, State},
    error::Why,
};
use crate::sync::lock;

/// Collects calls that come within a short time, and makes them as one: a query with many keys, a write of many rows.
///
/// The first call opens a batch. It is made 5 ms later, or as soon as 100 have come; each caller gets its own result, by its
/// position. What is done with a batch is up to the function: it returns as many results, in order, as it was given items.
///
/// - A result may be a `Result` of its own, so that some items of a batch fail and others do not. Where there are fewer
///   results than items, those left over have an error ([`BatchError::is_missing`]) and nobody else.
/// - An error of the function reaches all of its batch, shared; so does a panic ([`BatchError::is_panic`]), after which the
///   batcher goes on.
/// - There is no task: callers drive the batch that they are in, and when the one that does so is dropped, another goes on
///   where it was. A call that is dropped before its batch is made is not in it; a batch of whose calls none is left is
///   dropped. As with any future, one who keeps a call and does not poll it may hold up those it shares a batch with.
/// - The function runs in the task of one of the callers, and sees what is local to that: its
///   [`Deadline`](misc_core::Deadline), its span.
///
/// Clones share the batches.
///
/// # Examples
/// ```
/// use std::collections::HashMap;
/// use misc_resilience::{BatchError, Batcher};
///
/// # async fn find(ids: &[u64]) -> Result<HashMap<u64, String>, std::io::Error> {
/// #     Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
/// # }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), BatchError<std::io::Error>> {
/// let users = Batcher::new(|ids: Vec<u64>| async move {
///     let mut found = find(&ids).await?; // one query for all
///     Ok::<_, std::io::Error>(ids.iter().map(|id| found.remove(id)).collect())
/// });
/// let (ann, bob) = tokio::join!(users.call(1), users.call(2));
/// assert_eq!(ann?.as_deref(), Some("user 1"));
/// # assert_eq!(bob?.as_deref(), Some("user 2"));
/// # Ok(()) }
/// ```
pub struct Batcher<I, T, E>(Arc<Shared<I, T, E>>);

struct Shared<I, T, E> {
    run: Arc<Run<I, T, E>>,
    window: Duration,
    size: NonZeroUsize,
    concurrency: Option<Arc<Semaphore>>,
    /// The batch that calls may still join.
    open: Mutex<Option<Arc<Batch<I, T, E>>>>,
}

type Run<I, T, E> = dyn Fn(Vec<I>) -> Pin<Box<dyn Future<Output = Result<Vec<T>, E>> + Send>> + Send + Sync;

impl<I, T, E> Batcher<I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    /// Creates one that makes batches by `run`.
    #[must_use]
    pub fn new<F, Fut>(run: F) -> Self
    where
        F: Fn(Vec<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<T>, E>> + Send + 'static,
    {
        const SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("it is not zero");
        let run = Arc::new(move |items| -> Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(run(items)) });
        let (window, open) = (Duration::from_millis(5), Mutex::new(None));
        Self(Arc::new(Shared { run, window, size: SIZE, concurrency: None, open }))
    }

    /// Sets how long a batch waits for more calls after the first one (5 ms).
    ///
    /// With zero and a bound on [`concurrency`](Self::concurrency) a batch is what came while those before it were made.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        self.changed(|shared| shared.window = window)
    }

    /// Sets how many calls a batch has at most (100).
    #[must_use]
    pub fn size(self, size: NonZeroUsize) -> Self {
        self.changed(|shared| shared.size = size)
    }

    /// Sets how many batches may be made at once (any number). One that waits for that takes in further calls until it is
    /// full.
    #[must_use]
    pub fn concurrency(self, batches: NonZeroUsize) -> Self {
        let permits = batches.get().min(Semaphore::MAX_PERMITS);
        self.changed(|shared| shared.concurrency = Some(Arc::new(Semaphore::new(permits))))
    }

    fn changed(self, change: impl FnOnce(&mut Shared<I, T, E>)) -> Self {
        let Shared { run, window, size, concurrency, .. } = &*self.0;
        let (run, concurrency) = (Arc::clone(run), concurrency.clone());
        let mut shared = Shared { run, window: *window, size: *size, concurrency, open: Mutex::new(None) };
        change(&mut shared);
        Self(Arc::new(shared))
    }

    /// Makes a call as a part of a batch.
    ///
    /// # Errors
    /// [`BatchError`] if the batch failed, or had no result for this call.
    ///
    /// # Cancel safety
    /// One that is dropped before its batch is made is not in it; later its result is dropped. The others go on.
    pub async fn call(&self, item: I) -> Result<T, BatchError<E>> {
        let (batch, place) = Shared::join(&self.0, item);
        Call { shared: &self.0, batch, place }.await
    }
}

impl<I, T, E> Clone for Batcher<I, T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, T, E> fmt::Debug for Batcher<I, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { window, size, .. } = &*self.0;
        f.debug_struct("Batcher").field("window", window).field("size", size).finish_non_exhaustive()
    }
}

impl<I, T, E> Shared<I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    /// Finds a place for a call: in the batch that is open, or in a new one.
    fn join(this: &Arc<Self>, item: I) -> (Arc<Batch<I, T, E>>, usize) {
        let mut open = lock(&this.open);
        let abandoned = open.take_if(|batch| lock(&batch.state).is_abandoned());
        let batch = Arc::clone(open.get_or_insert_with(|| Self::begin(this)));
        let (place, members) = lock(&batch.state).add(item);
        let full = if members >= this.size.get() { open.take() } else { None };
        drop(open);
        drop(abandoned);
        if full.is_some() {
            batch.full.notify_one();
        }
        (batch, place)
    }

    fn begin(this: &Arc<Self>) -> Arc<Batch<I, T, E>> {
        let closes = Instant::now() + this.window.min(LONGEST);
        Arc::new_cyclic(|batch| {
            let driver = Box::pin(Arc::clone(this).drive(Weak::clone(batch), closes));
            Batch { state: Mutex::new(State::new(Stage::Waiting(driver))), full: Notify::new() }
        })
    }

    /// Takes the items of a batch, which nobody may join any more.
    fn close(&self, batch: &Arc<Batch<I, T, E>>) -> Vec<I> {
        self.forget(batch);
        lock(&batch.state).take_items()
    }

    fn forget(&self, batch: &Arc<Batch<I, T, E>>) {
        let forgotten = lock(&self.open).take_if(|open| Arc::ptr_eq(open, batch));
        drop(forgotten);
    }

    /// What becomes of a batch, from its first call to its results.
    async fn drive(self: Arc<Self>, batch: Weak<Batch<I, T, E>>, closes: Instant) -> Result<Vec<T>, BatchError<E>> {
        let batch = batch.upgrade().expect("whoever polls it is in it");
        tokio::select! {
            () = tokio::time::sleep_until(closes) => {}
            () = batch.full.notified() => {}
        }
        // It is never closed.
        let permit = match &self.concurrency {
            Some(permits) => permits.acquire().await.ok(),
            None => None,
        };
        let items = self.close(&batch);
        drop(batch);
        let results = (self.run)(items).await;
        drop(permit);
        results.map_err(|error| BatchError(Why::Failed(Arc::new(error))))
    }
}

/// What stands for a window without end: about thirty years, since the clock may not reach further.
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// One call, which drives its batch if nobody else does.
struct Call<'a, I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    shared: &'a Shared<I, T, E>,
    batch: Arc<Batch<I, T, E>>,
    place: usize,
}

impl<I, T, E> Future for Call<'_, I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    type Output = Result<T, BatchError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut driver = match self.step(cx) {
                Step::Drive(driver) => driver,
                Step::Wait => return Poll::Pending,
                Step::Done(result) => return Poll::Ready(result),
            };
            // Never under the lock, since it runs foreign code.
            let end = match catch_unwind(AssertUnwindSafe(|| driver.as_mut().poll(cx))) {
                Ok(Poll::Pending) => {
                    self.put_back(driver, cx);
                    return Poll::Pending;
                }
                Ok(Poll::Ready(end)) => end,
                Err(panic) => Err(BatchError(Why::Panicked(message(&*panic).into()))),
            };
            drop(driver);
            self.shared.forget(&self.batch);
            let (unwanted, waiting) = lock(&self.batch.state).finish(end);
            waiting.into_iter().for_each(Waker::wake);
            drop(unwanted);
        }
    }
}

/// What a call does when it is polled.
enum Step<T, E> {
    /// It polls its batch.
    Drive(Driver<T, E>),
    /// It will be woken.
    Wait,
    Done(Result<T, BatchError<E>>),
}

impl<I, T, E> Call<'_, I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    fn step(&self, cx: &Context<'_>) -> Step<T, E> {
        let mut guard = lock(&self.batch.state);
        let state = &mut *guard;
        let member = &mut state.members[self.place];
        match mem::replace(&mut state.stage, Stage::Polled) {
            Stage::Waiting(batch) => {
                state.driver = Some(self.place);
                Step::Drive(batch)
            }
            Stage::Polled => {
                let before = member.waker.replace(cx.waker().clone());
                drop(guard);
                drop(before);
                Step::Wait
            }
            Stage::Done(error) => {
                let missing = || Err(error.clone().unwrap_or(BatchError(Why::Missing)));
                let result = member.result.take().map_or_else(missing, Ok);
                state.stage = Stage::Done(error);
                Step::Done(result)
            }
        }
    }

    fn put_back(&self, driver: Driver<T, E>, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let mut state = lock(&self.batch.state);
        state.stage = Stage::Waiting(driver);
        let before = state.members[self.place].waker.replace(waker);
        drop(state);
        drop(before);
    }
}

impl<I, T, E> Drop for Call<'_, I, T, E>
where
    I: Send + 'static,
    T: Send + 'static,
    E: Send + Sync + 'static,
{
    fn drop(&mut self) {
        let mut state = lock(&self.batch.state);
        let left = state.leave(self.place);
        drop(state);
        if left.is_last {
            self.shared.forget(&self.batch);
        }
        if let Some(next) = left.next_driver {
            next.wake();
        }
        drop(left.unwanted);
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}
