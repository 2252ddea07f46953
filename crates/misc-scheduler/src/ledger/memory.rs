//! A ledger for one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use misc_core::{BoxError, Ledger};

use crate::{
    clock::{Clock, WallClock},
    engine::lock,
    instant,
};

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

#[derive(Debug)]
struct Books {
    /// So that claims end under a paused clock, too.
    clock: WallClock,
    claims: HashMap<String, SystemTime>,
    values: HashMap<String, String>,
    sweep_at: usize,
}

impl Default for Books {
    fn default() -> Self {
        let clock = WallClock::new(Clock::system());
        Self { clock, claims: HashMap::new(), values: HashMap::new(), sweep_at: SWEEP }
    }
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
        let mut books = lock(&self.books);
        let now = instant::to_system_time(books.clock.now().wall);
        if books.claims.len() > books.sweep_at {
            books.claims.retain(|_, until| *until > now);
            books.sweep_at = SWEEP.max(2 * books.claims.len());
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
