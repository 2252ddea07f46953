//! One check in operation: a single run at a time, shared by all who ask.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::{Duration, SystemTime},
};

use misc_core::{Context, Meter};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    check::{Answer, Check},
    damping::{Damper, Thresholds},
    record::Record,
    report::{Component, Measured, Reason, Status},
};

/// How late the drop of a run may be on a busy runtime.
const LET_GO_WITHIN: Duration = Duration::from_millis(50);

/// A check with its last result and, while there is one, its run.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) name: Arc<str>,
    pub(crate) check: Check,
    record: Record,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    damper: Damper,
    last: Option<Landed>,
    running_since: Option<Instant>,
    /// Whether the run has failed already, since its time was over and it did not end.
    is_given_up: bool,
    /// Counts runs that have ended, however they did.
    ended: u64,
}

/// A result.
#[derive(Debug)]
struct Landed {
    at: Instant,
    measured: Measured,
    result: Result<(), Reason>,
}

/// Says for which run to wait.
pub(crate) struct Ticket(u64);

impl Flight {
    pub(crate) fn new(name: Arc<str>, check: Check) -> Self {
        Self { name, check, record: Record::default(), state: watch::Sender::default() }
    }

    /// Sees to it that there is a result of now, or a run that will give one; returns that one.
    ///
    /// Without a context nobody can own a run, and the last result must do.
    pub(crate) fn request(self: &Arc<Self>, ctx: Option<&Context>) -> Option<Ticket> {
        let now = Instant::now();
        let (mut ticket, mut starts) = (None, false);
        self.state.send_if_modified(|state| {
            if self.is_overdue(state, now) || self.is_fresh(state, now) {
                return false;
            }
            starts = state.running_since.is_none() && ctx.is_some();
            if starts {
                state.running_since = Some(now);
            }
            ticket = state.running_since.map(|_| Ticket(state.ended));
            // Nobody waits for a start.
            false
        });
        if let Some(ctx) = ctx.filter(|_| starts) {
            let run = Run { flight: Arc::clone(self), meter: ctx.meter().clone(), began: now };
            drop(ctx.spawn_until_stopping(run.fly()));
        }
        ticket
    }

    /// Waits until a run has ended.
    ///
    /// # Cancel safety
    /// Strict: the run goes on.
    pub(crate) async fn ended(&self, Ticket(ended): Ticket) {
        // Cannot fail: `self` holds the sender.
        drop(self.state.subscribe().wait_for(|state| state.ended != ended).await);
    }

    /// Counts a run as failed that cannot be dropped when its time is over.
    ///
    /// It does so at once, whatever the thresholds: while it is there, no other run can fail, or succeed.
    pub(crate) fn give_up_overdue(&self, meter: Option<&Meter>) {
        let mut turn = None;
        let is_new = self.state.send_if_modified(|state| {
            if state.is_given_up || !self.is_overdue(state, Instant::now()) {
                return false;
            }
            state.is_given_up = true;
            turn = state.damper.note(false, Thresholds::NONE);
            true
        });
        if is_new {
            self.record.verdict(&self.name, false, turn, Some(self.too_late().whole()), meter);
        }
    }

    /// Shows what is known.
    pub(crate) fn component(&self) -> Component {
        let state = self.state.borrow();
        let is_overdue = self.is_overdue(&state, Instant::now());
        let failing = if self.check.critical { Status::Fail } else { Status::Warn };
        let (status, reason) = match (&state.last, state.damper.is_up()) {
            _ if is_overdue => (failing, Some(self.too_late())),
            (None, _) | (_, None) => (failing, Some(Reason::public("there is no result yet"))),
            (Some(Landed { result: Ok(()), .. }), Some(true)) => (Status::Pass, None),
            (Some(Landed { result: Ok(()), .. }), Some(false)) => (failing, Some(Reason::public("recovering"))),
            (Some(Landed { result: Err(reason), .. }), Some(true)) => (Status::Warn, Some(reason.clone())),
            (Some(Landed { result: Err(reason), .. }), Some(false)) => (failing, Some(reason.clone())),
        };
        let result = state.last.as_ref().map(|last| last.measured);
        Component { name: Arc::clone(&self.name), status, reason, result }
    }

    fn is_fresh(&self, state: &State, now: Instant) -> bool {
        state.last.as_ref().is_some_and(|last| now.saturating_duration_since(last.at) < self.check.cached_for)
    }

    /// Tells whether a run has not ended when its time was over: it blocks its thread, so that nothing can drop it.
    fn is_overdue(&self, state: &State, now: Instant) -> bool {
        let bound = self.check.within.saturating_add(LET_GO_WITHIN);
        state.running_since.is_some_and(|since| now.saturating_duration_since(since) > bound)
    }

    fn too_late(&self) -> Reason {
        Reason::public(format!("no answer within {:?}", self.check.within))
    }
}

/// One run of a check; dropped, it has ended without a result.
struct Run {
    flight: Arc<Flight>,
    meter: Meter,
    began: Instant,
}

impl Run {
    async fn fly(self) {
        let flight = &*self.flight;
        let answer = timeout(flight.check.within, Caught::begin(&flight.check)).await;
        self.land(answer.unwrap_or_else(|_| Err(flight.too_late())));
    }

    fn land(&self, result: Result<(), Reason>) {
        let Flight { name, check, record, state } = &*self.flight;
        let now = Instant::now();
        let took = now.saturating_duration_since(self.began);
        let (mut turn, mut is_up, mut error) = (None, false, None);
        // Whoever waits is woken by the drop that follows.
        state.send_if_modified(|state| {
            // It was told as too late, and what it says now is too late indeed.
            let result = if state.is_given_up { Err(self.flight.too_late()) } else { result };
            turn = state.damper.note(result.is_ok(), check.thresholds);
            is_up = state.damper.is_up() == Some(true);
            error = result.as_ref().err().map(|reason| reason.whole().to_owned());
            state.last = Some(Landed { at: now, measured: Measured { at: SystemTime::now(), took }, result });
            false
        });
        record.took(name, took, &self.meter);
        record.verdict(name, is_up, turn, error.as_deref(), Some(&self.meter));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.flight.state.send_modify(|state| {
            state.running_since = None;
            state.is_given_up = false;
            state.ended += 1;
        });
    }
}

/// A run of a user's code, whose panics are failures of the check and of nothing else.
struct Caught(Option<Answer>);

impl Caught {
    fn begin(check: &Check) -> impl Future<Output = Result<(), Reason>> {
        let begun = catch_unwind(AssertUnwindSafe(|| check.begin()));
        async move {
            match begun {
                Ok(answer) => Self(Some(answer)).await,
                Err(payload) => Err(Reason::withheld(panic_message(&*payload))),
            }
        }
    }
}

impl Future for Caught {
    type Output = Result<(), Reason>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Some(answer) = &mut self.0 else {
            return Poll::Pending;
        };
        let poll = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
        poll.unwrap_or_else(|payload| Poll::Ready(Err(Reason::withheld(panic_message(&*payload)))))
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        let answer = self.0.take();
        // The panic hook has told of it, and the result is there already.
        drop(catch_unwind(AssertUnwindSafe(|| drop(answer))));
    }
}

/// Says what a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("(no message)"))
}
