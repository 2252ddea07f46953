//! Order: "a service without `.after` waits for the one registered just before it; `.after([..])` replaces that edge".

use std::collections::{BTreeSet, BinaryHeap};

use super::{App, Edge, Event, Model, Node, Run, Verdict, Wrong};
use crate::scenario::{Call, END, Ms, Scenario, Service};
use crate::trace::{Phase, Trace};

impl Model {
    pub(super) fn new(scenario: &Scenario, wrong: Option<Wrong>) -> Self {
        let verdict = Verdict { trace: Trace::default(), racy: false, open: BTreeSet::new() };
        let mut model = Self {
            now: 0,
            timers: BinaryHeap::new(),
            calls: scenario.calls.clone(),
            drain_delay: scenario.drain_delay,
            apps: Vec::new(),
            nodes: Vec::new(),
            wrong,
            verdict,
        };
        model.calls.push((END, Call::Shutdown));
        for (number, (at, _)) in model.calls.clone().iter().enumerate() {
            model.timer(*at, number, 0, Event::Call);
        }
        model.register(None, scenario.stop_within, &scenario.services);
        model
    }

    pub(super) fn register(&mut self, group: Option<usize>, total: Ms, services: &[Service]) -> usize {
        let app = self.apps.len();
        self.apps.push(App {
            group,
            members: Vec::new(),
            phase: Phase::Starting,
            was_ready: false,
            total,
            stop: None,
            failures: BTreeSet::new(),
            late: BTreeSet::new(),
        });
        let prefix = group.map(|group| self.nodes[group].path.clone());
        for service in services {
            self.add(app, prefix.as_deref(), service);
        }
        self.connect(app);
        app
    }

    pub(super) fn add(&mut self, app: usize, prefix: Option<&str>, service: &Service) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node {
            service: service.clone(),
            path: prefix.map_or_else(|| service.name.clone(), |prefix| format!("{prefix}/{}", service.name)),
            app,
            parent: None,
            dynamic: false,
            edges: Vec::new(),
            phase: Phase::Waiting,
            ever_ready: false,
            ever_ended: false,
            runs: 0,
            life: 0,
            failed_in_row: 0,
            up: Run::default(),
        });
        self.apps[app].members.push(node);
        node
    }

    pub(super) fn connect(&mut self, app: usize) {
        let members = self.apps[app].members.clone();
        for (position, &node) in members.iter().enumerate() {
            self.nodes[node].edges = match &self.nodes[node].service.after {
                Some(names) => self.explicit(&members, names),
                None => position
                    .checked_sub(1)
                    .map_or_else(Vec::new, |before| vec![Edge { on: members[before], explicit: false }]),
            };
        }
    }

    pub(super) fn explicit(&self, members: &[usize], names: &[String]) -> Vec<Edge> {
        let named = |name: &String| members.iter().rfind(|node| self.nodes[**node].service.name == *name);
        names.iter().filter_map(named).map(|on| Edge { on: *on, explicit: true }).collect()
    }

    pub(super) fn start_app(&mut self, app: usize) {
        for node in self.apps[app].members.clone() {
            self.start_if_met(node);
        }
    }

    /// "A dependency is met by Ready or by a return of `Ok`, and stays met"; one that ended otherwise fails those that
    /// name it and releases those that merely follow it.
    pub(super) fn start_if_met(&mut self, node: usize) {
        if self.nodes[node].phase != Phase::Waiting {
            return;
        }
        let strict = self.wrong == Some(Wrong::ImplicitEdgesFail);
        let unmet: Vec<_> =
            (self.nodes[node].edges.iter().copied()).filter(|edge| !self.nodes[edge.on].ever_ready).collect();
        let is_over = |edge: &Edge| self.nodes[edge.on].phase.is_end();
        if unmet.iter().any(|edge| is_over(edge) && (edge.explicit || strict)) {
            self.give_up(node);
        } else if unmet.iter().all(is_over) {
            self.start(node, true);
        }
    }
}
