//! Policies: "`Shutdown` (default), `.restart(..)`, `Ignore`; never silence"; "backoff doubling; one counter drives delay and
//! budget; reset after 60 s ready".

use std::collections::BTreeSet;

use super::{Edge, Event, Model, Wrong};
use crate::scenario::Policy;
use crate::trace::Phase;

impl Model {
    pub(super) fn apply_policy(&mut self, node: usize) {
        let Policy::Restart { attempts, initial, max, reset_after } = self.nodes[node].service.policy else {
            return self.give_up(node);
        };
        let extra = u32::from(self.wrong == Some(Wrong::RestartsOnceTooOften));
        let forgets = self.wrong == Some(Wrong::ForgetsToResetTheBudget);
        let cell = &mut self.nodes[node];
        if !forgets && cell.up.ready_for.is_some_and(|time| time >= reset_after) {
            cell.failed_in_row = 0;
        }
        cell.failed_in_row += 1;
        if cell.up.for_good || cell.failed_in_row >= attempts + extra {
            return self.give_up(node);
        }
        let delay = max.min(initial << (cell.failed_in_row - 1));
        // What was late, and what failed inside a group, is not in the report when it is replaced.
        (self.nodes[node].up.late, self.nodes[node].up.inner) = (false, None);
        self.go(node, Phase::Restarting);
        self.run_timer(delay, node, Event::Backoff);
    }

    /// Fails for good. "Failing its first start" a dynamic service leaves the app alone.
    pub(super) fn give_up(&mut self, node: usize) {
        self.go(node, Phase::Failed);
        let cell = &self.nodes[node];
        let alone = cell.dynamic && !cell.ever_ready;
        self.record(node, !alone);
        if !alone {
            self.app_fails(node);
        }
        self.settled(node);
    }

    /// "While the app is already stopping, or the service was asked to stop, an Err or panic ends in Failed and is listed; no restart."
    pub(super) fn end_asked(&mut self, node: usize) {
        if self.nodes[node].up.failed {
            self.record(node, true);
            return self.end(node, Phase::Failed);
        }
        self.end(node, Phase::Stopped);
    }

    pub(super) fn end(&mut self, node: usize, phase: Phase) {
        self.go(node, phase);
        self.settled(node);
    }

    pub(super) fn settled(&mut self, node: usize) {
        let app = self.nodes[node].app;
        self.nodes[node].ever_ended = true;
        self.release_dependents(node);
        if let Some(parent) = self.nodes[node].parent {
            self.begin_stop_if_asked(parent);
            self.finish_if_done(parent);
        }
        self.check_ready(app);
        self.check_end(app);
        self.advance(app);
    }

    /// What the report lists: "policy Ignore: Failed, not listed"; a late one is in `late`; a group's own are its path's.
    pub(super) fn record(&mut self, node: usize, listed: bool) {
        let cell = &self.nodes[node];
        let (mut failures, mut late) = (BTreeSet::new(), BTreeSet::new());
        if let Some(inner) = cell.up.inner {
            failures.clone_from(&self.apps[inner].failures);
            late.clone_from(&self.apps[inner].late);
        }
        if cell.up.late {
            late.insert(cell.path.clone());
        } else {
            failures.insert(cell.path.clone());
        }
        let app = &mut self.apps[cell.app];
        app.late.append(&mut late);
        if listed && cell.service.policy != Policy::Ignore {
            app.failures.append(&mut failures);
        }
    }

    /// Whether what failed `cause` also starts, or fails, a waiting service, which may come before the app stops, or not.
    fn is_due(&self, node: usize, cause: usize) -> bool {
        let cell = &self.nodes[node];
        let over =
            |edge: &Edge| !self.nodes[edge.on].ever_ready && self.nodes[edge.on].phase.is_end() && edge.on != cause;
        let starts = cell.edges.iter().all(|edge| self.nodes[edge.on].ever_ready || over(edge));
        let fails = cell.edges.iter().any(|edge| edge.explicit && over(edge));
        cell.phase == Phase::Waiting && (starts || fails)
    }

    /// "A failure during the delay ends the delay."
    pub(super) fn app_fails(&mut self, node: usize) {
        let app = self.nodes[node].app;
        self.verdict.racy |= self.apps[app].members.iter().any(|other| self.is_due(*other, node));
        match self.apps[app].stop {
            _ if self.nodes[node].service.policy == Policy::Ignore => {}
            None => self.stop_app(app, false),
            Some(stop) if stop.draining => self.stop_in_order(app),
            Some(_) => {}
        }
    }
}
