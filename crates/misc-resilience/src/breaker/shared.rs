//! The rules behind a lock, and who is told of changes.

use std::time::Duration;

use super::{
    machine::{Change, Denial, Machine, Order, Outcome, View},
    moment::Moment,
    window::Tally,
};
use crate::sync::{AtomicU64, Mutex, Ordering, lock};

/// Is told of every change of state: in order, one at a time, while no lock is held.
pub(crate) trait Audience {
    fn changed(&self, change: &Change);
}

/// A [`Machine`] that many threads use at once.
#[derive(Debug)]
pub(crate) struct Shared<A> {
    /// The number of the stay, times two, and one more if every call passes: a closed breaker lets calls in without a lock.
    ///
    /// Who reads it just before a change has begun before that change, and that is how its outcome is taken.
    gate: AtomicU64,
    inner: Mutex<Inner>,
    audience: A,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
    /// Whether some thread tells the audience of changes; others leave theirs to it.
    telling: bool,
}

impl<A: Audience> Shared<A> {
    pub(crate) fn new(machine: Machine, audience: A) -> Self {
        let gate = AtomicU64::new(gate(&machine));
        Self { gate, inner: Mutex::new(Inner { machine, telling: false }), audience }
    }

    pub(crate) fn audience(&self) -> &A {
        &self.audience
    }

    /// Returns the number of the stay if every call passes.
    pub(crate) fn free(&self) -> Option<u64> {
        let gate = self.gate.load(Ordering::Acquire);
        (gate & 1 == 1).then_some(gate >> 1)
    }

    /// Lets a call in, and returns the number of the stay; or says why not, and counts it.
    pub(crate) fn enter(&self, now: impl Fn() -> Moment) -> Result<u64, Denial> {
        match self.free() {
            Some(stay) => Ok(stay),
            None => self.with(|machine| machine.enter(now())),
        }
    }

    /// Says why no call passes, if none does; counts nothing.
    pub(crate) fn shut(&self, now: impl Fn() -> Moment) -> Option<Denial> {
        if self.free().is_some() {
            return None;
        }
        self.with(|machine| {
            let now = now();
            machine.move_on(now);
            machine.shut(now)
        })
    }

    /// Counts a call that was not made since it was [`shut`](Self::shut).
    pub(crate) fn reject(&self, now: impl Fn() -> Moment) {
        self.with(|machine| machine.reject(now()));
    }

    /// Takes the outcome of a call, and returns the calls by which it is judged now.
    pub(crate) fn settle(&self, stay: u64, outcome: Outcome, now: impl Fn() -> Moment) -> Tally {
        self.with(|machine| {
            machine.settle(stay, outcome, now);
            machine.tally()
        })
    }

    pub(crate) fn obey(&self, order: Order, now: impl Fn() -> Moment) {
        self.with(|machine| machine.obey(order, now()));
    }

    /// Makes the changes that are due, and returns in what time there may be another by the clock alone.
    pub(crate) fn due(&self, now: impl Fn() -> Moment) -> Option<Duration> {
        self.with(|machine| machine.due(now()))
    }

    pub(crate) fn view(&self, now: impl Fn() -> Moment) -> View {
        self.with(|machine| machine.view(now()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        let mut inner = lock(&self.inner);
        let stay = inner.machine.stay();
        let result = act(&mut inner.machine);
        if inner.machine.stay() != stay {
            self.gate.store(gate(&inner.machine), Ordering::Release);
        }
        let must_tell = inner.machine.has_changes() && !std::mem::replace(&mut inner.telling, true);
        drop(inner);
        if must_tell {
            self.tell();
        }
        result
    }

    fn tell(&self) {
        while let Some(change) = self.next_change() {
            self.audience.changed(&change);
        }
    }

    fn next_change(&self) -> Option<Change> {
        let mut inner = lock(&self.inner);
        let change = inner.machine.next_change();
        inner.telling = change.is_some();
        change
    }
}

fn gate(machine: &Machine) -> u64 {
    machine.stay() << 1 | u64::from(machine.state().is_free())
}
