//! Stopping the app: the drain delay, the order, and the bounds.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Entry, Event, Supervisor, Todo,
    entry::{Hold, Outcome, Then},
};
use crate::{lifecycle::Phase, time::later};

/// What is kept of the total for closing resources, unless the total is short.
const RESERVE: Duration = Duration::from_secs(3);
/// What everybody gets for stopping, also when others have used up the time: enough for who stops at once.
const LEAST: Duration = Duration::from_millis(100);

/// How far the stop of the app has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    No,
    Under { stage: Stage, limits: Limits },
    Done,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// Not ready any more, but still serving.
    Draining { until: Instant },
    /// Everything but resources is stopping.
    Services { called: bool },
    /// Resources are closing.
    Resources { called: bool },
}

/// The last moments of an app.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    services: Instant,
    resources: Instant,
}

impl Limits {
    fn until(now: Instant, end: Instant) -> Self {
        let total = end.saturating_duration_since(now);
        Self { services: end - RESERVE.min(total / 2), resources: end }
    }

    fn sooner(self, other: Self) -> Self {
        Self { services: self.services.min(other.services), resources: self.resources.min(other.resources) }
    }
}

impl Stop {
    /// Tells whether the app goes on as if nothing were.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::No)
    }

    /// Tells whether services are being stopped.
    pub(super) fn has_begun(&self) -> bool {
        !self.is_none() && self.drains_until().is_none()
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Returns the moment at which the stop goes on by itself.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.drains_until().or(self.last_call())
    }

    fn drains_until(&self) -> Option<Instant> {
        match self {
            Self::Under { stage: Stage::Draining { until }, .. } => Some(*until),
            _ => None,
        }
    }

    /// Returns the moment at which those of this stage who still wait for their turn are asked all the same.
    fn last_call(&self) -> Option<Instant> {
        match self {
            Self::Under { stage: Stage::Services { called: false }, limits } => Some(limits.services + LEAST),
            Self::Under { stage: Stage::Resources { called: false }, limits } => Some(limits.resources + LEAST),
            _ => None,
        }
    }

    /// Returns the last moment for a service, or for a resource.
    fn limit(&self, resource: bool) -> Option<Instant> {
        match self {
            Self::Under { limits, .. } if resource => Some(limits.resources),
            Self::Under { limits, .. } => Some(limits.services),
            Self::No | Self::Done => None,
        }
    }

    fn closes_resources(&self) -> bool {
        matches!(self, Self::Under { stage: Stage::Resources { .. }, .. })
    }
}

impl Supervisor {
    /// Begins to stop the app; `requested` by its operator rather than by a failure or its own end.
    pub(super) fn begin_stop(&mut self, requested: bool) {
        if self.stop.is_none() {
            self.begin_stop_until(later(self.now, self.place().total), requested);
        } else if !requested {
            self.stop_services();
        }
    }

    fn begin_stop_until(&mut self, end: Instant, requested: bool) {
        let limits = Limits::until(self.now, end);
        let was_ready = self.scope.phase() == Phase::Ready;
        let delay = self.place().drain_delay;
        if let Some(process) = self.place().shared.process.as_ref().filter(|_| self.scope.is_root()) {
            process.stop_begins(self.place().total);
        }
        self.app_enters(Phase::Stopping);
        self.stop = Stop::Under { stage: Stage::Draining { until: later(self.now, delay) }, limits };
        self.shorten_bounds();
        if !requested || !was_ready || delay.is_zero() || !self.scope.is_root() {
            self.stop_services();
        }
    }

    /// Takes over the deadline of the app around this group.
    pub(super) fn tighten(&mut self, deadline: Instant) {
        self.heeds_outer = true;
        if self.stop.is_none() {
            let end = deadline.min(later(self.now, self.place().total));
            return self.begin_stop_until(end, true);
        }
        if let Stop::Under { limits, .. } = &mut self.stop {
            *limits = limits.sooner(Limits::until(self.now, deadline));
        }
        self.shorten_bounds();
    }

    /// Moves the stop bounds that lie past the app's own limit.
    fn shorten_bounds(&mut self) {
        let leaving: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.leaving.is_some()).map(|(id, _)| id).collect();
        for id in leaving {
            self.shorten_bound(id);
        }
    }

    fn shorten_bound(&mut self, id: usize) {
        let entry = &self.entries[id];
        let leaving = entry.leaving.as_ref().filter(|leaving| leaving.late.is_none());
        let Some(((leaving, run), limit)) = leaving.zip(entry.run()).zip(self.stop.limit(entry.settings.resource))
        else {
            return;
        };
        let limit = limit.max(leaving.asked + LEAST);
        if run.stop_deadline().is_some_and(|bound| limit < bound) {
            run.stop(limit);
            if let Some(inside) = entry.node.inside() {
                // An error says that it has ended.
                drop(inside.mailbox.post(Event::Tightened));
            }
            self.set_timer(id, limit);
        }
    }

    /// Returns the moment by which a service that is asked now must have stopped.
    pub(super) fn stop_bound(&self, id: usize) -> Instant {
        let settings = &self.entries[id].settings;
        let own = later(self.now, settings.stop_within);
        match self.stop.limit(settings.resource) {
            Some(limit) => own.min(limit.max(self.now + LEAST)),
            None => own,
        }
    }

    /// The stop goes on by itself: the drain delay is over, or the time for the order is.
    pub(super) fn stop_timer_fired(&mut self) {
        if self.stop.drains_until().is_some_and(|until| until <= self.now) {
            self.stop_services();
        } else if self.stop.last_call().is_some_and(|call| call <= self.now) {
            self.call_all();
        }
    }

    /// Asks all who still wait for their turn at once: somebody late has used up the time for an order.
    fn call_all(&mut self) {
        if let Stop::Under { stage: Stage::Services { called } | Stage::Resources { called }, .. } = &mut self.stop {
            *called = true;
        }
        let resources = self.stop.closes_resources();
        let waits = |entry: &Entry| entry.is_live() && entry.leaving.is_none() && entry.settings.resource == resources;
        let waiting: Vec<_> = self.entries.iter().filter(|(_, entry)| waits(entry)).map(|(id, _)| id).collect();
        for id in waiting {
            self.request(id, Then::Stop);
        }
    }

    /// Stops everything but the resources, in reverse of the start order.
    pub(super) fn stop_services(&mut self) {
        let Stop::Under { stage: stage @ Stage::Draining { .. }, .. } = &mut self.stop else {
            return;
        };
        *stage = Stage::Services { called: false };
        let idle = |phase| matches!(phase, Phase::Waiting | Phase::Restarting);
        let idle: Vec<_> =
            self.entries.iter().filter(|(_, entry)| idle(entry.node.phase())).map(|(id, _)| id).collect();
        for id in idle {
            self.end(id, &Outcome::Stopped);
        }
        self.begin_stage();
    }

    /// Goes on to the resources, then to the end. Returns whether it did.
    pub(super) fn advance_stop(&mut self) -> bool {
        let Stop::Under { stage, .. } = &mut self.stop else {
            return false;
        };
        match stage {
            Stage::Services { .. } if self.live_services == 0 => {
                *stage = Stage::Resources { called: false };
                self.begin_stage();
                return true;
            }
            Stage::Resources { .. } if self.live_resources == 0 => self.stop = Stop::Done,
            _ => {}
        }
        false
    }

    /// Gives each service its turn once all that depend on it, then its children, have had theirs and have ended.
    ///
    /// Those that are not of this stage pass their turn on, so that an order that leads through them is kept.
    fn begin_stage(&mut self) {
        for (id, entry) in &mut self.entries {
            let dependents = entry.links.before.len() + usize::from(entry.links.parent.is_some());
            entry.hold = Hold::Dependents(dependents);
            if dependents == 0 {
                self.todo.push_back(Todo::Turn(id));
            }
        }
    }

    /// Nothing of what a service was waiting for is left.
    pub(super) fn turn(&mut self, id: usize) {
        let entry = &mut self.entries[id];
        if matches!(entry.hold, Hold::Dependents(_)) && !entry.links.children.is_empty() {
            entry.hold = Hold::Children(entry.links.children.len());
            for child in entry.links.children.clone() {
                self.release(child);
            }
            return;
        }
        entry.hold = Hold::Nothing;
        let of_this_stage = entry.settings.resource == self.stop.closes_resources();
        if !of_this_stage || !entry.is_live() {
            self.pass_turn(id);
        } else if entry.leaving.is_none() {
            self.request(id, Then::Stop);
        }
    }

    /// An ended service makes room for those it depended on, if its turn had come.
    pub(super) fn release_stop(&mut self, id: usize) {
        let entry = &self.entries[id];
        let of_this_stage = entry.settings.resource == self.stop.closes_resources();
        if self.stop.has_begun() && entry.hold == Hold::Nothing && of_this_stage {
            self.pass_turn(id);
        }
    }

    fn pass_turn(&mut self, id: usize) {
        for at in 0..self.entries[id].links.after.len() {
            self.release(self.entries[id].links.after[at].id);
        }
        if let Some(parent) = self.entries[id].links.parent {
            self.release(parent);
        }
    }

    /// A service has one thing less to wait for.
    fn release(&mut self, id: usize) {
        if let Hold::Dependents(left) | Hold::Children(left) = &mut self.entries[id].hold {
            *left -= 1;
            if *left == 0 {
                self.todo.push_back(Todo::Turn(id));
            }
        }
    }
}
