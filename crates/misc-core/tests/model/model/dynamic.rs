//! Dynamic: "start, stop, restart, list at run time; a service started through `ctx` is a child, stopped before its parent;
//! self-stop never deadlocks".

use super::{Model, Node, Order, ROOT};
use crate::scenario::{Call, Service};
use crate::trace::Phase;

impl Model {
    pub(super) fn call(&mut self, call: &Call) {
        match call {
            Call::Shutdown => self.stop_app(ROOT, true),
            Call::Stop(path) => self.on_live(path, Self::ask_to_stop),
            Call::Restart(path) => self.on_live(path, Self::restart),
            Call::Start(service) => self.start_dynamic(service),
        }
    }

    pub(super) fn on_live(&mut self, path: &str, act: fn(&mut Self, usize)) {
        let Some(node) = self.nodes.iter().rposition(|cell| cell.path == path) else {
            return;
        };
        let (app, parent) = (self.nodes[node].app, self.nodes[node].parent);
        let parent_phase = parent.map_or(Phase::Ready, |parent| self.nodes[parent].phase);
        let gone = self.nodes[node].dynamic && self.nodes[node].phase.is_end();
        if self.apps[app].phase.is_end() || parent_phase.is_end() || gone {
            return;
        }
        if self.apps[app].stop.is_some() || parent_phase == Phase::Stopping {
            self.open("stop(name) or restart(name) while the app, or the parent, is stopping");
        }
        act(self, node);
    }

    pub(super) fn restart(&mut self, node: usize) {
        // A child is not restarted any more once its parent shall stop.
        let shall_stop = |cell: &Node| cell.phase == Phase::Stopping || cell.up.order.is_some();
        let orphan = self.nodes[node].parent.is_some_and(|parent| shall_stop(&self.nodes[parent]));
        if orphan || self.stops_in_order(self.nodes[node].app) {
            return;
        }
        self.nodes[node].failed_in_row = 0;
        match self.nodes[node].phase {
            Phase::Waiting => {}
            Phase::Stopped | Phase::Failed => self.start(node, true),
            Phase::Restarting => self.start(node, true),
            Phase::Starting | Phase::Ready => {
                self.nodes[node].up.order = Some(Order::Restart);
                self.stop_children_first(node);
            }
            Phase::Stopping => self.nodes[node].up.order = Some(Order::Restart),
        }
    }

    pub(super) fn start_dynamic(&mut self, service: &Service) {
        let taken = |node: &&usize| self.nodes[**node].service.name == service.name && self.is_listed(**node);
        let members = self.apps[ROOT].members.clone();
        if self.apps[ROOT].stop.is_some() || members.iter().any(|node| taken(&node)) {
            return;
        }
        let node = self.add(ROOT, None, service);
        self.nodes[node].dynamic = true;
        self.nodes[node].edges = self.explicit(&members, service.after.as_deref().unwrap_or_default());
        self.start_if_met(node);
    }

    pub(super) fn start_child(&mut self, parent: usize) {
        let (app, path) = (self.nodes[parent].app, self.nodes[parent].path.clone());
        let Some((_, child)) = self.nodes[parent].up.script.child.clone() else {
            return;
        };
        if self.apps[app].stop.is_some() {
            return;
        }
        let node = self.add(app, Some(&path), &child);
        (self.nodes[node].dynamic, self.nodes[node].parent) = (true, Some(parent));
        self.start(node, true);
    }

    pub(super) fn living_children(&self, node: usize) -> Vec<usize> {
        let is_child = |child: &usize| {
            let cell = &self.nodes[*child];
            cell.parent == Some(node) && !cell.phase.is_end()
        };
        self.apps[self.nodes[node].app].members.iter().copied().filter(is_child).collect()
    }

    pub(super) fn is_listed(&self, node: usize) -> bool {
        let cell = &self.nodes[node];
        cell.parent.is_none() && !(cell.dynamic && cell.phase.is_end())
    }
}
