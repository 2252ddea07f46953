//! The series of one metric: looked up without allocating, bounded in number, and let go of when nobody uses them.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, Hasher},
    sync::{
        Arc, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

use crate::{
    labels::{Key, LabelSet},
    name,
    sync::{read, write},
};

/// How many series are written at a time: in between, new ones get in.
const CHUNK: usize = 256;

/// What a series holds.
pub(crate) trait Cell: fmt::Debug + Send + Sync + 'static {
    /// What all cells of a metric have in common.
    type Shape: fmt::Debug + Clone + Send + Sync;

    fn new(shape: &Self::Shape) -> Self;

    /// Returns something that is another when the value has changed.
    fn fingerprint(&self) -> u64;
}

/// One series of a metric.
#[derive(Debug)]
pub(crate) struct Series<C> {
    pub(crate) labels: LabelSet,
    pub(crate) cell: C,
    /// Set once the series has an exemplar; shared by all of the metric.
    pub(crate) exemplars: Arc<AtomicBool>,
    idle: Idle,
}

/// Since when a series is as it is; only scrapes look at it.
#[derive(Debug)]
struct Idle {
    fingerprint: AtomicU64,
    /// Whether it was looked up since.
    touched: AtomicBool,
    since: AtomicU64,
}

/// What a registry sets for all its metrics.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) series: AtomicUsize,
    /// In milliseconds; 0 for never.
    expire_after: AtomicU64,
    began: Instant,
}

impl Limits {
    pub(crate) fn new(series: usize) -> Self {
        Self { series: series.into(), expire_after: 0.into(), began: Instant::now() }
    }

    pub(crate) fn expire_after(&self, idle: Duration) {
        self.expire_after.store(millis(idle).max(1), Relaxed);
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The series of one metric.
#[derive(Debug)]
pub(crate) struct Store<C: Cell> {
    metric: Box<str>,
    pub(crate) names: Box<[Arc<str>]>,
    pub(crate) shape: C::Shape,
    pub(crate) exemplars: Arc<AtomicBool>,
    /// How often there was no room for a series.
    pub(crate) overflows: AtomicU64,
    limits: Arc<Limits>,
    seed: u64,
    table: RwLock<Table<C>>,
    overflow: OnceLock<Arc<Series<C>>>,
}

impl<C: Cell> Store<C> {
    pub(crate) fn new(metric: &str, names: &[&str], shape: C::Shape, limits: &Arc<Limits>) -> Self {
        Self {
            metric: metric.into(),
            names: names.iter().copied().map(Arc::from).collect(),
            shape,
            exemplars: Arc::default(),
            overflows: AtomicU64::new(0),
            limits: Arc::clone(limits),
            seed: RandomState::new().hash_one(metric),
            table: RwLock::new(Table { positions: HashMap::default(), series: Vec::new() }),
            overflow: OnceLock::new(),
        }
    }

    /// Returns the series with these labels, made if it is not there; past the limit the one for all the rest.
    pub(crate) fn get(&self, key: Key<'_>) -> Arc<Series<C>> {
        let hash = key.hash(self.seed);
        let limit = self.limits.series.load(Relaxed);
        {
            let table = read(&self.table);
            if let Ok(found) = table.find(hash, key) {
                found.touch();
                return Arc::clone(found);
            }
            if table.series.len() >= limit {
                drop(table);
                return self.overflow(limit);
            }
        }
        // Made before the lock is taken, so that nobody waits for it.
        let series = Arc::new(self.series(key.labels(&self.names)));
        let mut table = write(&self.table);
        let vacant = match table.find(hash, key) {
            Ok(found) => {
                found.touch();
                return Arc::clone(found);
            }
            Err(_) if table.series.len() >= limit => {
                drop(table);
                return self.overflow(limit);
            }
            Err(vacant) => vacant,
        };
        let position = table.series.len();
        table.positions.insert(vacant, position);
        table.series.push(Arc::clone(&series));
        series
    }

    fn series(&self, labels: LabelSet) -> Series<C> {
        let cell = C::new(&self.shape);
        let idle =
            Idle { fingerprint: cell.fingerprint().into(), touched: false.into(), since: self.limits.now().into() };
        Series { labels, cell, exemplars: Arc::clone(&self.exemplars), idle }
    }

    fn overflow(&self, limit: usize) -> Arc<Series<C>> {
        self.overflows.fetch_add(1, Relaxed);
        let mut is_first = false;
        let series = self.overflow.get_or_init(|| {
            is_first = true;
            Arc::new(self.series(LabelSet::new([(name::OVERFLOW.into(), "true")])))
        });
        // Only now, since whoever takes the line may record it, and come here again.
        if is_first {
            warn!(metric = %self.metric, limit, "too many series; further label values are recorded as overflow");
        }
        Arc::clone(series)
    }

    /// Looks at all series. No lock is held for long.
    ///
    /// Series must not [`expire`](Self::expire) meanwhile, or some would be left out or seen twice.
    pub(crate) fn for_each<E>(&self, mut look: impl FnMut(&Series<C>) -> Result<(), E>) -> Result<(), E> {
        let mut seen = 0;
        loop {
            let table = read(&self.table);
            let chunk = &table.series[seen..table.series.len().min(seen + CHUNK)];
            if chunk.is_empty() {
                break;
            }
            seen += chunk.len();
            chunk.iter().try_for_each(|series| look(series))?;
        }
        self.overflow.get().map_or(Ok(()), |series| look(series))
    }

    pub(crate) fn len(&self) -> usize {
        read(&self.table).series.len() + usize::from(self.overflow.get().is_some())
    }

    /// Drops the labelled series that nobody holds and that nobody has used for long.
    ///
    /// One call at a time; the lock is free again after a few series each, whether they go or not.
    pub(crate) fn expire(&self) {
        let after = self.limits.expire_after.load(Relaxed);
        if after == 0 {
            return;
        }
        let now = self.limits.now();
        // From the end on: the place of one that goes is taken by the last, which was looked at or is new.
        let mut end = read(&self.table).series.len();
        while end > 0 {
            let chunk = end.saturating_sub(CHUNK)..end;
            end = chunk.start;
            let is_idle = |series: &Arc<Series<C>>| series.is_idle(Arc::strong_count(series) > 1, now, after);
            if !read(&self.table).series[chunk.clone()].iter().any(is_idle) {
                continue;
            }
            let mut table = write(&self.table);
            for position in chunk.rev() {
                // Whoever looks it up now waits for the lock, so one that nobody holds stays so.
                let series = &mut table.series[position];
                let is_held = Arc::get_mut(series).is_none();
                if series.is_idle(is_held, now, after) {
                    table.remove(position, |labels| self.hash(labels));
                }
            }
        }
    }

    fn hash(&self, labels: &LabelSet) -> u64 {
        if self.names.is_empty() {
            let pairs: Vec<_> = labels.pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            return Key::Pairs(&pairs).hash(self.seed);
        }
        let values: Vec<_> = labels.pairs.iter().map(|(_, value)| &**value).collect();
        Key::Values(&values).hash(self.seed)
    }
}

impl<C: Cell> Series<C> {
    /// Notes that somebody has looked it up, and writes only if that is news: all threads share it.
    fn touch(&self) {
        if !self.idle.touched.load(Relaxed) {
            self.idle.touched.store(true, Relaxed);
        }
    }

    /// Notes a use, and tells whether there was none for long.
    fn is_idle(&self, is_held: bool, now: u64, after: u64) -> bool {
        let fingerprint = self.cell.fingerprint();
        let was_touched = self.idle.touched.swap(false, Relaxed);
        let is_used = is_held || was_touched || fingerprint != self.idle.fingerprint.load(Relaxed);
        if is_used || self.labels.pairs.is_empty() {
            self.idle.fingerprint.store(fingerprint, Relaxed);
            self.idle.since.store(now, Relaxed);
            return false;
        }
        now.saturating_sub(self.idle.since.load(Relaxed)) >= after
    }
}

/// Series, and where each is.
#[derive(Debug)]
struct Table<C> {
    /// By hash; two series with the same hash have neighbouring slots.
    positions: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    series: Vec<Arc<Series<C>>>,
}

impl<C> Table<C> {
    /// Returns the series, or the slot that it would have.
    fn find(&self, hash: u64, key: Key<'_>) -> Result<&Arc<Series<C>>, u64> {
        let mut slot = hash;
        while let Some(&position) = self.positions.get(&slot) {
            let series = &self.series[position];
            if key.is_of(&series.labels) {
                return Ok(series);
            }
            slot = slot.wrapping_add(1);
        }
        Err(slot)
    }

    /// Takes a series out; the last one gets its position.
    fn remove(&mut self, position: usize, hash: impl Fn(&LabelSet) -> u64) {
        let gap = self.slot(position, hash(&self.series[position].labels));
        self.positions.remove(&gap);
        // The neighbours behind it may be there only since the slot was taken: each finds its own anew.
        let mut next = gap.wrapping_add(1);
        while let Some(moved) = self.positions.remove(&next) {
            let mut slot = hash(&self.series[moved].labels);
            while self.positions.contains_key(&slot) {
                slot = slot.wrapping_add(1);
            }
            self.positions.insert(slot, moved);
            next = next.wrapping_add(1);
        }
        let last = self.series.len() - 1;
        if position != last {
            let slot = self.slot(last, hash(&self.series[last].labels));
            self.positions.insert(slot, position);
        }
        self.series.swap_remove(position);
    }

    /// Returns the slot of the series at a position, which is there.
    fn slot(&self, position: usize, hash: u64) -> u64 {
        let mut slot = hash;
        while self.positions.get(&slot) != Some(&position) {
            slot = slot.wrapping_add(1);
        }
        slot
    }
}

/// Takes a hash for what it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole hashes are looked up");
    }
}
