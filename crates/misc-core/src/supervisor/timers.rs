//! One timer per service: the next moment at which the supervisor must look at it.

use std::{cmp::Reverse, collections::BinaryHeap};

use slab::Slab;
use tokio::time::Instant;

use super::entry::Entry;

/// The timers of all services, soonest first.
///
/// A timer is cancelled by forgetting its number in the entry; what is stale is thrown away when it reaches the top,
/// so there is no wake-up for it.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    set: u64,
}

impl Timers {
    /// Sets a timer; returns the number by which it is known.
    pub(super) fn set(&mut self, id: usize, at: Instant) -> u64 {
        self.set += 1;
        self.heap.push(Reverse((at, self.set, id)));
        self.set
    }

    /// Returns the moment of the next timer.
    pub(super) fn next(&mut self, entries: &Slab<Entry>) -> Option<Instant> {
        while let Some(&Reverse((at, number, id))) = self.heap.peek() {
            if entries.get(id).is_some_and(|entry| entry.timer == Some(number)) {
                return Some(at);
            }
            self.heap.pop();
        }
        None
    }

    /// Gives room back that only a burst of timers has needed.
    pub(super) fn shrink_to(&mut self, room: usize) {
        self.heap.shrink_to(room.max(self.heap.len().saturating_mul(2)));
    }

    /// Takes the next timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant, entries: &Slab<Entry>) -> Option<usize> {
        self.next(entries).filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse((_, _, id))| id)
    }
}
