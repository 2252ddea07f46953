//! What is due when: two heaps, one for each clock.

use std::{cmp::Reverse, collections::BinaryHeap};

use tokio::time::Instant;

use crate::{arm::Due, clock::Now};

/// How many entries there may be before those that are stale are looked for.
const SWEEP: usize = 1_024;

/// Names one arm of one task; stale once the arm has a later ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) ticket: u64,
    pub(super) id: usize,
    pub(super) arm: usize,
}

/// What is due at the same time goes by its ticket: first come, first served.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item<T> {
    at: T,
    ticket: u64,
    id: u32,
    arm: u32,
}

impl<T> Item<T> {
    fn new(at: T, key: Key) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { at, ticket: key.ticket, id: small(key.id), arm: small(key.arm) }
    }

    fn key(&self) -> Key {
        Key { ticket: self.ticket, id: self.id as usize, arm: self.arm as usize }
    }
}

/// What is due, the soonest first. What is stale is dropped when it comes up.
#[derive(Debug, Default)]
pub(super) struct Queue {
    mono: BinaryHeap<Reverse<Item<Instant>>>,
    wall: BinaryHeap<Reverse<Item<i64>>>,
    sweep_at: usize,
}

impl Queue {
    pub(super) fn push(&mut self, due: Due, key: Key) {
        match due {
            Due::Mono(at) => self.mono.push(Reverse(Item::new(at, key))),
            Due::Wall(at) => self.wall.push(Reverse(Item::new(at, key))),
        }
    }

    /// Takes the next one that is due.
    pub(super) fn pop_due(&mut self, now: &Now) -> Option<Key> {
        if self.mono.peek().is_some_and(|Reverse(item)| item.at <= now.mono) {
            return self.mono.pop().map(|Reverse(item)| item.key());
        }
        if self.wall.peek().is_some_and(|Reverse(item)| item.at <= now.wall) {
            return self.wall.pop().map(|Reverse(item)| item.key());
        }
        None
    }

    /// Drops what is stale at the front, so that nobody wakes up for it.
    pub(super) fn trim(&mut self, is_current: impl Fn(&Key) -> bool) {
        while self.mono.peek().is_some_and(|Reverse(item)| !is_current(&item.key())) {
            self.mono.pop();
        }
        while self.wall.peek().is_some_and(|Reverse(item)| !is_current(&item.key())) {
            self.wall.pop();
        }
    }

    /// Returns when the next one is due, as far as is known now.
    pub(super) fn earliest(&self, now: &Now) -> Option<Instant> {
        let mono = self.mono.peek().map(|Reverse(item)| item.at);
        let wall = self.wall.peek().map(|Reverse(item)| Due::Wall(item.at).moment(now));
        mono.into_iter().chain(wall).min()
    }

    pub(super) fn has_wall(&self) -> bool {
        !self.wall.is_empty()
    }

    fn len(&self) -> usize {
        self.mono.len() + self.wall.len()
    }

    /// Drops what is stale, once there is twice as much as after the last time.
    pub(super) fn sweep(&mut self, is_current: impl Fn(&Key) -> bool) {
        if self.len() > self.sweep_at.max(SWEEP) {
            self.mono.retain(|Reverse(item)| is_current(&item.key()));
            self.wall.retain(|Reverse(item)| is_current(&item.key()));
            self.sweep_at = 2 * self.len();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use super::*;

    #[test]
    fn is_seldom_swept_when_nothing_is_stale() {
        let (mut queue, looks, now) = (Queue::default(), Cell::new(0), Instant::now());
        for ticket in 0..10_000 {
            queue.push(Due::Mono(now + Duration::from_secs(ticket)), Key { ticket, id: 0, arm: 0 });
            queue.sweep(|_| {
                looks.set(looks.get() + 1);
                true
            });
        }
        assert!(looks.get() < 20_000, "{}", looks.get());
        // What is stale does not pile up.
        queue.sweep(|_| false);
        for ticket in 0..50_000 {
            queue.push(Due::Wall(0), Key { ticket, id: 0, arm: 0 });
            queue.sweep(|_| false);
            assert!(queue.len() < 20_000);
        }
    }
}
