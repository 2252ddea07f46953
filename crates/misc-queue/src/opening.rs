//! A queue that is described, before there is a handle and a worker.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use misc_core::BoxError;

use crate::{
    config::{Config, Work},
    job::Job,
    payload::Payload,
    queue::Queue,
    store::Store,
    worker::Worker,
};

/// Describes a queue with a store of its own: finish with [`Opening::handler`].
///
/// For several kinds of jobs on one store, make a [`Store`] and ask it for each.
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError};
/// use misc_queue::{Job, Payload};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderCreated { order: u64 }
///
/// impl Payload for OrderCreated {
///     const KIND: &'static str = "order.created";
/// }
///
/// async fn notify(job: Job<OrderCreated>) -> Result<(), BoxError> {
///     println!("order {} was created", job.order);
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_core::Report> {
/// let (orders, worker) = misc_queue::open::<OrderCreated>("memory://").handler(notify);
/// App::new("shop")
///     .service("notifications", worker)
///     .service("web", async move |ctx: misc_core::Context| {
///         ctx.ready();
///         let pushed = orders.push(OrderCreated { order: 7 }).await?;
///         orders.wait(pushed.id).await?;
///         # ctx.app().shutdown();
///         Ok(())
///     })
///     .run()
///     .await?;
/// # Ok(()) }
/// ```
pub fn open<T: Payload>(config: impl Into<Config>) -> Opening<T> {
    Store::new(config).queue()
}

/// A queue that is described, but not yet split into its handle and its worker.
#[must_use = "call `handler` or `pusher`"]
pub struct Opening<T> {
    store: Store,
    work: Work,
    kind: PhantomData<fn(T)>,
}

impl<T: Payload> Opening<T> {
    pub(crate) fn new(store: Store) -> Self {
        Self { work: store.shared.config.work.clone(), store, kind: PhantomData }
    }

    /// Sets how its worker works, in place of what the store's [`Config::work`] says.
    pub fn work(mut self, work: Work) -> Self {
        self.work = work;
        self
    }

    /// Sets how many of its jobs run at once in each process (16).
    ///
    /// # Panics
    /// If it is zero.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.work.concurrency = NonZeroUsize::new(jobs).expect("a worker has room for one job at least");
        self
    }

    /// Sets how long each attempt of one of its jobs may take (1 min); as long as it likes if it is `None`.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.work.timeout = timeout.into();
        self
    }

    /// Sets how often one of its jobs is begun before it is given up (25), unless it was pushed with a number of its
    /// own.
    ///
    /// # Panics
    /// If it is zero.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.work.attempts = NonZeroU32::new(attempts).expect("a job has one attempt at least");
        self
    }

    /// Says what is done with its jobs; returns the handle to push them by, and the service that works.
    ///
    /// The handler is an async function of the job. A closure that needs something takes it with
    /// [`handler_with`](Self::handler_with). Its errors are tried again; see [`Discard`](crate::Discard) and
    /// [`Postpone`](crate::Postpone) for others. Its panic is an error like any.
    pub fn handler<F, Fut, E>(self, handler: F) -> (Queue<T>, Worker)
    where
        F: Fn(Job<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let name: Arc<str> = T::KIND.into();
        let worker = Worker::new(self.store.clone(), Arc::clone(&name), self.work, handler);
        (Queue::new(self.store, name), worker)
    }

    /// Says what is done with its jobs, as [`handler`](Self::handler) does, with something that the handler needs: it gets
    /// a clone for each job.
    ///
    /// # Examples
    /// ```
    /// use misc_core::BoxError;
    /// use misc_queue::{Job, Payload, Queue, Store};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct OrderCreated { order: u64 }
    /// # #[derive(Serialize, Deserialize)] struct Mail { order: u64 }
    /// # impl Payload for OrderCreated { const KIND: &'static str = "order.created"; }
    /// # impl Payload for Mail { const KIND: &'static str = "mail"; }
    ///
    /// let store = Store::new("memory://");
    /// let mails = store.queue::<Mail>().pusher();
    /// let (orders, worker) =
    ///     store.queue().handler_with(mails, async |mails: Queue<Mail>, job: Job<OrderCreated>| {
    ///         mails.push(Mail { order: job.order }).await?;
    ///         Ok::<_, BoxError>(())
    ///     });
    /// # drop((orders, worker));
    /// ```
    pub fn handler_with<I, F, Fut, E>(self, input: I, handler: F) -> (Queue<T>, Worker)
    where
        I: Clone + Send + Sync + 'static,
        F: Fn(I, Job<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.handler(move |job| handler(input.clone(), job))
    }

    /// Returns a handle to push jobs by, where another program works.
    #[must_use]
    pub fn pusher(self) -> Queue<T> {
        Queue::new(self.store, T::KIND.into())
    }
}

impl<T> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("store", &self.store).field("work", &self.work).finish_non_exhaustive()
    }
}
