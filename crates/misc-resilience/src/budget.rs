//! How many calls may be made again, of all that are made to one target.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use misc_core::schema;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{refused::Refused, sync::lock};

/// Limits how many of the calls to a target are made again, whoever makes them and however often each may be.
///
/// When a target is down, every call fails and wants to be made again, and those that call it keep it down. A budget lets
/// retries be 20 % of the calls of the last 10 s, and 10 a second beside that, so that one who calls seldom can retry, too:
/// a target that is wholly down gets 1.2 times the calls, and 10 a second. The rule is Finagle's. Clones share it: make one for
/// each target, and give it to all that call it ([`Retry::budget`](crate::Retry::budget),
/// [`Policy::budget`](crate::Policy::budget)).
///
/// Counting a call takes no lock; a retry takes one for a moment.
///
/// # Examples
/// ```
/// use misc_resilience::{Budget, Retry};
///
/// let users = Budget::new();
/// let (read, write) = (Retry::new().budget(&users), Retry::new().budget(&users));
/// # drop((read, write));
/// ```
///
/// By hand:
/// ```
/// use misc_resilience::Budget;
///
/// let budget = Budget::new();
/// budget.record_call();
/// if budget.withdraw() {
///     // Make it again.
/// }
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Account>);

impl Budget {
    /// Creates the default one: 20 % of the calls of the last 10 s, and 10 a second.
    #[must_use]
    pub fn new() -> Self {
        Self::made_of(&BudgetConfig::default())
    }

    /// Creates one of settings.
    ///
    /// # Errors
    /// [`Refused`] says of each setting that makes no sense why it does not.
    pub fn with_config(config: &BudgetConfig) -> Result<Self, Refused> {
        Refused::if_any("the budget", config.problems())?;
        Ok(Self::made_of(config))
    }

    pub(crate) fn made_of(config: &BudgetConfig) -> Self {
        Self(Arc::new(Account::new(config)))
    }

    /// Counts a call that is made for the first time, for hand-written code: what has a budget does so itself.
    pub fn record_call(&self) {
        self.record_call_at(Instant::now());
    }

    pub(crate) fn record_call_at(&self, now: Instant) {
        self.0.calls.add(self.0.slice(now));
    }

    /// Takes what one retry costs, which is made now; returns whether it may be made.
    #[must_use = "a retry that was refused must not be made"]
    pub fn withdraw(&self) -> bool {
        self.withdraw_at(Instant::now())
    }

    pub(crate) fn withdraw_at(&self, now: Instant) -> bool {
        self.0.withdraw(now)
    }

    /// Returns how many calls could be made again at this moment.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.0.available(Instant::now())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("available", &self.available()).finish_non_exhaustive()
    }
}

/// The settings of a [`Budget`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// Which share of the calls may be made again (0.2), at most 10.
    pub ratio: f64,
    /// How many calls may be made again each second beside that (10), at most 10,000.
    pub per_second: u32,
    /// For how long a call counts (10 s), 1 s to 60 s.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub window: Duration,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { ratio: 0.2, per_second: 10, window: Duration::from_secs(10) }
    }
}

impl BudgetConfig {
    /// Says of each field that makes no sense why it does not.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { ratio, per_second, window } = self;
        let mut problems = Vec::new();
        if !(0.0..=10.0).contains(ratio) {
            problems.push(format!("`ratio` is {ratio}; use a share of calls from 0 to 10, such as 0.2"));
        }
        if *per_second > MOST_PER_SECOND {
            problems.push(format!("`per_second` is {per_second}; use at most {MOST_PER_SECOND}"));
        }
        if !(SHORTEST..=LONGEST).contains(window) {
            problems.push(format!("`window` is {window:?}; use 1 s to 60 s"));
        }
        problems
    }
}

const MOST_PER_SECOND: u32 = 10_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The second for which what is allowed beside the ratio is counted.
const SECOND: Duration = Duration::from_secs(1);

/// What the retries of a target may cost, and what they have.
struct Account {
    began: Instant,
    /// How many nanoseconds a slice of the window has.
    slice: u64,
    /// How many retries a million calls allow.
    per_million: u64,
    per_second: usize,
    calls: Slices,
    spent: Mutex<Spent>,
}

impl Account {
    fn new(config: &BudgetConfig) -> Self {
        let window = config.window.clamp(SHORTEST, LONGEST).as_nanos();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of calls is 0 to 10")]
        let per_million = (config.ratio.clamp(0.0, 10.0) * 1e6).round() as u64;
        Self {
            began: Instant::now(),
            slice: u64::try_from(window).unwrap_or(u64::MAX) / SLICES as u64,
            per_million,
            per_second: config.per_second.min(MOST_PER_SECOND) as usize,
            calls: Slices::default(),
            spent: Mutex::new(Spent::default()),
        }
    }

    fn slice(&self, now: Instant) -> u32 {
        let nanos = now.saturating_duration_since(self.began).as_nanos() / u128::from(self.slice);
        #[expect(clippy::cast_possible_truncation, reason = "slices are told apart modulo their number")]
        let slice = nanos as u32;
        slice
    }

    fn withdraw(&self, now: Instant) -> bool {
        let slice = self.slice(now);
        let mut spent = lock(&self.spent);
        if spent.by_ratio.sum(slice) < self.allowed_by_ratio(slice) {
            spent.by_ratio.add(slice);
            return true;
        }
        let is_left = spent.this_second(now) < self.per_second;
        if is_left {
            spent.last_second.push_back(now);
        }
        is_left
    }

    fn available(&self, now: Instant) -> u64 {
        let slice = self.slice(now);
        let mut spent = lock(&self.spent);
        let by_ratio = self.allowed_by_ratio(slice).saturating_sub(spent.by_ratio.sum(slice));
        by_ratio + self.per_second.saturating_sub(spent.this_second(now)) as u64
    }

    fn allowed_by_ratio(&self, slice: u32) -> u64 {
        self.calls.sum(slice).saturating_mul(self.per_million) / 1_000_000
    }
}

/// The retries that were made.
#[derive(Default)]
struct Spent {
    by_ratio: Slices,
    /// When those of the last second were made that the ratio did not allow.
    last_second: VecDeque<Instant>,
}

impl Spent {
    fn this_second(&mut self, now: Instant) -> usize {
        while self.last_second.front().is_some_and(|made| now.saturating_duration_since(*made) >= SECOND) {
            self.last_second.pop_front();
        }
        self.last_second.len()
    }
}

/// How many slices a window has: an event counts for the window, but for up to one slice.
const SLICES: usize = 100;

/// Counts events by slices of time: in each the number of the slice above, the number of its events below.
struct Slices([AtomicU64; SLICES]);

impl Slices {
    fn add(&self, slice: u32) {
        let cell = &self.0[slice as usize % SLICES];
        let mut seen = cell.load(Relaxed);
        // Of two that begin a slice one is the first. Whoever adds to a slice that another has begun meanwhile adds to that one.
        while number(seen) != slice {
            if is_before(slice, number(seen)) {
                return;
            }
            match cell.compare_exchange_weak(seen, (u64::from(slice) << 32) | 1, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
        cell.fetch_add(1, Relaxed);
    }

    fn sum(&self, slice: u32) -> u64 {
        let counts = self.0.iter().map(|cell| cell.load(Relaxed));
        counts.filter(|cell| (slice.wrapping_sub(number(*cell)) as usize) < SLICES).map(events).sum()
    }
}

impl Default for Slices {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

fn number(cell: u64) -> u32 {
    (cell >> 32) as u32
}

fn events(cell: u64) -> u64 {
    cell & u64::from(u32::MAX)
}

/// Tells whether one slice is before another, whose numbers may have begun anew between them.
fn is_before(slice: u32, other: u32) -> bool {
    slice.wrapping_sub(other) > u32::MAX / 2
}
