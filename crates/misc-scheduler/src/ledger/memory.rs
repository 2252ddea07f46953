//! A ledger for one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use misc_core::{BoxError, Ledger};

use crate::engine::lock;

/// How many claims there may be before those that are over are looked for.
const SWEEP: usize = 1_024;

/// A ledger in memory: for tests, and for several schedulers in one process. Clones share it.
///
/// It outlives a restart of a service, not of the process.
///
/// # Examples
/// ```
/// use misc_scheduler::{MemoryLedger, Scheduler, cron};
///
/// let ledger = MemoryLedger::new();
/// let replica = || Scheduler::new().ledger(ledger.clone()).task("report", cron("0 9 * * *"), async || {});
/// # drop((replica(), replica()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    claims: HashMap<String, SystemTime>,
    values: HashMap<String, String>,
    sweep_at: usize,
}

impl MemoryLedger {
    /// Creates one that remembers nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Ledger for MemoryLedger {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        let now = SystemTime::now();
        let mut books = lock(&self.books);
        if books.claims.len() > books.sweep_at.max(SWEEP) {
            books.claims.retain(|_, until| *until > now);
            books.sweep_at = 2 * books.claims.len();
        }
        let is_free = books.claims.get(key).is_none_or(|until| *until <= now);
        if is_free {
            books.claims.insert(key.to_owned(), until);
        }
        Ok(is_free)
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        lock(&self.books).values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        Ok(lock(&self.books).values.get(key).cloned())
    }
}
