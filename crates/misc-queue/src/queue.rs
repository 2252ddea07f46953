//! The handle that jobs are pushed by.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use misc_core::{Counter, TraceContext};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::transaction::Transaction;
use crate::{
    engine::{Body, Key, NewJob},
    error::Error,
    options::{Push, Pushed},
    payload::Payload,
    status::{JobId, JobStatus},
    store::{Open, Store},
};

/// Pushes jobs of one kind, from anywhere: it is cloned cheaply.
///
/// [`open`](crate::open) or [`Store::queue`] make it, together with the worker.
pub struct Queue<T> {
    store: Store,
    name: Arc<str>,
    sent: Arc<OnceLock<Counter>>,
    kind: PhantomData<fn(T)>,
}

impl<T: Payload> Queue<T> {
    pub(crate) fn new(store: Store, name: Arc<str>) -> Self {
        Self { store, name, sent: Arc::default(), kind: PhantomData }
    }

    /// Stores a job, and returns which it is. It is durable by then, in an engine that is.
    ///
    /// Pushes that are made at the same time share a commit, so many of them cost little more than one. One that comes
    /// before the store is open waits for that, at most [`Config::timeout`](crate::Config::timeout). In memory, with
    /// [`Overflow::Wait`](crate::Overflow::Wait), it waits for room without a limit.
    ///
    /// # Cancel safety
    /// Weak: dropped, the job is stored or not.
    ///
    /// # Errors
    /// When the store is not open ([`Error::is_closed`]), does not answer ([`Error::is_unavailable`]), has no room in
    /// memory ([`Error::is_full`]), or refuses it ([`Error::is_refused`]): then there is no job.
    /// [`Error::is_uncertain`] tells that it may have been stored all the same.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use misc_queue::{Error, JobId, Payload, Push, Queue};
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct OrderCreated { order: u64 }
    /// # impl Payload for OrderCreated { const KIND: &'static str = "order.created"; }
    /// async fn created(orders: &Queue<OrderCreated>, order: u64) -> Result<JobId, Error> {
    ///     let later = Push::new(OrderCreated { order }).delay(Duration::from_secs(60));
    ///     orders.push(later).await?;
    ///     Ok(orders.push(OrderCreated { order }).await?.id)
    /// }
    /// # drop(created);
    /// ```
    pub async fn push(&self, job: impl Into<Push<T>>) -> Result<Pushed, Error> {
        let open = self.store.opened().await?;
        let job = self.write(&open, job.into())?;
        let pushed = self.store.push(&open, job).await?;
        self.count(1);
        Ok(pushed)
    }

    /// Stores jobs in one commit, all of them or none; returns what became of each, in their order.
    ///
    /// # Cancel safety
    /// As [`push`](Self::push).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn push_all<J: Into<Push<T>>>(&self, jobs: impl IntoIterator<Item = J>) -> Result<Vec<Pushed>, Error> {
        let open = self.store.opened().await?;
        let jobs = jobs.into_iter().map(|job| self.write(&open, job.into())).collect::<Result<Vec<_>, _>>()?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let pushed = self.store.push_all(&open, &jobs).await?;
        self.count(pushed.len());
        Ok(pushed)
    }

    /// Stores a job as a part of a transaction of one's own: it is there if that commits, and never was if it does not.
    ///
    /// The transaction is one of sqlx, on the database that the store is in. The worker is woken by the commit. What the
    /// [`Transaction`] is left as after an error is for its database to say: PostgreSQL lets nothing but a rollback
    /// follow. In the metrics it counts as pushed, also if it is rolled back.
    ///
    /// SQLite has one writer at a time, so keep the transaction short. If it reads before it writes, begin it with
    /// `BEGIN IMMEDIATE`; else it fails with "database is locked" if anybody has written in between.
    ///
    /// # Cancel safety
    /// Weak: dropped, the job is part of the transaction or not.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`Error::is_refused`] if the transaction is on another database. Whether its commit
    /// has failed is for the transaction to say.
    ///
    /// # Examples
    /// ```
    /// use misc_core::BoxError;
    /// use misc_queue::{Payload, Queue, sqlx::{self, SqlitePool}};
    ///
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct OrderCreated { order: i64 }
    /// # impl Payload for OrderCreated { const KIND: &'static str = "order.created"; }
    /// async fn create(db: &SqlitePool, orders: &Queue<OrderCreated>) -> Result<(), BoxError> {
    ///     let mut tx = db.begin().await?;
    ///     let done = sqlx::query("INSERT INTO orders DEFAULT VALUES").execute(&mut *tx).await?;
    ///     orders.push_in(&mut tx, OrderCreated { order: done.last_insert_rowid() }).await?;
    ///     tx.commit().await?;
    ///     Ok(())
    /// }
    /// # drop(create);
    /// ```
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub async fn push_in(&self, transaction: &mut impl Transaction, job: impl Into<Push<T>>) -> Result<Pushed, Error> {
        let open = self.store.opened().await?;
        let job = self.write(&open, job.into())?;
        let pushed = transaction.push(open.target(), &[job]).await?;
        self.count(1);
        pushed.first().copied().ok_or_else(|| Error::refused("the store has returned no job"))
    }

    /// Returns where a job stands; `None` if there is none, or not any more.
    ///
    /// # Cancel safety
    /// Strict.
    ///
    /// # Errors
    /// When the store is not open or does not answer.
    pub async fn status(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        self.store.opened().await?.engine.job(id).await
    }

    /// Waits until nothing more becomes of a job by itself: it is completed, cancelled or dead.
    ///
    /// It is told at once of what ends in this process, and looks again every second at most for others. `None` if
    /// there is no such job, or not any more: [`Keep`](crate::Keep) says for how long one can be asked for. There is no
    /// time limit, and a job of a paused queue may wait for days: put one around it.
    ///
    /// # Cancel safety
    /// Strict.
    ///
    /// # Errors
    /// When the store is not open or closes meanwhile, and as soon as it does not answer: ask again then.
    pub async fn wait(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        let mut pause = Duration::from_millis(10);
        loop {
            let open = self.store.opened().await?;
            let ended = self.store.shared.wakes.until_ended();
            let mut ended = std::pin::pin!(ended);
            ended.as_mut().enable();
            match open.engine.job(id).await? {
                Some(job) if !job.state.is_final() => {}
                known => return Ok(known),
            }
            tokio::time::timeout(pause, ended).await.ok();
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Returns its name: the [`KIND`](Payload::KIND) of its jobs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the store that it is in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn write(&self, open: &Open, push: Push<T>) -> Result<NewJob, Error> {
        let body = if open.engine.is_durable() {
            let json = serde_json::to_string(&push.payload).map_err(|error| {
                Error::refused(format!("a job of `{}` cannot be written as JSON", self.name)).with_source(error)
            })?;
            Body::Json(json.into())
        } else {
            Body::Value(Arc::new(push.payload))
        };
        let unique = push.unique.map(|unique| Key {
            key: format!("{}/{}", if unique.is_global { "*" } else { &*self.name }, unique.key),
            release: unique.release,
        });
        Ok(NewJob {
            queue: Arc::clone(&self.name),
            body,
            when: push.when,
            priority: push.priority,
            attempts: push.attempts,
            expires: push.expires,
            unique,
            trace: TraceContext::current().map(|trace| trace.to_string()),
        })
    }

    fn count(&self, jobs: usize) {
        if let Some(counter) = self.sent.get().or_else(|| self.counter()) {
            counter.increment(jobs as u64);
        }
    }

    fn counter(&self) -> Option<&Counter> {
        let meter = self.store.shared.meter.get()?;
        let meter = meter.label("messaging_system", "misc").label("messaging_destination_name", &*self.name);
        let make = || meter.counter("messaging_client_sent_messages_total", "Jobs that were pushed by this process.");
        Some(self.sent.get_or_init(make))
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            name: Arc::clone(&self.name),
            sent: Arc::clone(&self.sent),
            kind: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("name", &self.name).field("store", &self.store).finish_non_exhaustive()
    }
}
