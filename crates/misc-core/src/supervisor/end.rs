//! Ending: how a service leaves, and what its end means for the app.

use std::sync::Arc;

use tracing::warn;

use super::{
    Entry, Supervisor, Todo,
    entry::{Leaving, Outcome, Progress, Then},
    failure_of,
};
use crate::{
    error::{GroupFailed, SharedError, one_line},
    lifecycle::Phase,
    report::Late,
    run::{End, caught},
    spec::OnFailure,
    time::later,
};

/// How long a service that was dropped may take to let go before it is said not to yield.
const LET_GO_WITHIN: std::time::Duration = std::time::Duration::from_millis(500);

impl Supervisor {
    /// A service's own future has ended; its tasks may still run.
    pub(super) fn run_ended(&mut self, id: usize, end: End) {
        let entry = &mut self.entries[id];
        if let Some(running) = &mut entry.running {
            running.returned = true;
            running.drained |= running.run.close_tasks();
        }
        let dropped_as_late = entry.leaving.as_ref().is_some_and(|leaving| leaving.late.is_some());
        let stopping = entry.leaving.is_some() || self.stop.has_begun();
        let done = matches!(end, End::Returned(Ok(())));
        match failure_of(end, stopping) {
            Some(_) if dropped_as_late => {}
            Some(error) => self.fail(id, error),
            None => {
                if done {
                    self.said_ready(id);
                }
                if self.entries[id].leaving.is_none() {
                    self.leave(id, None, Then::Policy);
                }
            }
        }
        self.try_conclude(id);
    }

    /// The last task of a service whose future has ended has ended, too.
    pub(super) fn run_drained(&mut self, id: usize) {
        if let Some(running) = &mut self.entries[id].running {
            running.drained = true;
        }
        self.try_conclude(id);
    }

    /// A service, or a task of it, has failed.
    pub(super) fn fail(&mut self, id: usize, error: SharedError) {
        let Entry { leaving, node, .. } = &mut self.entries[id];
        let Some(leaving) = leaving else {
            return self.leave(id, Some(&error), Then::Policy);
        };
        if !leaving.errors.is_empty() {
            let error = caught(|| one_line(&*error)).unwrap_or_else(|panic| panic);
            warn!(service = %node.path(), error, "one more error of a service that failed");
        }
        leaving.errors.push(error);
    }

    /// Lets a service that is starting or ready stop, within its bound.
    pub(super) fn leave(&mut self, id: usize, error: Option<&SharedError>, then: Then) {
        let (now, bound) = (self.now, self.stop_bound(id));
        let entry = &mut self.entries[id];
        let leaving = Leaving {
            errors: error.into_iter().cloned().collect(),
            then: entry.pending.take().unwrap_or(then),
            asked: now,
            from: entry.node.phase(),
            ready_for: entry.ready_since.take().map(|since| now.saturating_duration_since(since)),
            extended: false,
            wedged: false,
            late: None,
        };
        entry.leaving = Some(Box::new(leaving));
        self.set_timer(id, bound);
        self.enters(id, Phase::Stopping, error);
        if let Some(run) = self.entries[id].run() {
            run.stop(bound);
        }
        self.stop_children(id);
    }

    /// Asks the live children to stop, but for the resources among them: the parent may still use those.
    pub(super) fn stop_children(&mut self, id: usize) {
        for child in self.entries[id].links.children.clone() {
            if !self.entries[child].settings.resource {
                self.request(child, Then::Stop);
            }
        }
    }

    /// Closes the resource of a service that was opened last.
    fn close_newest(&mut self, id: usize) {
        let children = self.entries[id].links.children.iter().copied();
        let newest =
            children.filter(|&child| self.entries[child].is_live()).max_by_key(|&child| self.entries[child].order);
        if let Some(newest) = newest {
            self.request(newest, Then::Stop);
        }
    }

    pub(super) fn has_live_children(&self, id: usize, mut which: impl FnMut(&Entry) -> bool) -> bool {
        self.entries[id]
            .links
            .children
            .iter()
            .any(|&child| self.entries[child].is_live() && which(&self.entries[child]))
    }

    /// Ends a leaving service once its future, its tasks and its children have ended.
    pub(super) fn try_conclude(&mut self, id: usize) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.leaving.is_none() || !entry.is_quiet() {
            return;
        }
        if !self.has_live_children(id, |_| true) {
            self.conclude(id);
        } else if !self.has_live_children(id, |child| !child.settings.resource) {
            // Each of them, when it ends, comes back here for the one before it.
            self.close_newest(id);
        }
    }

    fn conclude(&mut self, id: usize) {
        let entry = &mut self.entries[id];
        let Some(leaving) = entry.leaving.take() else {
            return;
        };
        entry.end_run();
        let goes_on = !self.stop.has_begun();
        // Who holds on may still be at work, also in a group: a second one beside it could do harm.
        let mut groups = leaving.errors.iter().filter_map(|error| error.downcast_ref());
        let inside = groups.any(|GroupFailed(report)| report.late().iter().any(Late::holds_a_thread));
        let may_run_again = goes_on && !leaving.wedged && !inside;
        let outcome = Outcome::of(&leaving.errors, leaving.late.as_ref());
        let failed = !matches!(outcome, Outcome::Stopped);
        if leaving.then == Then::Restart && may_run_again {
            self.entries[id].answer_stopped(&outcome);
            self.start(id, outcome.error().as_ref());
        } else if !failed || leaving.then == Then::Stop || !goes_on {
            self.end_listed(id, &leaving.errors, leaving.late.as_ref());
        } else if !(leaving.then == Then::Policy && may_run_again && self.retry(id, &leaving, &outcome)) {
            self.give_up(id, &leaving.errors, leaving.late.as_ref());
        }
    }

    /// Waits for the next attempt, if the policy is to restart and time and budget allow one.
    fn retry(&mut self, id: usize, leaving: &Leaving, outcome: &Outcome) -> bool {
        let (now, entry) = (self.now, &mut self.entries[id]);
        let deadline = entry.first_deadline;
        let Some(policy) = entry.settings.restart.as_ref().filter(|_| deadline.is_none_or(|deadline| now < deadline))
        else {
            return false;
        };
        let Some(delay) = entry.attempts.fail(policy, leaving.ready_for) else {
            let failed = entry.attempts.failed();
            warn!(service = %entry.node.path(), failed_attempts = failed, "no attempt is left: the failure escalates");
            return false;
        };
        let next = later(now, delay);
        let next = deadline.map_or(next, |deadline| deadline.min(next));
        self.enters(id, Phase::Restarting, outcome.error().as_ref());
        self.set_timer(id, next);
        true
    }

    /// A service has failed for good: its app stops, unless it may go on without it.
    pub(super) fn give_up(&mut self, id: usize, errors: &[SharedError], late: Option<&Late>) {
        let entry = &self.entries[id];
        let told_its_starter = entry.dynamic && entry.progress == Progress::Pending;
        if told_its_starter || entry.settings.on_failure == OnFailure::Ignore {
            self.report.add_late(errors, late);
            self.end(id, &Outcome::of(errors, late));
        } else {
            self.end_listed(id, errors, late);
            self.begin_stop(false);
        }
    }

    /// Ends a service and lists in the report what was wrong with that: its first error and those of services inside it,
    /// unless they are ignored, and being late in any case.
    fn end_listed(&mut self, id: usize, errors: &[SharedError], late: Option<&Late>) {
        let entry = &self.entries[id];
        if entry.settings.on_failure != OnFailure::Ignore {
            let told = errors.iter().enumerate().filter(|(at, error)| *at == 0 || error.is::<GroupFailed>());
            for (_, error) in told {
                self.report.add_failure(entry.node.path(), error);
            }
        }
        self.report.add_late(errors, late);
        self.end(id, &Outcome::of(errors, late));
    }

    /// Ends a service for good.
    pub(super) fn end(&mut self, id: usize, outcome: &Outcome) {
        let entry = &mut self.entries[id];
        entry.timer = None;
        entry.pending = None;
        self.enters(id, outcome.phase(), outcome.error().as_ref());
        self.count_live(id, false);
        self.entries[id].answer_ended(outcome);
        if self.entries[id].progress == Progress::Pending {
            self.progresses(id, Progress::Unmet);
            if !self.stop.has_begun() {
                self.unmet_for_good(id);
            }
        }
        self.release_stop(id);
        let parent = self.entries[id].links.parent;
        if self.entries[id].dynamic && !self.stop.has_begun() {
            self.remove(id);
        }
        // Later, so that nothing is taken off a list that is being walked.
        self.todo.extend(parent.map(Todo::ChildEnded));
    }

    pub(super) fn child_ended(&mut self, parent: usize) {
        let waits = self.entries.get(parent).is_some_and(|entry| entry.pending.is_some());
        if !waits {
            self.try_conclude(parent);
        } else if !self.has_live_children(parent, |child| !child.settings.resource) {
            // Taken by `leave`.
            self.leave(parent, None, Then::Stop);
        }
    }

    /// Takes an ended service off the list.
    fn remove(&mut self, id: usize) {
        let entry = self.entries.remove(id);
        self.names.remove(&entry.name);
        self.scope.remove_node(entry.order);
        if let Some(provider) = &entry.provider {
            self.scope.withdraw(provider.type_id, entry.node.path());
        }
        for link in &entry.links.after {
            self.entries[link.id].links.before.retain(|dependent| *dependent != id);
        }
        for dependent in &entry.links.before {
            self.entries[*dependent].links.after.retain(|link| link.id != id);
        }
        if let Some(parent) = entry.links.parent.and_then(|parent| self.entries.get_mut(parent)) {
            parent.links.children.remove(&id);
        }
    }

    /// Counts a service as live, or as ended.
    pub(super) fn count_live(&mut self, id: usize, live: bool) {
        let Entry { settings, links, .. } = &self.entries[id];
        // A child is there for its parent, and keeps the app running no longer than that does.
        let working = !settings.background && links.parent.is_none();
        let kind = if settings.resource { &mut self.live_resources } else { &mut self.live_services };
        if live {
            *kind += 1;
            self.working += usize::from(working);
        } else {
            *kind -= 1;
            self.working -= usize::from(working);
        }
    }

    /// A service is past its stop bound: it is dropped; then, if it holds on, left behind.
    pub(super) fn stop_timed_out(&mut self, id: usize) {
        let now = self.now;
        let entry = &mut self.entries[id];
        if entry.is_quiet() {
            // It waits for its children, who have bounds of their own.
            return;
        }
        let Some(leaving) = &mut entry.leaving else {
            return;
        };
        if let Some(late) = &mut leaving.late {
            if let Some(running) = &mut entry.running {
                late.did_not_yield = running.run.is_busy();
                leaving.wedged = true;
                (running.returned, running.drained) = (true, true);
            }
            self.try_conclude(id);
            return;
        }
        let inner = entry.node.levels_inside();
        if inner > 0 && !std::mem::replace(&mut leaving.extended, true) {
            // What is inside has the same bound. It drops and reports who is late there, if it gets the time.
            self.set_timer(id, now + LET_GO_WITHIN * 2 * inner);
            return;
        }
        leaving.late = Some(Late {
            path: Arc::clone(entry.node.path()),
            phase: leaving.from,
            waited: now.saturating_duration_since(leaving.asked),
            tasks: entry.node.task_locations(),
            did_not_yield: false,
            run: entry.running.as_ref().map(|running| Arc::downgrade(&running.run)).unwrap_or_default(),
        });
        entry.abort();
        self.set_timer(id, now + LET_GO_WITHIN);
    }
}
