//! Readings on their way to the broker.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use misc::metrics::Counter;
use tokio::sync::Notify;

use crate::frame::Reading;

/// A queue with a bound: when it is full the oldest reading makes room, since the latest says more.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<VecDeque<Reading>>,
    capacity: NonZeroUsize,
    more: Notify,
    dropped: Counter,
}

impl Outbox {
    /// Creates an empty one, which counts in `dropped` what had to make room.
    pub(crate) fn new(capacity: NonZeroUsize, dropped: Counter) -> Self {
        Self { waiting: Mutex::default(), capacity, more: Notify::new(), dropped }
    }

    pub(crate) fn push(&self, reading: Reading) {
        let mut waiting = self.waiting();
        if waiting.len() == self.capacity.get() {
            waiting.pop_front();
            self.dropped.inc();
        }
        waiting.push_back(reading);
        drop(waiting);
        self.more.notify_one();
    }

    pub(crate) fn pop(&self) -> Option<Reading> {
        self.waiting().pop_front()
    }

    /// Waits for the next reading; one task at a time may do so.
    ///
    /// # Cancel safety
    /// Strict.
    pub(crate) async fn next(&self) -> Reading {
        loop {
            if let Some(reading) = self.pop() {
                return reading;
            }
            // One that came in between has left its permit.
            self.more.notified().await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting().len()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Reading>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use misc::metrics::Registry;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_latest_stay_in_order_and_the_others_are_counted(
            capacity in 1usize..5,
            // How many come, and then how many leave.
            steps in prop::collection::vec((0u32..8, 0u32..8), 0..20),
        ) {
            let dropped = Registry::new("").counter("dropped_total", "Dropped.").expect("a counter");
            let outbox = Outbox::new(NonZeroUsize::new(capacity).expect("it is not zero"), dropped.clone());
            let (mut model, mut next, mut gone) = (VecDeque::new(), 0.0, 0);
            for (come, leave) in steps {
                for _ in 0..come {
                    outbox.push(Reading { device: "".into(), kind: "".into(), value: next });
                    model.push_back(next);
                    next += 1.0;
                }
                while model.len() > capacity {
                    model.pop_front();
                    gone += 1;
                }
                for _ in 0..leave {
                    prop_assert_eq!(outbox.pop().map(|reading| reading.value), model.pop_front());
                }
                prop_assert_eq!((outbox.len(), dropped.get()), (model.len(), gone));
            }
        }
    }
}
