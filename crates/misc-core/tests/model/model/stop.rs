//! Stop: "drain delay (only for a requested stop of a root app that had been ready); reverse order. Total 25 s including
//! the delay; a service's own bound, never more than the total less 3 s kept for closing resources".

use super::{Event, Model, Order, Stop, Wrong};
use crate::scenario::{Ms, Outcome};
use crate::trace::Phase;

impl Model {
    /// "An app ends when every service that is not background has ended; resources are background." Of only background
    /// services one runs until stopped, whatever was started and ended meanwhile. Such an end also ends the drain delay.
    pub(super) fn check_end(&mut self, app: usize) {
        let stubborn = self.wrong == Some(Wrong::BackgroundKeepsTheAppAlive);
        let counts = |node: &&usize| {
            let cell = &self.nodes[**node];
            !cell.service.is_resource() && cell.parent.is_none() && (stubborn || !cell.service.background)
        };
        let counted: Vec<_> = self.apps[app].members.iter().filter(counts).map(|node| &self.nodes[*node]).collect();
        let registered = counted.iter().any(|cell| !cell.dynamic);
        let done = registered && counted.iter().all(|cell| cell.phase.is_end());
        if done && self.apps[app].phase.is_up() {
            self.stop_app(app, false);
        } else if done && self.is_draining(app) {
            self.stop_in_order(app);
        }
    }

    pub(super) fn stop_app(&mut self, app: usize, requested: bool) {
        let group = self.apps[app].group.map(|group| &self.nodes[group].up);
        let given = group.and_then(|up| up.bound).map(|bound| bound.saturating_sub(self.now));
        if let Some(stop) = self.apps[app].stop {
            return self.shorten(app, given.map_or(stop.total, |given| self.now + given - stop.since));
        }
        let total = self.apps[app].total.min(given.unwrap_or(Ms::MAX));
        let drains = group.is_none() && self.apps[app].was_ready && self.drain_delay > 0;
        let draining = drains && (requested || self.wrong == Some(Wrong::DrainsAfterFailures));
        self.apps[app].stop = Some(Stop { since: self.now, total, draining });
        self.app_goes(app, Phase::Stopping);
        self.shorten_members(app);
        if draining {
            self.timer(self.now + self.drain_delay, app, 0, Event::Drained);
        } else {
            self.stop_in_order(app);
        }
    }

    pub(super) fn stop_in_order(&mut self, app: usize) {
        if let Some(stop) = &mut self.apps[app].stop {
            stop.draining = false;
        }
        for node in self.apps[app].members.clone() {
            match self.nodes[node].phase {
                Phase::Waiting | Phase::Restarting => self.go(node, Phase::Stopped),
                // One cause released this service and stops the app: which comes first is nowhere promised.
                Phase::Starting if self.nodes[node].up.started_at == self.now => self.verdict.racy = true,
                _ => {}
            }
        }
        self.set_limits(app);
        self.advance(app);
    }

    /// Asks all whose dependents have ended; ends the app when nothing is left.
    pub(super) fn advance(&mut self, app: usize) {
        if !self.stops_in_order(app) {
            return;
        }
        for node in self.apps[app].members.clone() {
            if self.nodes[node].phase.is_up() && (self.may_stop(node) || self.is_out_of_time(node)) {
                self.ask_to_stop(node);
            }
        }
        let all_ended = self.apps[app].members.iter().all(|node| self.nodes[*node].phase.is_end());
        if all_ended && self.apps[app].phase == Phase::Stopping {
            self.app_ends(app);
        }
    }

    /// "Stop is the exact reverse; resources close last, when every service that is not a resource has stopped, in reverse
    /// among themselves."
    pub(super) fn may_stop(&self, node: usize) -> bool {
        let alike = self.wrong == Some(Wrong::ResourcesStopLikeServices);
        let is_resource = |node: usize| self.nodes[node].service.is_resource() && !alike;
        let holds = |other: usize| match (is_resource(node), is_resource(other)) {
            (true, false) => true,
            (false, true) => false,
            _ if self.wrong == Some(Wrong::StopsInOrderOfStart) => self.depends(node, other),
            _ => self.waits_for(node, other),
        };
        let app = &self.apps[self.nodes[node].app];
        let mut others = app.members.iter().filter(|other| **other != node);
        others.all(|other| self.nodes[*other].phase.is_end() || !holds(*other))
    }

    /// A child stops with its parent: after all that starts after that.
    fn waits_for(&self, node: usize, other: usize) -> bool {
        let parent = self.nodes[node].parent;
        self.depends(other, node) || parent.is_some_and(|parent| self.waits_for(parent, other))
    }

    pub(super) fn depends(&self, node: usize, on: usize) -> bool {
        let mut edges = self.nodes[node].edges.iter();
        edges.any(|edge| edge.on == on || self.depends(edge.on, on))
    }

    pub(super) fn ask_to_stop(&mut self, node: usize) {
        match self.nodes[node].phase {
            Phase::Waiting | Phase::Restarting => self.end(node, Phase::Stopped),
            Phase::Starting | Phase::Ready => {
                self.nodes[node].up.order = Some(Order::Stop);
                self.stop_children_first(node);
            }
            Phase::Stopping => self.nodes[node].up.order = Some(Order::Stop),
            Phase::Stopped | Phase::Failed => {}
        }
    }

    /// "A service started through `ctx` is a child, stopped before its parent": who is asked stays up until then.
    pub(super) fn stop_children_first(&mut self, node: usize) {
        for child in self.living_children(node) {
            self.ask_to_stop(child);
        }
        self.begin_stop_if_asked(node);
    }

    pub(super) fn begin_stop_if_asked(&mut self, node: usize) {
        let cell = &self.nodes[node];
        if cell.phase.is_up() && cell.up.order.is_some() && self.living_children(node).is_empty() {
            self.begin_stop(node);
        }
    }

    pub(super) fn app_ends(&mut self, app: usize) {
        let clean = self.apps[app].failures.is_empty() && self.apps[app].late.is_empty();
        self.app_goes(app, if clean { Phase::Stopped } else { Phase::Failed });
        if let Some(group) = self.apps[app].group {
            self.returns(group, if clean { Outcome::Ok } else { Outcome::Err });
        }
    }

    /// "At least 100 ms even when others have used up the time."
    pub(super) fn bound(&self, node: usize) -> Ms {
        let limit = self.limit(node).max(self.now + 100);
        limit.min(self.now + self.nodes[node].service.stop_within)
    }

    /// "100 ms past a stage's limit, everybody of that stage who still waits for its turn is asked at once."
    fn is_out_of_time(&self, node: usize) -> bool {
        let is_resource = |node: usize| self.nodes[node].service.is_resource();
        let mut others = self.apps[self.nodes[node].app].members.iter();
        let is_turn =
            !is_resource(node) || others.all(|other| is_resource(*other) || self.nodes[*other].phase.is_end());
        is_turn && self.limit(node).saturating_add(100) <= self.now
    }

    fn set_limits(&mut self, app: usize) {
        for node in self.apps[app].members.clone() {
            let limit = (self.limit(node) + 100).max(self.now);
            self.timer(limit, app, 0, Event::Limit);
        }
    }

    pub(super) fn limit(&self, node: usize) -> Ms {
        let Some(stop) = self.apps[self.nodes[node].app].stop else {
            return Ms::MAX;
        };
        let careless = self.wrong == Some(Wrong::ReservesNothingForResources);
        let reserve = if self.nodes[node].service.is_resource() || careless { 0 } else { 3_000.min(stop.total / 2) };
        stop.since + stop.total - reserve
    }

    /// The rest of a stop that began on its own, when a stop of what is around it leaves less.
    pub(super) fn shorten(&mut self, app: usize, total: Ms) {
        if let Some(stop) = &mut self.apps[app].stop
            && total < stop.total
        {
            stop.total = total;
            self.open("a group that stops on its own is then asked to stop, with less time");
            self.shorten_members(app);
            self.set_limits(app);
        }
    }

    pub(super) fn shorten_members(&mut self, app: usize) {
        for node in self.apps[app].members.clone() {
            let limit = self.limit(node).max(self.nodes[node].up.asked + 100).max(self.now);
            let cell = &mut self.nodes[node];
            if cell.phase == Phase::Stopping && cell.up.bound.is_some_and(|bound| limit < bound) {
                cell.up.bound = Some(limit);
                match cell.up.inner {
                    Some(inner) => self.stop_app(inner, true),
                    None => self.run_timer(limit - self.now, node, Event::Bound),
                }
            }
        }
    }
}
