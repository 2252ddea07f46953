//! Ends: "`Ok` before `ready()` counts as ready, then done"; "failure after ready: error, panic, or a panicking task of its
//! own. Sequence: stopping fires, bounded stop, then Failed"; children are stopped first.

use super::{Body, Event, Model, Order};
use crate::scenario::{Outcome, Task};
use crate::trace::Phase;

impl Model {
    pub(super) fn returns(&mut self, node: usize, outcome: Outcome) {
        self.nodes[node].up.body = Body::Gone;
        if outcome != Outcome::Ok {
            return self.fail(node);
        }
        match self.nodes[node].phase {
            Phase::Starting => {
                self.say_ready(node);
                self.begin_stop(node);
            }
            Phase::Ready => self.begin_stop(node),
            _ => self.finish_if_done(node),
        }
    }

    pub(super) fn fail(&mut self, node: usize) {
        self.nodes[node].up.failed = true;
        if self.nodes[node].phase.is_up() {
            self.begin_stop(node);
        } else {
            self.finish_if_done(node);
        }
    }

    pub(super) fn begin_stop(&mut self, node: usize) {
        self.go(node, Phase::Stopping);
        let up = &mut self.nodes[node].up;
        up.ready_for = up.ready_at.map(|since| self.now - since);
        for child in self.living_children(node) {
            self.ask_to_stop(child);
        }
        self.tell(node);
    }

    /// Fires `stopping`: what still runs has until the bound.
    pub(super) fn tell(&mut self, node: usize) {
        let bound = self.bound(node);
        let up = &mut self.nodes[node].up;
        (up.asked, up.bound) = (self.now, Some(bound));
        if up.task == Some(Task::PanicsUnlessStopping) {
            up.task = None;
        }
        let (running, inner, opening) = (up.is_running(), up.inner, up.ready_at.is_none());
        let drops_open = opening && self.nodes[node].service.is_resource();
        // A group has no bound of its own: what it was given is the total of what is inside, which is late by name.
        if inner.is_none() {
            self.run_timer(bound - self.now, node, Event::Bound);
        }
        match inner {
            Some(app) if running => self.stop_app(app, true),
            _ if running && drops_open => self.nodes[node].up.body = Body::Gone,
            _ if running => {
                if let Some((after, _)) = self.nodes[node].up.script.stop {
                    self.run_timer(after, node, Event::CleanedUp);
                }
            }
            _ => {}
        }
        self.finish_if_done(node);
    }

    pub(super) fn finish_if_done(&mut self, node: usize) {
        let cell = &self.nodes[node];
        let busy = cell.up.is_busy() || cell.up.bound.is_none() || !self.living_children(node).is_empty();
        if cell.phase == Phase::Stopping && !busy {
            self.finish(node);
        }
    }

    /// "Late at its bound: dropped, recorded, the order goes on."
    pub(super) fn drop_late(&mut self, node: usize) {
        let up = &mut self.nodes[node].up;
        (up.body, up.task) = (Body::Gone, None);
        (up.late, up.failed) = (true, true);
        self.finish_if_done(node);
    }

    pub(super) fn finish(&mut self, node: usize) {
        let (app, up) = (self.nodes[node].app, self.nodes[node].up.clone());
        self.nodes[node].up.epoch += 1;
        match up.order {
            _ if self.stops_in_order(app) => self.end_asked(node),
            Some(Order::Stop) => self.end_asked(node),
            // "A restart by hand has all the time of a first start again."
            Some(Order::Restart) => self.start(node, true),
            None if up.failed => self.apply_policy(node),
            None => self.end(node, Phase::Stopped),
        }
    }
}
