//! Starting: edges, readiness, and what happens when it does not come.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    Entry, Registration, Supervisor, Todo,
    entry::{Link, Progress, Then},
};
use crate::{
    context::Context,
    error::{DependencyFailed, NotReady, SharedError},
    lifecycle::Phase,
    node::{Edge, Node},
    run::{End, Key, Run, Runner, panic_message},
    scope::introduce,
    task::spawn_service,
    time::later,
};

impl Supervisor {
    /// Takes in the services of the app, each after the one before it unless it names others.
    pub(super) fn admit_all(&mut self, registrations: Vec<Registration>) {
        let afters: Vec<_> = registrations.iter().map(|registration| registration.plan.after.clone()).collect();
        let ids: Vec<_> = registrations.into_iter().map(|registration| self.admit(registration, None)).collect();
        for (at, (&id, after)) in ids.iter().zip(afters).enumerate() {
            let links = match after {
                // Unknown names were refused before.
                Some(names) => names.iter().filter_map(|name| self.names.get(&**name)).map(named).collect(),
                None => at.checked_sub(1).map(|at| Link { id: ids[at], implicit: true }).into_iter().collect(),
            };
            self.connect(id, links);
        }
        self.unstarted = ids.len();
        self.ends_by_itself = self.working > 0;
    }

    /// Takes in one service, not yet connected to others.
    pub(super) fn admit(&mut self, mut registration: Registration, parent: Option<usize>) -> usize {
        if let Some(parent) = parent {
            registration.name = format!("{}/{}", self.entries[parent].name, registration.name);
        }
        self.runs += 1;
        let name: Arc<str> = Arc::from(&*registration.name);
        // At the root the path is the name: one string is enough.
        let path = if self.scope.is_root() { Arc::clone(&name) } else { self.scope.full_path(&name) };
        let mut entry = Entry::new(Node::new(path, self.now), name, self.runs, registration);
        entry.links.parent = parent;
        if let Some(provider) = &entry.provider {
            introduce(&self.scope, entry.node.path(), provider);
        }
        self.scope.add_node(entry.order, Arc::clone(&entry.node));
        let name = Arc::clone(&entry.name);
        let id = self.entries.insert(entry);
        self.names.insert(name, id);
        if let Some(parent) = parent {
            self.entries[parent].links.children.insert(id);
        }
        self.count_live(id, true);
        id
    }

    /// Lets `id` start after others and stop before them.
    pub(super) fn connect(&mut self, id: usize, after: Vec<Link>) {
        let mut edges = Vec::with_capacity(after.len());
        let mut unmet = 0;
        for &Link { id: dependency, implicit } in &after {
            let entry = &mut self.entries[dependency];
            edges.push(Edge { path: Arc::clone(entry.node.path()), implicit });
            unmet += usize::from(entry.progress != Progress::Met);
            entry.links.before.push(id);
        }
        let entry = &mut self.entries[id];
        entry.node.starts_after(edges.into_boxed_slice());
        entry.links.unmet = unmet;
        entry.links.after = after;
    }

    pub(super) fn start_all(&mut self) {
        let due = self.entries.iter().filter(|(_, entry)| entry.links.unmet == 0);
        self.todo.extend(due.map(|(id, _)| Todo::Start(id)));
    }

    pub(super) fn start_if_due(&mut self, id: usize) {
        let due = |entry: &Entry| entry.links.unmet == 0 && entry.node.phase() == Phase::Waiting;
        if self.stop.is_none() && self.entries.get(id).is_some_and(due) {
            self.start(id, None);
        }
    }

    /// Starts a run of a service; `error` is what went wrong with the run before, if that is not told yet.
    pub(super) fn start(&mut self, id: usize, error: Option<&SharedError>) {
        self.runs += 1;
        let key = Key { id, run: self.runs };
        let entry = &mut self.entries[id];
        let run = Run::new(key, Arc::clone(&entry.node), Arc::clone(&self.scope), self.kept.clone());
        entry.begin(Arc::clone(&run));
        let own = later(self.now, entry.settings.start_within);
        let deadline = if entry.progress == Progress::Met { own } else { *entry.first_deadline.get_or_insert(own) };
        self.set_timer(id, deadline);
        self.enters(id, Phase::Starting, error);

        let entry = &mut self.entries[id];
        let ctx = Context::new(Arc::clone(&run));
        let launch = || entry.take_service().map(|service| service.run_boxed(ctx));
        match catch_unwind(AssertUnwindSafe(launch)) {
            Ok(Some(future)) => {
                let runner = run.within(Runner::new(future, Arc::clone(&run)));
                let abort = spawn_service(&self.place().runtime, runner);
                self.entries[id].spawned(abort);
            }
            // A start without a service left is refused before it comes here.
            Ok(None) => self.run_ended(id, End::Dropped),
            Err(payload) => self.run_ended(id, End::Panicked(panic_message(&*payload))),
        }
    }

    pub(super) fn said_ready(&mut self, id: usize) {
        if self.entries[id].node.phase() != Phase::Starting {
            return;
        }
        let entry = &mut self.entries[id];
        entry.timer = None;
        entry.first_deadline = None;
        entry.ready_since = Some(self.now);
        self.enters(id, Phase::Ready, None);
        self.entries[id].answer_ready();
        self.met(id);
    }

    /// Lets start what waits for this service only.
    fn met(&mut self, id: usize) {
        if self.progresses(id, Progress::Met) != Progress::Pending {
            // Those that come after it were let go, or have failed, before.
            return;
        }
        for at in 0..self.entries[id].links.before.len() {
            let dependent = self.entries[id].links.before[at];
            self.release_start(dependent);
        }
    }

    /// Notes that a service is ready, or will not be; the start of the app counts it. Returns what was known before.
    pub(super) fn progresses(&mut self, id: usize, progress: Progress) -> Progress {
        let entry = &mut self.entries[id];
        let was = std::mem::replace(&mut entry.progress, progress);
        if was == Progress::Pending && !entry.dynamic {
            self.unstarted -= 1;
        }
        was
    }

    /// Counts one dependency of a waiting service as met.
    fn release_start(&mut self, id: usize) {
        let links = &mut self.entries[id].links;
        links.unmet -= 1;
        if links.unmet == 0 {
            self.todo.push_back(Todo::Start(id));
        }
    }

    /// A service has ended without ever being ready: who named it fails, who just came after it goes on.
    pub(super) fn unmet_for_good(&mut self, id: usize) {
        let entry = &self.entries[id];
        let how = if entry.node.phase() == Phase::Failed { "has failed" } else { "was stopped" };
        let error: SharedError = Arc::new(DependencyFailed { dependency: Arc::clone(entry.node.path()), how });
        for dependent in entry.links.before.clone() {
            let named = |link: &Link| link.id == id && !link.implicit;
            if self.entries[dependent].links.after.iter().any(named) {
                self.todo.push_back(Todo::FailWaiting(dependent, Arc::clone(&error)));
            } else {
                self.release_start(dependent);
            }
        }
    }

    pub(super) fn fail_waiting(&mut self, id: usize, error: SharedError) {
        let waiting = self.entries.get(id).is_some_and(|entry| entry.node.phase() == Phase::Waiting);
        if waiting && self.stop.is_none() {
            self.give_up(id, &[error], None);
        }
    }

    pub(super) fn start_timed_out(&mut self, id: usize) {
        let error: SharedError = Arc::new(self.not_ready(id, None));
        let then = if self.entries[id].progress == Progress::Met { Then::Policy } else { Then::GiveUp };
        self.leave(id, Some(&error), then);
    }

    pub(super) fn backoff_is_over(&mut self, id: usize) {
        let out_of_time = self.entries[id].first_deadline.is_some_and(|deadline| deadline <= self.now);
        if out_of_time {
            let last = self.entries[id].node.facts().last_error;
            let error = self.not_ready(id, last);
            self.give_up(id, &[Arc::new(error)], None);
        } else {
            self.start(id, None);
        }
    }

    fn not_ready(&self, id: usize, last: Option<SharedError>) -> NotReady {
        let entry = &self.entries[id];
        let why = match (&last, self.waits_of(id)) {
            (Some(_), _) => format!("its {} attempts failed", entry.started),
            (None, Some(waits)) => waits,
            (None, None) if entry.settings.resource => {
                "its open function had not returned; is what it connects to there? Give it a timeout of its own, or raise \
                 `start_within`"
                    .to_owned()
            }
            (None, None) => {
                "it never called `ctx.ready()`; call it once the service is up, or raise `start_within`".to_owned()
            }
        };
        NotReady { path: Arc::clone(entry.node.path()), within: entry.settings.start_within, why, last }
    }

    /// Says what a service that is not ready waits for, if we know.
    fn waits_of(&self, id: usize) -> Option<String> {
        let node = &self.entries[id].node;
        let inside = node.inside().map(|scope| scope.nodes()).unwrap_or_default();
        let unready: Vec<_> = inside
            .iter()
            .filter(|node| matches!(node.phase(), Phase::Waiting | Phase::Starting | Phase::Restarting))
            .map(|node| format!("`{}` is {}", node.path(), node.phase()))
            .collect();
        if !unready.is_empty() {
            return Some(format!("in it, {}", unready.join(", ")));
        }
        let waits: Vec<_> = node.waits().iter().map(|wait| self.explain_wait(id, wait)).collect();
        (!waits.is_empty()).then(|| waits.join("; "))
    }

    /// Explains that a service waits for a resource: `wait` is the resource's label.
    fn explain_wait(&self, id: usize, wait: &str) -> String {
        let path = wait.strip_prefix("resource `").and_then(|rest| rest.strip_suffix('`'));
        let resource = path.and_then(|path| self.entries.iter().find(|(_, entry)| **entry.node.path() == *path));
        match resource {
            Some((resource, _)) if self.starts_after(resource, &[id]) => {
                format!(
                    "`{}` waits for {wait}, which starts after it; register the resource first",
                    self.entries[id].node.path()
                )
            }
            Some((_, entry)) => format!("it waits for {wait}, which is {}", entry.node.phase()),
            None if path.is_none() => {
                format!("it waits for {wait}, whose driver is not registered in an app that runs")
            }
            None => format!("it waits for {wait}"),
        }
    }

    /// Tells whether `later` starts after one of `earlier`, directly or not; what is inside of these does not count as such.
    pub(super) fn starts_after(&self, later: usize, earlier: &[usize]) -> bool {
        let mut seen = vec![later];
        let mut next = 0;
        while let Some(&id) = seen.get(next) {
            next += 1;
            let links = &self.entries[id].links;
            if links.after.iter().any(|link| earlier.contains(&link.id)) {
                return true;
            }
            let parent = links.parent.filter(|parent| !earlier.contains(parent));
            let dependencies = links.after.iter().map(|link| link.id).chain(parent);
            let new: Vec<_> = dependencies.filter(|id| !seen.contains(id)).collect();
            seen.extend(new);
        }
        false
    }

    pub(super) fn set_timer(&mut self, id: usize, at: tokio::time::Instant) {
        self.entries[id].timer = Some(self.timers.set(id, at));
    }
}

/// Makes an edge that somebody asked for.
pub(super) fn named(&id: &usize) -> Link {
    Link { id, implicit: false }
}
