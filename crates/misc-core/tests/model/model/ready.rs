//! Starting, ready, and the deadline between: "30 s a service", "a restarting service also retries its first start within
//! its start deadline"; later starts have the deadline each.

use super::{Body, Event, Model, Run};
use crate::scenario::Kind;
use crate::trace::Phase;

impl Model {
    pub(super) fn start(&mut self, node: usize, afresh: bool) {
        self.go(node, Phase::Starting);
        let runs = self.nodes[node].runs;
        let cell = &mut self.nodes[node];
        if afresh {
            cell.life += 1;
            cell.failed_in_row = 0;
        }
        cell.runs += 1;
        cell.up = Run {
            epoch: cell.up.epoch + 1,
            script: cell.service.attempt(runs),
            body: Body::Plays,
            started_at: self.now,
            ..Run::default()
        };
        let (life, epoch) = (cell.life, cell.up.epoch);
        let (deadline, ever_ready) = (self.now + cell.service.start_within, cell.ever_ready);
        if ever_ready {
            self.timer(deadline, node, epoch, Event::Deadline);
        } else if afresh {
            self.timer(deadline, node, life, Event::FirstDeadline);
        }
        self.play(node);
    }

    pub(super) fn play(&mut self, node: usize) {
        if let Kind::Group { total, services } = self.nodes[node].service.kind.clone() {
            let inner = self.register(Some(node), total, &services);
            self.nodes[node].up.inner = Some(inner);
            return self.start_app(inner);
        }
        let script = self.nodes[node].up.script.clone();
        self.nodes[node].up.task = script.task.map(|(_, task)| task);
        let events = [
            (script.ready, Event::Ready),
            (script.end.map(|(after, _)| after), Event::End),
            (script.task.map(|(after, _)| after), Event::Task),
            (script.child.map(|(after, _)| after), Event::Child),
        ];
        for (after, event) in events {
            if let Some(after) = after {
                self.run_timer(after, node, event);
            }
        }
    }

    pub(super) fn say_ready(&mut self, node: usize) {
        self.go(node, Phase::Ready);
        let cell = &mut self.nodes[node];
        (cell.ever_ready, cell.up.ready_at) = (true, Some(self.now));
        self.release_dependents(node);
        self.check_ready(self.nodes[node].app);
    }

    /// The app is ready when everything registered has been ready once, or has ended without stopping the app.
    pub(super) fn check_ready(&mut self, app: usize) {
        let settled = |node: &&usize| {
            let cell = &self.nodes[**node];
            cell.dynamic || cell.ever_ready || cell.ever_ended
        };
        let unsettled = self.apps[app].members.iter().any(|node| !settled(&node));
        if self.apps[app].phase != Phase::Starting || unsettled {
            return;
        }
        self.apps[app].was_ready = true;
        self.app_goes(app, Phase::Ready);
        if let Some(group) = self.apps[app].group
            && self.nodes[group].phase == Phase::Starting
        {
            self.say_ready(group);
        }
    }

    pub(super) fn release_dependents(&mut self, node: usize) {
        for other in self.apps[self.nodes[node].app].members.clone() {
            if self.nodes[other].edges.iter().any(|edge| edge.on == node) {
                self.start_if_met(other);
            }
        }
    }
}
