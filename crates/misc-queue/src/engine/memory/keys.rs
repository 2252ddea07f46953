//! Who has which key.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::job::after;
use crate::{engine::Key, options::Release, status::JobId};

/// The keys that jobs have.
#[derive(Default)]
pub(super) struct Keys {
    held: HashMap<Arc<str>, Held>,
    /// When the keys are free that have a period.
    periods: BTreeSet<(i64, Arc<str>)>,
}

struct Held {
    id: JobId,
    /// Until when, whatever becomes of the job; else the job gives it up.
    until: Option<i64>,
}

impl Keys {
    /// Returns the job that has a key.
    pub(super) fn holder(&self, key: &str, now: i64) -> Option<JobId> {
        self.held.get(key).filter(|held| held.until.is_none_or(|until| until > now)).map(|held| held.id)
    }

    /// Gives a key to a job; returns it if it is for the job to give it up, and whether already when it is begun.
    pub(super) fn give(&mut self, key: &Key, id: JobId, now: i64) -> Option<(Arc<str>, bool)> {
        let name: Arc<str> = key.key.as_str().into();
        let until = match key.release {
            Release::After(period) => Some(after(now, period)),
            Release::Done | Release::Started => None,
        };
        let before = self.held.insert(Arc::clone(&name), Held { id, until });
        if let Some(over) = before.and_then(|held| held.until) {
            self.periods.remove(&(over, Arc::clone(&name)));
        }
        if let Some(until) = until {
            self.periods.insert((until, name));
            return None;
        }
        Some((name, key.release == Release::Started))
    }

    /// Takes a key that a job gives up.
    pub(super) fn give_up(&mut self, key: &str) {
        self.held.remove(key);
    }

    /// Forgets keys whose period is over, some at a time; returns whether there are more.
    pub(super) fn forget(&mut self, now: i64, most: usize) -> bool {
        for _ in 0..most {
            match self.periods.first() {
                Some((until, _)) if *until <= now => {}
                _ => return false,
            }
            if let Some((_, key)) = self.periods.pop_first() {
                self.held.remove(&key);
            }
        }
        true
    }
}

/// What is claimed and remembered for others: a [`Ledger`](misc_core::Ledger).
#[derive(Default)]
pub(super) struct Ledger {
    claims: HashMap<String, i64>,
    values: HashMap<String, String>,
}

impl Ledger {
    pub(super) fn claim(&mut self, key: &str, until: i64, now: i64) -> bool {
        if self.claims.get(key).is_some_and(|&until| until > now) {
            return false;
        }
        self.claims.insert(key.to_owned(), until);
        true
    }

    pub(super) fn remember(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
    }

    pub(super) fn recall(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }

    /// Forgets claims whose time is over.
    pub(super) fn forget(&mut self, now: i64) {
        self.claims.retain(|_, &mut until| until > now);
    }
}
