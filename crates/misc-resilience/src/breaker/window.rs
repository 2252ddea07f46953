//! The last outcomes, as sums that are always up to date.

use super::{
    config::Window,
    moment::{Moment, nanos},
};

/// In how many parts a window of time moves on.
const PARTS: usize = 10;

/// How many calls have ended, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) slow: u64,
}

impl Tally {
    pub(crate) fn failure_ratio(&self) -> f64 {
        ratio(self.failures, self.calls)
    }

    pub(crate) fn slow_ratio(&self) -> f64 {
        ratio(self.slow, self.calls)
    }

    pub(crate) fn add(&mut self, failed: bool, slow: bool) {
        self.calls += 1;
        self.failures += u64::from(failed);
        self.slow += u64::from(slow);
    }

    fn subtract(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failures -= other.failures;
        self.slow -= other.slow;
    }
}

/// Returns a share, 0 of nothing. It is a division, so that 7 of 100 is not less than 0.07.
#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 calls")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The outcomes of the last calls, or of the last while.
#[derive(Debug)]
pub(crate) enum Outcomes {
    Last(Calls),
    While(Parts),
}

impl Outcomes {
    pub(crate) fn new(window: Window) -> Self {
        match window {
            Window::Calls(calls) => Self::Last(Calls::new(calls as usize)),
            Window::Time(time) => Self::While(Parts::new(nanos(time))),
        }
    }

    pub(crate) fn record(&mut self, failed: bool, slow: bool, now: impl FnOnce() -> Moment) {
        match self {
            Self::Last(calls) => calls.record(failed, slow),
            Self::While(parts) => parts.record(failed, slow, now()),
        }
    }

    /// Returns what it holds, as of the last record or [`move_on`](Self::move_on).
    pub(crate) fn tally(&self) -> Tally {
        match self {
            Self::Last(calls) => calls.sum,
            Self::While(parts) => parts.sum,
        }
    }

    /// Forgets what is too long ago.
    pub(crate) fn move_on(&mut self, now: Moment) {
        if let Self::While(parts) = self {
            parts.move_on(now);
        }
    }

    /// Returns how many calls it can hold.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Self::Last(calls) => calls.size as u64,
            Self::While(_) => u64::MAX,
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Last(calls) => calls.clear(),
            Self::While(parts) => parts.clear(),
        }
    }
}

/// A ring with two bits for each call.
#[derive(Debug)]
pub(crate) struct Calls {
    failed: Box<[u64]>,
    slow: Box<[u64]>,
    size: usize,
    next: usize,
    sum: Tally,
}

impl Calls {
    fn new(size: usize) -> Self {
        let words = || vec![0; size.div_ceil(64)].into_boxed_slice();
        Self { failed: words(), slow: words(), size, next: 0, sum: Tally::default() }
    }

    fn record(&mut self, failed: bool, slow: bool) {
        let (word, bit) = (self.next / 64, self.next % 64);
        if self.sum.calls == self.size as u64 {
            let oldest = |ring: &[u64]| ring[word] >> bit & 1;
            self.sum.subtract(Tally { calls: 1, failures: oldest(&self.failed), slow: oldest(&self.slow) });
        }
        let set = |ring: &mut [u64], is_set| ring[word] = ring[word] & !(1 << bit) | u64::from(is_set) << bit;
        set(&mut self.failed, failed);
        set(&mut self.slow, slow);
        self.sum.add(failed, slow);
        self.next = if self.next + 1 == self.size { 0 } else { self.next + 1 };
    }

    fn clear(&mut self) {
        (self.next, self.sum) = (0, Tally::default());
    }
}

/// A ring with a sum for each part of the time.
#[derive(Debug)]
pub(crate) struct Parts {
    sums: Box<[Tally; PARTS]>,
    /// How many nanoseconds a part takes.
    width: u64,
    /// The number of the current part, counted from the start of the clock.
    current: u64,
    /// When the current part ends, so that most calls need no division.
    ends: u64,
    sum: Tally,
}

impl Parts {
    fn new(window: u64) -> Self {
        let width = (window / PARTS as u64).max(1);
        Self { sums: Box::default(), width, current: 0, ends: width, sum: Tally::default() }
    }

    fn record(&mut self, failed: bool, slow: bool, now: Moment) {
        self.move_on(now);
        self.sums[slot(self.current)].add(failed, slow);
        self.sum.add(failed, slow);
    }

    fn move_on(&mut self, now: Moment) {
        if now.0 < self.ends {
            return;
        }
        let current = now.0 / self.width;
        self.ends = (current + 1).saturating_mul(self.width);
        if current.saturating_sub(self.current) >= PARTS as u64 {
            self.clear();
            self.current = current;
        }
        while self.current < current {
            self.current += 1;
            self.sum.subtract(std::mem::take(&mut self.sums[slot(self.current)]));
        }
    }

    fn clear(&mut self) {
        (*self.sums, self.sum) = ([Tally::default(); PARTS], Tally::default());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is below the number of parts")]
fn slot(part: u64) -> usize {
    (part % PARTS as u64) as usize
}
