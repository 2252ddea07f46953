//! Limits how often one place in the code may log.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Mutex,
    time::Duration,
};

use tracing::{Level, Metadata, callsite::Identifier};

use crate::{
    config::RepeatLimit,
    sync::{Instant, lock},
};

/// How many places are limited; beyond, records of the `log` crate with made-up places could fill the memory.
const PLACES: usize = 10_000;

/// Counts the lines of each place.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// What one line costs.
    interval: Duration,
    /// How far a place may be ahead of the clock and still log.
    ahead: Duration,
    start: Instant,
    places: Mutex<HashMap<Key, Place>>,
}

/// A place in the code. All records of the `log` crate share a callsite for each level, so where they are from counts.
type Key = (Identifier, u64);

#[derive(Debug)]
struct Place {
    /// Up to when the lines so far have used up the time.
    used: Duration,
    suppressed: u64,
    level: Level,
    target: String,
    location: String,
}

/// Lines that were left out at a place, and that no line from there has told of.
pub(crate) struct Suppressed {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) location: String,
    pub(crate) lines: u64,
}

impl Repeats {
    pub(crate) fn new(limit: RepeatLimit) -> Self {
        let interval = limit.per / limit.lines.get();
        Self { interval, ahead: limit.per - interval, start: Instant::now(), places: Mutex::default() }
    }

    /// Tells how many lines from there were left out before this one, or `None` if this one is left out, too.
    pub(crate) fn admit(&self, metadata: &Metadata<'_>, is_log: bool) -> Option<u64> {
        let now = self.start.elapsed();
        let key = (metadata.callsite(), if is_log { hash(metadata) } else { 0 });
        let mut places = lock(&self.places);
        if places.len() >= PLACES && !places.contains_key(&key) {
            return Some(0);
        }
        let place = places.entry(key).or_insert_with(|| Place::new(metadata));
        if place.used.saturating_sub(now) > self.ahead {
            place.suppressed += 1;
            return None;
        }
        place.used = place.used.max(now) + self.interval;
        Some(std::mem::take(&mut place.suppressed))
    }

    /// What was left out and not told so far; it counts as told then.
    pub(crate) fn take_untold(&self) -> Vec<Suppressed> {
        let mut places = lock(&self.places);
        let untold = places.values_mut().filter(|place| place.suppressed > 0);
        untold.map(Place::take_suppressed).collect()
    }
}

impl Place {
    fn new(metadata: &Metadata<'_>) -> Self {
        let file = metadata.file().unwrap_or("?");
        Self {
            used: Duration::ZERO,
            suppressed: 0,
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            location: metadata.line().map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")),
        }
    }

    fn take_suppressed(&mut self) -> Suppressed {
        let lines = std::mem::take(&mut self.suppressed);
        Suppressed { level: self.level, target: self.target.clone(), location: self.location.clone(), lines }
    }
}

fn hash(metadata: &Metadata<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (metadata.target(), metadata.file(), metadata.line()).hash(&mut hasher);
    hasher.finish()
}
