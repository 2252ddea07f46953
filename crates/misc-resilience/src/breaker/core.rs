//! What all handles of a breaker share: its rules, its clock, and who is told.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use misc_core::{Meter, Verdict};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    config::BreakerConfig,
    machine::{Change, Denial, Machine, Order, Outcome, View},
    meters::Meters,
    moment::Moment,
    shared::{Audience, Shared},
    status::BreakerTransition,
    window::Tally,
};
use crate::error::Rejection;

type Listener = Arc<dyn Fn(&BreakerTransition) + Send + Sync>;

#[derive(Debug)]
pub(crate) struct Core {
    shared: Shared<Listeners>,
    clock: Clock,
    slow_after: Option<Duration>,
}

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct Ticket {
    stay: u64,
    /// When, if calls are timed.
    began: Option<Moment>,
}

impl Core {
    pub(crate) fn new(name: &str, config: BreakerConfig) -> Self {
        let slow_after = config.slow_call_duration;
        let (meters, all, changes) = Default::default();
        let listeners = Listeners { name: name.into(), meters, all, changes };
        let machine = Machine::new(config, fastrand::u64(..));
        Self { shared: Shared::new(machine, listeners), clock: Clock { start: Instant::now() }, slow_after }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.listeners().name
    }

    pub(crate) fn listeners(&self) -> &Listeners {
        self.shared.audience()
    }

    fn meters(&self) -> Option<&Meters> {
        self.listeners().meters.get()
    }

    pub(crate) fn measure(&self, meter: &Meter) {
        if meter.is_enabled() {
            let view = self.view();
            self.listeners().meters.get_or_init(|| Meters::resolve(meter, self.name(), view.state, view.tally));
        }
    }

    pub(crate) fn view(&self) -> View {
        let view = self.shared.view(|| self.clock.now());
        if let Some(meters) = self.meters() {
            meters.rates(view.tally);
        }
        view
    }

    pub(crate) fn order(&self, order: Order) {
        self.shared.obey(order, || self.clock.now());
    }

    /// Makes what is due by the clock happen when it is due, and never ends.
    pub(crate) async fn watch(&self) {
        loop {
            // Asked for first, so that no change is missed.
            let changed = self.listeners().changes.notified();
            match self.shared.due(|| self.clock.now()) {
                Some(time) => drop(timeout(time, changed).await),
                None => changed.await,
            }
        }
    }

    pub(crate) fn enter(&self) -> Result<Ticket, Rejection> {
        match self.shared.enter(|| self.clock.now()) {
            Ok(stay) => Ok(Ticket { stay, began: self.slow_after.map(|_| self.clock.now()) }),
            Err(denial) => {
                self.count_rejected();
                Err(self.rejection(denial))
            }
        }
    }

    /// Says why no call passes, if none does; counts nothing.
    pub(crate) fn shut(&self) -> Option<Rejection> {
        self.shared.shut(|| self.clock.now()).map(|denial| self.rejection(denial))
    }

    /// Counts a call that was not made since it was [`shut`](Self::shut).
    pub(crate) fn reject(&self) {
        self.shared.reject(|| self.clock.now());
        self.count_rejected();
    }

    fn count_rejected(&self) {
        if let Some(meters) = self.meters() {
            meters.rejected.increment(1);
        }
    }

    fn rejection(&self, denial: Denial) -> Rejection {
        Rejection::open(Arc::clone(self.name()), denial.state, denial.retry_after, denial.last_error)
    }

    pub(crate) fn settle(&self, ticket: &Ticket, verdict: Verdict, error: impl FnOnce() -> Arc<str>) {
        let ended = ticket.began.map(|_| self.clock.now());
        let slow = ended.zip(ticket.began).is_some_and(|(ended, began)| Some(ended.since(began)) > self.slow_after);
        let outcome = match verdict {
            Verdict::Success => Outcome::Success { slow },
            Verdict::Failure | Verdict::Transient(_) => Outcome::Failure { slow, error: error() },
            _ => Outcome::Nothing,
        };
        let failed = matches!(outcome, Outcome::Failure { .. });
        let tally = self.take(ticket, outcome, ended);
        if let Some(meters) = self.meters() {
            match verdict {
                Verdict::Success => meters.success.increment(1),
                _ if failed => meters.failure.increment(1),
                _ => meters.ignored.increment(1),
            }
            if slow {
                meters.slow.increment(1);
            }
            meters.rates(tally);
        }
    }

    pub(crate) fn give_back(&self, ticket: &Ticket) {
        self.take(ticket, Outcome::Nothing, None);
    }

    pub(crate) fn cancel(&self, ticket: &Ticket) {
        self.give_back(ticket);
        if let Some(meters) = self.meters() {
            meters.cancelled.increment(1);
        }
    }

    fn take(&self, ticket: &Ticket, outcome: Outcome, ended: Option<Moment>) -> Tally {
        self.shared.settle(ticket.stay, outcome, || ended.unwrap_or_else(|| self.clock.now()))
    }
}

#[derive(Debug)]
struct Clock {
    start: Instant,
}

impl Clock {
    fn now(&self) -> Moment {
        Moment::after_start(self.start.elapsed())
    }
}

/// Those who are told of changes: metrics, the log, and listeners.
pub(crate) struct Listeners {
    name: Arc<str>,
    meters: OnceLock<Meters>,
    all: RwLock<Vec<Listener>>,
    /// Wakes those who watch.
    changes: Notify,
}

impl Listeners {
    pub(crate) fn add(&self, listener: impl Fn(&BreakerTransition) + Send + Sync + 'static) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    fn tell(&self, change: &Change) {
        if let Some(meters) = self.meters.get() {
            meters.entered(change.to);
            meters.rates(if change.to.is_shut() { change.tally } else { Tally::default() });
        }
        let transition = BreakerTransition::new(&self.name, change);
        transition.log();
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in all {
            if catch_unwind(AssertUnwindSafe(|| listener(&transition))).is_err() {
                tracing::error!(target: "misc_resilience", breaker = %self.name, "a listener has panicked");
            }
        }
    }
}

impl Audience for Listeners {
    /// Whatever panics, the next change is told.
    fn changed(&self, change: &Change) {
        if catch_unwind(AssertUnwindSafe(|| self.tell(change))).is_err() {
            tracing::error!(target: "misc_resilience", breaker = %self.name, "telling of a change has panicked");
        }
        self.changes.notify_waiters();
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("breaker", &self.name).finish_non_exhaustive()
    }
}
