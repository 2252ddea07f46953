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
    panic,
    sync::{Instant, lock},
};

/// How many places of the `log` crate are told apart: they may be made up, and could fill the memory.
const PLACES: usize = 10_000;

/// Counts the lines of each place.
#[derive(Debug)]
pub(crate) struct Repeats {
    /// What one line costs.
    interval: Duration,
    /// How far a place may be ahead of the clock and still log.
    ahead: Duration,
    start: Instant,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    of_tracing: HashMap<Identifier, Place>,
    /// All records of the `log` crate share a callsite for each level, so where they are from counts.
    of_log: HashMap<(Identifier, u64), Place>,
}

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
        // They are from one place, and none of them may go.
        if metadata.target() == panic::TARGET {
            return Some(0);
        }
        let now = self.start.elapsed();
        let mut places = lock(&self.places);
        let place = if is_log { places.of_log(metadata) } else { places.of_tracing(metadata) };
        if place.used.saturating_sub(now) > self.ahead {
            place.suppressed += 1;
            return None;
        }
        place.used = place.used.max(now).saturating_add(self.interval);
        Some(std::mem::take(&mut place.suppressed))
    }

    /// What was left out and not told so far; it counts as told then.
    pub(crate) fn take_untold(&self) -> Vec<Suppressed> {
        let mut places = lock(&self.places);
        let untold = places.all().filter(|place| place.suppressed > 0);
        untold.map(Place::take_suppressed).collect()
    }
}

impl Places {
    fn of_tracing(&mut self, metadata: &Metadata<'_>) -> &mut Place {
        self.of_tracing.entry(metadata.callsite()).or_insert_with(|| Place::new(metadata))
    }

    /// The place of a record, or the one that all have in common beyond what is told apart.
    fn of_log(&mut self, metadata: &Metadata<'_>) -> &mut Place {
        let key = (metadata.callsite(), hash(metadata));
        if self.of_log.len() < PLACES || self.of_log.contains_key(&key) {
            return self.of_log.entry(key).or_insert_with(|| Place::new(metadata));
        }
        let others = || Place { target: "log".to_owned(), location: "(others)".to_owned(), ..Place::new(metadata) };
        self.of_tracing.entry(metadata.callsite()).or_insert_with(others)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Place> {
        self.of_tracing.values_mut().chain(self.of_log.values_mut())
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
