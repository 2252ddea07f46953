//! A ledger that has the time of the schedulers under test, and troubles on request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use misc_core::{BoxError, Ledger};
use misc_scheduler::Scheduler;
use tokio::time::{Instant, sleep};

use crate::subject::{scheduler_at, time};

/// Clones share it.
#[derive(Clone)]
pub(super) struct Book {
    from: SystemTime,
    since: Instant,
    pages: Arc<Mutex<Pages>>,
}

#[derive(Default)]
struct Pages {
    claims: HashMap<String, SystemTime>,
    values: HashMap<String, String>,
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy)]
pub(super) enum Trouble {
    /// Nothing gets there.
    Away,
    /// A claim is made, and its answer comes so much later.
    Late(Duration),
    /// The next claim is made, and its answer is lost.
    Reset,
}

impl Book {
    pub(super) fn at(text: &str) -> Self {
        Self { from: time(text), since: Instant::now(), pages: Arc::default() }
    }

    /// A scheduler that uses it, at whose start it is now.
    pub(super) fn scheduler(&self) -> Scheduler {
        scheduler_at(&humantime::format_rfc3339(self.now()).to_string()).ledger(self.clone())
    }

    pub(super) fn trouble(&self, trouble: impl Into<Option<Trouble>>) {
        self.pages.lock().unwrap().trouble = trouble.into();
    }

    /// What is remembered of the task.
    pub(super) fn last(&self) -> Option<String> {
        self.pages.lock().unwrap().values.get("tasks/task").cloned()
    }

    fn now(&self) -> SystemTime {
        self.from + self.since.elapsed()
    }

    fn pages(&self) -> Result<std::sync::MutexGuard<'_, Pages>, BoxError> {
        let pages = self.pages.lock().unwrap();
        if let Some(Trouble::Away) = pages.trouble { Err("no route to the ledger".into()) } else { Ok(pages) }
    }

    fn enter(&self, key: &str, until: SystemTime) -> Result<(bool, Option<Trouble>), BoxError> {
        let mut pages = self.pages()?;
        let is_free = pages.claims.get(key).is_none_or(|until| *until <= self.now());
        if is_free {
            pages.claims.insert(key.to_owned(), until);
        }
        let trouble = pages.trouble;
        pages.trouble.take_if(|trouble| matches!(trouble, Trouble::Reset));
        Ok((is_free, trouble))
    }
}

impl Ledger for Book {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        let (is_free, trouble) = self.enter(key, until)?;
        match trouble {
            Some(Trouble::Reset) => return Err("connection reset".into()),
            Some(Trouble::Late(time)) => sleep(time).await,
            _ => {}
        }
        Ok(is_free)
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        self.pages()?.values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        Ok(self.pages()?.values.get(key).cloned())
    }
}
