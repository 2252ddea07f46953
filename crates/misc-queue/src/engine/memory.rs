//! Jobs that are kept in the memory of the process, for work that may be lost.
//!
//! - **A bound.** It has room for `capacity` jobs that wait or run. A push for which there is no room fails at once, or with
//!   `overflow: wait` waits for it, first come, first served.
//! - **A crash** of the process, or of its host, loses every job.
//! - **A graceful stop** lets running jobs finish within their grace; what has not been begun by the time the last service of
//!   the store ends is lost, and `close` warns of it: how many jobs of which queue.
//! - **Done is not for ever.** Of the jobs that are over, as many are remembered in each final state as there is room for,
//!   and not longer than `keep` says.
//! - A key with a period outlives its job; it is the one thing that grows with what was pushed and not with `capacity`.
//!
//! Values are kept as they are, nothing is written as JSON. Other processes see nothing of it.

mod job;
mod keys;
mod line;
mod operator;
mod recent;
mod sweep;
mod table;

use std::{
    fmt,
    future::pending,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tokio::sync::{AcquireError, Semaphore, TryAcquireError};
use tracing::warn;

use self::table::Table;
use super::{Claim, Claimed, Ended, Engine, NewJob, Session, Swept, Turned, Wake};
use crate::{
    clock::{Clock, to_micros},
    config::{Config, Keep, Overflow},
    error::{Error, Kind},
    options::Pushed,
    status::{JobId, JobStatus, QueueStatus, Selection},
};

/// Keeps jobs in memory.
pub(crate) struct Memory {
    clock: Clock,
    capacity: usize,
    overflow: Overflow,
    /// How many more jobs may wait or run. It is taken before jobs are stored, and given back under the lock.
    room: Semaphore,
    // Held for a turn or a push at a time, and never while code of a user runs.
    table: Mutex<Table>,
}

impl Memory {
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        if !matches!(config.url.expose(), "memory://" | "memory:") {
            return Err(Error::refused(format!(
                "`{}` says more than there is to say of a store in memory: its URL is `memory://`",
                config.url
            )));
        }
        let capacity = config.capacity.get().min(Semaphore::MAX_PERMITS);
        Ok(Self {
            clock: Clock::new(),
            capacity,
            overflow: config.overflow,
            room: Semaphore::new(capacity),
            table: Mutex::new(Table::new(config.keep.clone(), capacity)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the table at a time, and gives back the room of what is over.
    fn with<T>(&self, act: impl FnOnce(&mut Table, i64) -> T) -> T {
        let now = self.clock.micros();
        let mut table = self.lock();
        let before = table.live();
        let outcome = act(&mut table, now);
        let after = table.live();
        if after < before {
            self.give_back(&mut table, before - after);
        } else {
            // What is retried was over: it needs no room, so that there is too little for a while.
            let more = after - before;
            table.debt += more - self.room.forget_permits(more);
        }
        let dropped = table.take_dropped();
        drop(table);
        // Values are dropped here, as that may take its time.
        drop(dropped);
        outcome
    }

    fn give_back(&self, table: &mut Table, jobs: usize) {
        let owed = table.debt.min(jobs);
        table.debt -= owed;
        if jobs > owed {
            self.room.add_permits(jobs - owed);
        }
    }

    /// Stores jobs if there is room for them, and nobody waits for it.
    fn try_push(&self, jobs: &[NewJob]) -> Result<Option<Vec<Pushed>>, Error> {
        let now = self.clock.micros();
        let mut table = self.lock();
        let needed = u32::try_from(table.needed(jobs, now)).map_err(|_| self.never_fits(jobs.len()))?;
        match self.room.try_acquire_many(needed) {
            Ok(room) => room.forget(),
            Err(TryAcquireError::NoPermits) => return Ok(None),
            Err(TryAcquireError::Closed) => return Err(closed()),
        }
        Ok(Some(table.push(jobs, now)))
    }

    /// Waits for as much room as jobs may need, and stores them.
    async fn push_in_turn(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let most = u32::try_from(jobs.len()).map_err(|_| self.never_fits(jobs.len()))?;
        let room = self.room.acquire_many(most).await.map_err(|_: AcquireError| closed())?;
        room.forget();
        let now = self.clock.micros();
        let mut table = self.lock();
        let spare = jobs.len() - table.needed(jobs, now);
        let pushed = table.push(jobs, now);
        self.give_back(&mut table, spare);
        Ok(pushed)
    }

    fn never_fits(&self, jobs: usize) -> Error {
        Error::refused(format!(
            "a push of {jobs} jobs never fits in the memory store, which has room for {} (`capacity`): push fewer at once",
            self.capacity
        ))
    }

    fn full(&self) -> Error {
        Error::new(
            Kind::Full,
            format!(
                "the memory store is full: {} jobs wait or run (`capacity`); push later, or let `overflow` be `wait`",
                self.capacity
            ),
        )
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("capacity", &self.capacity)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for Memory {
    fn system(&self) -> &'static str {
        "memory"
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        if jobs.len() > self.capacity {
            return Err(self.never_fits(jobs.len()));
        }
        match (self.try_push(jobs)?, self.overflow) {
            (Some(pushed), _) => Ok(pushed),
            (None, Overflow::Reject) => Err(self.full()),
            (None, Overflow::Wait) => self.push_in_turn(jobs).await,
        }
    }

    async fn enter(&self, lease: Duration) -> Result<Session, Error> {
        Ok(self.with(|table, now| table.enter(lease, now)))
    }

    async fn beat(&self, session: Session, lease: Duration) -> Result<Option<Vec<JobId>>, Error> {
        Ok(self.with(|table, now| table.beat(session, lease, now)))
    }

    async fn leave(&self, session: Session) -> Result<(), Error> {
        self.with(|table, now| table.leave(session, now));
        Ok(())
    }

    async fn turn(&self, session: Session, ended: &[Ended], claim: Option<&Claim>) -> Result<Turned, Error> {
        Ok(self.with(|table, now| table.turn(session, ended, claim, now)))
    }

    async fn held(&self, session: Session, queue: &str) -> Result<Vec<Claimed>, Error> {
        Ok(self.with(|table, _| table.held(session, queue)))
    }

    async fn sweep(&self, keep: &Keep) -> Result<Swept, Error> {
        Ok(self.with(|table, now| table.sweep(keep, now)))
    }

    async fn job(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        Ok(self.with(|table, _| table.job(id)))
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<JobStatus>, Error> {
        Ok(self.with(|table, _| table.list(selection)))
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, Error> {
        Ok(self.with(Table::queues))
    }

    async fn retry(&self, selection: &Selection) -> Result<u64, Error> {
        Ok(self.with(|table, now| table.retry(selection, now)))
    }

    async fn cancel(&self, selection: &Selection) -> Result<u64, Error> {
        Ok(self.with(|table, now| table.cancel(selection, now)))
    }

    async fn purge(&self, selection: &Selection) -> Result<u64, Error> {
        Ok(self.with(|table, _| table.purge(selection)))
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<bool, Error> {
        Ok(self.with(|table, _| table.pause(queue, paused)))
    }

    async fn claim_key(&self, key: &str, until: SystemTime) -> Result<bool, Error> {
        Ok(self.with(|table, now| table.ledger.claim(key, to_micros(until), now)))
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), Error> {
        self.with(|table, _| table.ledger.remember(key, value));
        Ok(())
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.with(|table, _| table.ledger.recall(key)))
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Nobody else changes anything, and whoever does so in this process says it.
    async fn watch(&self, _: &dyn Wake) {
        pending::<()>().await;
    }

    async fn close(&self) {
        self.room.close();
        for (queue, jobs) in self.lock().lost() {
            warn!(queue, jobs, "jobs are lost that the memory store still had");
        }
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the memory store has closed, and takes no more jobs")
}

#[cfg(test)]
mod tests;
