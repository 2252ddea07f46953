//! When jobs began.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// Takes down when the first so many jobs begin, whichever they are.
pub(crate) struct Log {
    since: Instant,
    begun: Vec<AtomicU64>,
    count: AtomicU32,
}

impl Log {
    pub(crate) fn new(jobs: u32) -> Self {
        Self { since: Instant::now(), begun: (0..jobs).map(|_| AtomicU64::new(0)).collect(), count: AtomicU32::new(0) }
    }

    /// A job begins.
    pub(crate) fn begin(&self) {
        let at = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(begun) = self.begun.get(at as usize) {
            begun.store(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Returns how many have begun, and how long that was from the first to the last.
    pub(crate) fn first_to_last(&self) -> (u32, Duration) {
        let begun = self.begun.iter().map(|begun| begun.load(Ordering::Acquire)).filter(|begun| *begun > 0);
        let (count, first, last) =
            begun.fold((0, u64::MAX, 0), |(count, first, last), at| (count + 1, at.min(first), at.max(last)));
        (count, Duration::from_nanos(last.saturating_sub(first).max(1)))
    }

    /// Returns when a job has begun, if it has.
    pub(crate) fn begun(&self, at: u32) -> Option<Instant> {
        let nanos = self.begun.get(at as usize)?.load(Ordering::Acquire);
        (nanos > 0).then(|| self.since + Duration::from_nanos(nanos))
    }
}
