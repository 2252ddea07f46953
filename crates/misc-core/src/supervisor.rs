//! The supervisor: one task that decides what starts, what stops, and when.
//!
//! It owns the state of every service of one app or group and is told of events through a mailbox. Each event touches
//! the services that it is about and their neighbours in the start order, never all of them; only the two moments
//! that concern all, the start and the stop of the app, walk over all.

mod command;
mod end;
mod entry;
mod start;
mod stop;
mod timers;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use slab::Slab;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, error};

pub(crate) use self::entry::{Registration, Then};
use self::{entry::Entry, stop::Stop, timers::Timers};
use crate::{
    app::Kept,
    context::Context,
    error::{BoxError, CommandError, GroupFailed, Panicked, SharedError},
    lifecycle::{Lifecycle, Phase, Transition},
    reload::Reload,
    report::Report,
    resource::Gone,
    run::{End, Key, Run, caught},
    scope::{Place, Progress, Scope},
};

/// How many events, and what follows from them, may come at once without an allocation.
const BURST: usize = 64;

/// What the supervisor is told.
pub(crate) enum Event {
    Ready(Key),
    Ended(Key, End),
    TaskPanicked(Key, SharedError),
    Drained(Key),
    /// The app around this group gives it less time to stop than before.
    Tightened,
    Reload(Reload),
    Command(Command),
}

/// What handles ask for.
pub(crate) enum Command {
    Start { parent: Option<Key>, registration: Box<Registration>, reply: Reply },
    Stop { name: String, then: Then, reply: Reply },
    Shutdown,
}

pub(crate) type Reply = oneshot::Sender<Result<(), CommandError>>;

/// What follows from an event, done one after the other so that a long chain needs no deep stack.
enum Todo {
    Start(usize),
    FailWaiting(usize, SharedError),
    Turn(usize),
    ChildEnded(usize),
}

/// Runs the services of one app or group from start to end.
pub(crate) struct Supervisor {
    scope: Arc<Scope>,
    /// Each run has a share in it, so that it goes after the last of them.
    kept: Kept,
    entries: Slab<Entry>,
    names: HashMap<Arc<str>, usize>,
    timers: Timers,
    todo: VecDeque<Todo>,
    now: Instant,
    runs: u64,
    /// Services of the start that were neither ready nor ended so far.
    unstarted: usize,
    /// Services that keep the app from ending by itself.
    working: usize,
    /// Some service of the app was there to do its work and end; else the app runs until it is stopped.
    ends_by_itself: bool,
    live_services: usize,
    live_resources: usize,
    stop: Stop,
    /// The app around this group wants it to stop, and that is under way.
    heeds_outer: bool,
    report: Report,
}

impl Supervisor {
    /// Places the registered services; nothing runs yet.
    pub(crate) fn new(scope: Arc<Scope>, registrations: Vec<Registration>, kept: Kept) -> Self {
        let mut this = Self {
            scope,
            kept,
            entries: Slab::with_capacity(registrations.len()),
            names: HashMap::with_capacity(registrations.len()),
            timers: Timers::default(),
            todo: VecDeque::new(),
            now: Instant::now(),
            runs: 0,
            unstarted: 0,
            working: 0,
            ends_by_itself: false,
            live_services: 0,
            live_resources: 0,
            stop: Stop::No,
            heeds_outer: false,
            report: Report::default(),
        };
        this.admit_all(registrations);
        this
    }

    /// Runs until everything has ended; returns what went wrong.
    ///
    /// # Cancel safety
    /// Weak: dropped, every service is dropped without being asked to stop.
    pub(crate) async fn run(mut self) -> Report {
        self.app_enters(Phase::Starting);
        self.start_all();
        self.settle();
        let mut events = Vec::new();
        while !self.stop.is_done() {
            self.wait(&mut events).await;
            self.now = Instant::now();
            for event in events.drain(..) {
                self.handle(event);
                self.settle();
            }
            self.fire_timers();
            // What a burst needed, such as the start of thousands, is given back.
            events.shrink_to(BURST);
            self.todo.shrink_to(BURST);
            self.timers.shrink_to(BURST);
        }
        self.finish()
    }

    /// Waits for events, for the next timer, or for the surrounding app to stop this group.
    async fn wait(&mut self, events: &mut Vec<Event>) {
        let timer = self.next_wake();
        let outer = self.scope.outer().filter(|_| !self.heeds_outer);
        tokio::select! {
            biased;
            () = self.scope.mailbox.take(events) => {}
            () = stopping(outer) => {}
            () = sleep_until(timer.unwrap_or(self.now)), if timer.is_some() => {}
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ready(key) => {
                if let Some(id) = self.current(key) {
                    self.said_ready(id);
                }
            }
            Event::Ended(key, end) => {
                if let Some(id) = self.current(key) {
                    self.run_ended(id, end);
                }
            }
            Event::TaskPanicked(key, error) => {
                if let Some(id) = self.current(key) {
                    self.fail(id, error);
                }
            }
            Event::Drained(key) => {
                if let Some(id) = self.current(key) {
                    self.run_drained(id);
                }
            }
            Event::Tightened => {
                if let Some(deadline) = self.scope.outer().and_then(|outer| outer.stop_deadline()) {
                    self.tighten(deadline);
                }
            }
            Event::Reload(reload) => self.tell_all(|observer| observer.on_reload(reload)),
            Event::Command(command) => self.carry_out(command),
        }
    }

    /// Does what follows, until nothing does.
    fn settle(&mut self) {
        loop {
            while let Some(todo) = self.todo.pop_front() {
                match todo {
                    Todo::Start(id) => self.start_if_due(id),
                    Todo::FailWaiting(id, error) => self.fail_waiting(id, error),
                    Todo::Turn(id) => self.turn(id),
                    Todo::ChildEnded(parent) => self.child_ended(parent),
                }
            }
            if !self.advance() {
                return;
            }
        }
    }

    /// Moves the app itself on: to ready, to its end, to the next stage of its stop. Returns whether it did.
    fn advance(&mut self) -> bool {
        if !self.stop.has_begun() && self.ends_by_itself && self.working == 0 {
            debug!(app = %self.scope.app, "every service that keeps the app running has ended");
            self.app_ready_if_started();
            self.begin_stop(false);
            return true;
        }
        self.app_ready_if_started();
        self.advance_stop()
    }

    fn app_ready_if_started(&mut self) {
        if self.stop.is_none() && self.unstarted == 0 && self.scope.phase() == Phase::Starting {
            self.app_enters(Phase::Ready);
            if let Some(outer) = self.scope.outer() {
                outer.ready();
            }
        }
    }

    fn fire_timers(&mut self) {
        if let Some(deadline) = self.outer_stops() {
            self.tighten(deadline);
            self.settle();
        }
        self.stop_timer_fired();
        self.settle();
        while let Some(id) = self.timers.pop_due(self.now, &self.entries) {
            self.entries[id].timer = None;
            self.timer_fired(id);
            self.settle();
        }
    }

    fn timer_fired(&mut self, id: usize) {
        match self.entries[id].node.phase() {
            Phase::Starting => self.start_timed_out(id),
            Phase::Restarting => self.backoff_is_over(id),
            Phase::Stopping => self.stop_timed_out(id),
            _ => {}
        }
    }

    fn next_wake(&mut self) -> Option<Instant> {
        let timer = self.timers.next(&self.entries);
        [timer, self.stop.next_wake()].into_iter().flatten().min()
    }

    /// Returns the stop deadline of the surrounding group, once it wants this one to stop and we have not heeded it.
    fn outer_stops(&self) -> Option<Instant> {
        let outer = self.scope.outer()?;
        if self.heeds_outer || !outer.stopping.is_cancelled() {
            return None;
        }
        outer.stop_deadline()
    }

    /// Finds the service whose present run sent an event.
    fn current(&self, key: Key) -> Option<usize> {
        let run = self.entries.get(key.id)?.run()?;
        (run.key == key).then_some(key.id)
    }

    fn place(&self) -> &Place {
        self.scope.place().expect("the scope is settled before the supervisor is made")
    }

    /// Changes the phase of a service and tells everybody.
    fn enters(&mut self, id: usize, to: Phase, error: Option<&SharedError>) {
        let entry = &self.entries[id];
        let (from, since) = entry.node.enter(to, self.now, error);
        if let Some(provider) = &entry.provider {
            let follow = || provider.provided.follow(to, entry.will_run_again());
            if let Err(panic) = caught(follow) {
                error!(service = %entry.node.path(), panic, "a resource panicked when its handle was dropped");
            }
        }
        if to.is_ended() {
            self.place().shared.notify_changed();
        }
        let path = Arc::clone(entry.node.path());
        let failed_attempts = entry.attempts.failed();
        self.tell(path, (from, to), since, failed_attempts, error);
    }

    fn app_enters(&mut self, to: Phase) {
        let Progress { phase: from, since, .. } = self.scope.enter(to, self.now);
        // A group is a service of the app around it, which tells of it.
        if self.scope.is_root() {
            self.tell(Arc::from(""), (from, to), since, 0, None);
        }
    }

    fn tell(
        &self,
        path: Arc<str>,
        (from, to): (Phase, Phase),
        since: Instant,
        failed_attempts: u32,
        error: Option<&SharedError>,
    ) {
        let app = Arc::clone(&self.place().shared.root);
        let elapsed = self.now.saturating_duration_since(since);
        let transition = Transition { app, path, from, to, elapsed, failed_attempts, error: error.cloned() };
        self.tell_all(|observer| observer.on_transition(&transition));
    }

    fn tell_all(&self, news: impl Fn(&dyn Lifecycle)) {
        for observer in &*self.place().observers {
            if let Err(panic) = caught(|| news(&**observer)) {
                error!(panic, "an observer panicked; the others go on");
            }
        }
    }

    fn finish(&mut self) -> Report {
        let clean = self.report.is_clean();
        self.scope.mailbox.close();
        self.app_enters(if clean { Phase::Stopped } else { Phase::Failed });
        std::mem::take(&mut self.report)
    }
}

impl Drop for Supervisor {
    /// Leaves nothing running, also when the app's future is dropped.
    fn drop(&mut self) {
        for (_, entry) in &mut self.entries {
            entry.abort();
            entry.end_run();
        }
    }
}

/// Runs the services of a group as the one service that it is to the app around it.
///
/// Its supervisor runs beside that of the root, where no worker that blocks can hold it up; it goes with the group.
pub(crate) async fn run_group(
    scope: &Arc<Scope>,
    registrations: Vec<Registration>,
    kept: Kept,
    ctx: Context,
) -> Result<(), BoxError> {
    ctx.run().node.hosts(ctx.run(), Arc::clone(scope));
    let group = Supervisor::new(Arc::clone(scope), registrations, kept);
    let shared = Arc::clone(&group.place().shared);
    shared.notify_changed();
    let report = AbortOnDropHandle::new(shared.supervisors.spawn(group.run())).await?;
    Ok(report.into_result().map_err(GroupFailed)?)
}

async fn stopping(outer: Option<&Arc<Run>>) {
    match outer {
        Some(outer) => outer.stopping.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Turns what a run's end says into the failure it means, if any.
///
/// That a resource is gone is no news to a service that is asked to stop, or whose app stops.
fn failure_of(end: End, stopping: bool) -> Option<SharedError> {
    match end {
        End::Returned(Ok(())) => None,
        End::Returned(Err(error)) if stopping && Gone::is_in(&*error) => None,
        End::Returned(Err(error)) => Some(Arc::from(error)),
        End::Panicked(message) => Some(Arc::new(Panicked(message))),
        End::Dropped => Some(Arc::new(crate::error::DroppedEarly)),
    }
}
