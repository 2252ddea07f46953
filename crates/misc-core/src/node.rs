//! What is known of one service at any moment: read by the status, written by its supervisor and its run.

use std::{
    fmt,
    panic::Location,
    ptr,
    sync::{Arc, Mutex},
};

use tokio::time::Instant;

use crate::{
    error::SharedError,
    lifecycle::Phase,
    run::Run,
    scope::Scope,
    sockets::Address,
    status::{Inspected, Inspection},
    sync::lock,
};

/// One service, for as long as it is registered.
pub(crate) struct Node {
    path: Arc<str>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    since: Instant,
    restarts: u32,
    after: Box<[Edge]>,
    last_error: Option<SharedError>,
    /// What lives only as long as a run does.
    live: Live,
}

#[derive(Default)]
struct Live {
    run: Option<Arc<Run>>,
    inside: Option<Arc<Scope>>,
    addresses: Vec<Address>,
    waits: Vec<String>,
    inspections: Vec<Inspection>,
}

/// One service starts after another.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) path: Arc<str>,
    pub(crate) implicit: bool,
}

impl Node {
    pub(crate) fn new(path: Arc<str>, now: Instant) -> Arc<Self> {
        let live = Live::default();
        let state =
            State { phase: Phase::Waiting, since: now, restarts: 0, after: Box::default(), last_error: None, live };
        Arc::new(Self { path, state: Mutex::new(state) })
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    pub(crate) fn starts_after(&self, after: Box<[Edge]>) {
        lock(&self.state).after = after;
    }

    pub(crate) fn phase(&self) -> Phase {
        lock(&self.state).phase
    }

    /// Enters a phase; returns the one that was left and when it had begun.
    pub(crate) fn enter(&self, phase: Phase, now: Instant, error: Option<&SharedError>) -> (Phase, Instant) {
        let mut state = lock(&self.state);
        let left = (state.phase, state.since);
        (state.phase, state.since) = (phase, now);
        let forgotten = error.and_then(|error| state.last_error.replace(Arc::clone(error)));
        drop(state);
        // Outside the lock: an error is the user's own.
        drop(forgotten);
        left
    }

    pub(crate) fn begin(&self, run: Arc<Run>, restarted: bool) {
        let mut state = lock(&self.state);
        state.restarts += u32::from(restarted);
        state.live.run = Some(run);
    }

    /// Forgets what belonged to the run.
    pub(crate) fn end(&self) {
        let live = std::mem::take(&mut lock(&self.state).live);
        // Outside the lock: what is dropped here may be the user's own.
        drop(live);
    }

    pub(crate) fn hosts(&self, run: &Run, scope: Arc<Scope>) {
        self.while_runs(run, |live| live.inside = Some(scope));
    }

    /// Changes what belongs to the present run, if `run` still is that.
    fn while_runs(&self, run: &Run, change: impl FnOnce(&mut Live)) {
        let mut state = lock(&self.state);
        if state.live.run.as_deref().is_some_and(|present| ptr::eq(present, run)) {
            change(&mut state.live);
        }
    }

    pub(crate) fn inside(&self) -> Option<Arc<Scope>> {
        lock(&self.state).live.inside.clone()
    }

    /// Returns how deep the groups inside are nested: 0 for a plain service.
    pub(crate) fn levels_inside(&self) -> u32 {
        let deepest = |scope: Arc<Scope>| scope.nodes().iter().map(|node| node.levels_inside()).max().unwrap_or(0);
        self.inside().map_or(0, |scope| 1 + deepest(scope))
    }

    pub(crate) fn publish(&self, run: &Run, address: Address) {
        self.while_runs(run, |live| live.addresses.push(address));
    }

    pub(crate) fn addresses(&self) -> Vec<Address> {
        lock(&self.state).live.addresses.clone()
    }

    pub(crate) fn waits_for(&self, run: &Run, what: &str) {
        self.while_runs(run, |live| live.waits.push(what.to_owned()));
    }

    pub(crate) fn waits_no_more_for(&self, run: &Run, what: &str) {
        self.while_runs(run, |live| {
            if let Some(at) = live.waits.iter().position(|wait| wait == what) {
                live.waits.swap_remove(at);
            }
        });
    }

    pub(crate) fn waits(&self) -> Vec<String> {
        lock(&self.state).live.waits.clone()
    }

    pub(crate) fn inspect(&self, run: &Run, inspection: Inspection) {
        self.while_runs(run, |live| live.inspections.push(inspection));
    }

    pub(crate) fn inspected(&self) -> Vec<Inspected> {
        let inspections = lock(&self.state).live.inspections.clone();
        // Outside the lock: the closures are the user's own.
        inspections.iter().map(Inspection::look).collect()
    }

    pub(crate) fn task_locations(&self) -> Vec<&'static Location<'static>> {
        let run = lock(&self.state).live.run.clone();
        run.map(|run| run.task_locations()).unwrap_or_default()
    }

    /// Tells whether a thread is inside its run right now.
    pub(crate) fn is_busy(&self) -> bool {
        lock(&self.state).live.run.as_ref().is_some_and(|run| run.is_busy())
    }

    pub(crate) fn facts(&self) -> Facts {
        let state = lock(&self.state);
        Facts {
            phase: state.phase,
            since: state.since,
            restarts: state.restarts,
            after: state.after.to_vec(),
            last_error: state.last_error.clone(),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("path", &self.path).field("phase", &self.phase()).finish_non_exhaustive()
    }
}

/// A copy of what the status shows.
pub(crate) struct Facts {
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    pub(crate) restarts: u32,
    pub(crate) after: Vec<Edge>,
    pub(crate) last_error: Option<SharedError>,
}
