//! A call on its way through all that a plan has.
//!
//! One future does it for closures and services alike, and allocates nothing unless it must wait for its turn. A timer is
//! made when an attempt does not end at once.

use std::{
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use misc_core::{Deadline, Verdict};
use pin_project_lite::pin_project;
use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

use super::{meters::Outcome, plan::Plan, work::Work};
use crate::{
    breaker::{Breaker, Permit},
    bulkhead::Slot,
    error::{Error, Rejection},
    retry::{Attempt, Delays},
};

pin_project! {
    /// A call and what it holds, in the order in which that is let go of.
    #[project = FlowProjection]
    pub(crate) struct Flow<P: Deref<Target = Plan>, W: Work> {
        #[pin]
        attempt: Option<W::Future>,
        #[pin]
        timer: Option<Sleep>,
        work: W,
        stage: Stage,
        permit: Option<Permit>,
        slot: Option<Slot>,
        // Made when the first attempt has failed.
        delays: Option<Delays>,
        // How the last attempt that came to an end by itself has ended.
        last: Option<Result<W::Output, W::Error>>,
        number: u32,
        deadline: Option<Instant>,
        // When the attempt, or the pause, is over.
        until: Option<Instant>,
        tally: Tally<P>,
    }
}

enum Stage {
    New,
    /// Waits for its turn.
    Queued(Pin<Box<dyn Future<Output = Result<Slot, Rejection>> + Send>>),
    Attempting,
    Pausing,
    Over,
}

/// How a call ends.
type End<W> = Result<<W as Work>::Output, Error<<W as Work>::Error>>;

impl<P: Deref<Target = Plan>, W: Work> Flow<P, W> {
    pub(crate) fn new(plan: P, work: W) -> Self {
        Self {
            attempt: None,
            timer: None,
            work,
            stage: Stage::New,
            permit: None,
            slot: None,
            delays: None,
            last: None,
            number: 0,
            deadline: None,
            until: None,
            tally: Tally { plan, is_open: false },
        }
    }
}

impl<P: Deref<Target = Plan>, W: Work> Future for Flow<P, W> {
    type Output = End<W>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<W>> {
        let mut this = self.project();
        loop {
            let ended = match this.stage {
                Stage::New => this.enter(),
                Stage::Queued(turn) => {
                    let turn = ready!(turn.as_mut().poll(cx));
                    this.admit(turn, Instant::now())
                }
                Stage::Attempting => {
                    let end = ready!(this.poll_attempt(cx));
                    this.settle(end)
                }
                Stage::Pausing => {
                    ready!(this.poll_timer(cx));
                    this.begin(Instant::now())
                }
                Stage::Over => return Poll::Pending,
            };
            if let Some(end) = ended {
                return Poll::Ready(end);
            }
        }
    }
}

/// What a step leads to: the end of the call, or the next step.
type Step<W> = Option<End<W>>;

impl<P: Deref<Target = Plan>, W: Work> FlowProjection<'_, P, W> {
    /// Begins: by the clock, then by the bulkhead.
    fn enter(&mut self) -> Step<W> {
        let now = Instant::now();
        self.tally.is_open = true;
        let (own, outer) = (self.tally.plan.deadline, Deadline::current());
        *self.deadline = sooner(own.map(|time| later(now, time)), outer.map(Deadline::instant));
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return self.end(Outcome::Timeout, Err(Error::timed_out()));
        }
        let Some(bulkhead) = &self.tally.plan.bulkhead else {
            return self.begin(now);
        };
        match bulkhead.take() {
            Some(slot) => self.admit(Ok(slot), now),
            None => {
                *self.stage = Stage::Queued(Box::pin(bulkhead.clone().queue(*self.deadline)));
                None
            }
        }
    }

    fn admit(&mut self, turn: Result<Slot, Rejection>, now: Instant) -> Step<W> {
        match turn {
            Ok(slot) => {
                *self.slot = Some(slot);
                self.begin(now)
            }
            Err(full) => self.end(Outcome::Full, Err(full.into())),
        }
    }

    /// Begins an attempt, if the breaker lets it pass, and the budget if it is not the first.
    fn begin(&mut self, now: Instant) -> Step<W> {
        let plan = &*self.tally.plan;
        let permit = match plan.breaker.as_ref().map(Breaker::acquire).transpose() {
            Ok(permit) => permit,
            Err(open) => return self.give_up(Outcome::Rejected, open.into()),
        };
        if *self.number == 0 {
            if let Some(budget) = &plan.budget {
                budget.record_call_at(now);
            }
        } else if plan.budget.as_ref().is_none_or(|budget| budget.withdraw_at(now)) {
            plan.count_retry();
        } else {
            if let Some(permit) = permit {
                permit.give_back();
            }
            plan.count_exhausted();
            return self.give_up(Outcome::Timeout, Error::timed_out());
        }
        (*self.permit, *self.number) = (permit, *self.number + 1);
        *self.until = sooner(plan.attempt_timeout.map(|time| later(now, time)), *self.deadline);
        *self.stage = Stage::Attempting;
        None
    }

    /// Ends without another attempt: with the last real error, or with this if there was none.
    fn give_up(&mut self, outcome: Outcome, error: Error<W::Error>) -> Step<W> {
        match self.last.take() {
            Some(last) => self.end(Outcome::Failure, last.map_err(Error::inner_error)),
            None => self.end(outcome, Err(error)),
        }
    }

    /// Polls the attempt under its deadline; `None` if that has passed.
    fn poll_attempt(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<W::Output, W::Error>>> {
        let end = match *self.until {
            Some(until) => Deadline::at(until).sync_scope(|| self.poll_work(cx)),
            None => self.poll_work(cx),
        };
        match end {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if self.until.is_some() => self.poll_timer(cx).map(|()| None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Result<W::Output, W::Error>> {
        if self.attempt.is_none() {
            ready!(self.work.poll_ready(cx))?;
            let attempt = Attempt::new(*self.number, self.tally.plan.attempts());
            self.attempt.set(Some(self.work.start(attempt)));
        }
        self.attempt.as_mut().as_pin_mut().expect("it was set").poll(cx)
    }

    /// Waits until the attempt or the pause is over, even when the task has spent its budget: it is the attempt that shall
    /// not take too long.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = *self.until else {
            return Poll::Ready(());
        };
        match self.timer.as_mut().as_pin_mut() {
            Some(timer) if timer.deadline() == until => {}
            Some(timer) => timer.reset(until),
            None => self.timer.set(Some(sleep_until(until))),
        }
        Pin::new(&mut unconstrained(self.timer.as_mut().as_pin_mut().expect("it was set"))).poll(cx)
    }

    /// Tells the breaker how an attempt has ended, and decides whether there is another one.
    fn settle(&mut self, end: Option<Result<W::Output, W::Error>>) -> Step<W> {
        self.attempt.set(None);
        let verdict = match &end {
            Some(end) => self.work.verdict(end.as_ref()),
            None => Verdict::Transient(None),
        };
        if let Some(permit) = self.permit.take() {
            permit.settle(verdict, What { work: &*self.work, end: end.as_ref() });
        }
        if let Verdict::Transient(after) = verdict
            && let Some(pause) = self.next_pause(after)
        {
            let (name, attempt) = (&*self.tally.plan.name, *self.number);
            tracing::debug!(name, attempt, ?pause, error = %What { work: &*self.work, end: end.as_ref() }, "trying again");
            if end.is_some() {
                *self.last = end;
            }
            *self.stage = Stage::Pausing;
            return None;
        }
        match end.or_else(|| self.last.take()) {
            Some(end) => {
                let outcome = match verdict {
                    Verdict::Success => Outcome::Success,
                    Verdict::Ignored => Outcome::Ignored,
                    _ => Outcome::Failure,
                };
                self.end(outcome, end.map_err(Error::inner_error))
            }
            None => self.end(Outcome::Timeout, Err(Error::timed_out())),
        }
    }

    /// Decides whether there is another attempt, and sets when.
    fn next_pause(&mut self, after: Option<Duration>) -> Option<Duration> {
        let plan = &*self.tally.plan;
        let retry = plan.retry.as_ref()?;
        if *self.number >= retry.attempts || !self.work.can_repeat() {
            return None;
        }
        let pause = self.delays.get_or_insert_with(|| retry.delays()).next()?.max(after.unwrap_or_default());
        let until = later(Instant::now(), pause);
        if self.deadline.is_some_and(|deadline| until >= deadline) {
            return None;
        }
        // Who could not be made again after the pause need not wait for it.
        if plan.breaker.as_ref().is_some_and(|breaker| breaker.is_shut_for(pause)) {
            return None;
        }
        if plan.budget.as_ref().is_some_and(|budget| budget.available() == 0) {
            plan.count_exhausted();
            return None;
        }
        *self.until = Some(until);
        Some(pause)
    }

    fn end(&mut self, outcome: Outcome, end: End<W>) -> Step<W> {
        *self.stage = Stage::Over;
        self.timer.set(None);
        *self.slot = None;
        self.tally.close(outcome);
        Some(end)
    }
}

impl<P: Deref<Target = Plan>, W: Work> fmt::Debug for Flow<P, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("name", &self.tally.plan.name)
            .field("attempt", &self.number)
            .finish_non_exhaustive()
    }
}

/// Counts what becomes of a call: if it is dropped, it was cancelled.
struct Tally<P: Deref<Target = Plan>> {
    plan: P,
    is_open: bool,
}

impl<P: Deref<Target = Plan>> Tally<P> {
    fn close(&mut self, outcome: Outcome) {
        self.is_open = false;
        if let Some(meters) = self.plan.meters.get() {
            meters.count(outcome);
        }
    }
}

impl<P: Deref<Target = Plan>> Drop for Tally<P> {
    fn drop(&mut self) {
        if self.is_open {
            self.close(Outcome::Cancelled);
        }
    }
}

/// Says how an attempt has failed.
struct What<'a, W: Work> {
    work: &'a W,
    end: Option<&'a Result<W::Output, W::Error>>,
}

impl<W: Work> fmt::Display for What<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(Ok(answer)) => f.write_str(&self.work.describe(answer)),
            Some(Err(error)) => error.fmt(f),
            None => f.write_str("it took too long"),
        }
    }
}

fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What stands for "never" where the clock cannot add a duration: about thirty years.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

fn later(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or_else(|| moment + NEVER)
}
