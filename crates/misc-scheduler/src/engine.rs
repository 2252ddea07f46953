//! The engine: one state behind one lock, shared by the service's loop, the handles and the ends of runs.

mod arming;
mod command;
mod drive;
mod ending;
mod firing;
mod graph;
mod queue;
mod turn;
mod view;

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use misc_core::Context;
use slab::Slab;
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
    time::Instant,
};
use tracing::{info, warn};

pub(crate) use self::{
    drive::{Ended, Job, one_line, panic_message},
    firing::{Payload, Request},
    turn::{Drain, Turn, Verdict},
};
use self::{
    drive::{drive, drop_caught},
    queue::Queue,
};
use crate::{
    arm::{Arm, Fired, Source},
    clock::{Clock, WallClock},
    label::Label,
    ledger::Claims,
    status::{Outcome, Ran},
    task::Def,
};

/// Locks a mutex whose data holds at each statement, so that a panic elsewhere does not spoil it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scheduler, as everyone sees it who has to do with it.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The loop shall look again.
    wake: Notify,
}

/// All that changes.
struct State {
    shared: Weak<Shared>,
    tasks: Slab<Entry>,
    names: HashMap<Arc<str>, usize>,
    /// Who waits for the runs of whom.
    followers: HashMap<Arc<str>, Vec<usize>>,
    /// What is wrong with the description, told before the start.
    problems: Vec<String>,
    /// The tasks that make no sense by themselves: who runs after them is not told that they do not exist.
    refused: Vec<Arc<str>>,
    queue: Queue,
    clock: WallClock,
    clock_setting: Clock,
    phase: Phase,
    home: Option<Home>,
    claims: Option<Arc<Claims>>,
    /// Tasks that run once and have to succeed before the service is ready.
    gates: usize,
    /// Numbers the runs and the entries of the queue.
    tickets: u64,
    /// Schedules of the user's own that have to be asked.
    asking: Vec<(usize, usize)>,
    /// Runs that have not ended.
    live: usize,
    verdict: Option<Verdict>,
    /// When the loop looks again by itself; `None` if it does not.
    alarm: Option<Instant>,
    /// How many ended runs of a task are kept.
    history: usize,
    /// Kept, so that not each firing has to make one.
    fired: Vec<Fired>,
}

/// Where runs live.
#[derive(Clone)]
struct Home {
    ctx: Context,
    /// Handles may be used on threads that know of none.
    runtime: Handle,
}

/// Where the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has not been started.
    Idle,
    /// It has ended; a restart begins anew.
    Over,
    /// Its once tasks have to succeed first.
    Gating,
    Open,
    Stopping,
}

/// One task.
struct Entry {
    def: Arc<Def>,
    arms: Box<[Arm]>,
    label: Label,
    /// Comes with the first run: a task that is only armed does without.
    record: Option<Box<Record>>,
    /// The last firing of a former life, by the ledger.
    last: Option<i64>,
    flags: Flags,
}

#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Flags {
    /// It has to succeed before the service is ready.
    gates: bool,
    /// Its schedule has begun.
    begun: bool,
    paused: bool,
    finished: bool,
    removed: bool,
}

/// What a task has done, and is doing.
#[derive(Default)]
struct Record {
    live: Vec<Live>,
    waiting: VecDeque<Request>,
    watchers: Vec<oneshot::Sender<Ran>>,
    history: VecDeque<Ran>,
    fired: u64,
    last_due: Option<i64>,
    last_start: Option<i64>,
    last_end: Option<i64>,
    last_outcome: Option<Outcome>,
    last_error: Option<Arc<str>>,
    runs: u64,
    failures: u64,
    failures_in_a_row: u32,
    misfires: u64,
    skipped: u64,
    drift: Option<Duration>,
}

/// A run that has not ended.
struct Live {
    ticket: u64,
    since: Instant,
    /// Follows right after the start, which is outside of the lock.
    handle: Option<misc_core::Task<()>>,
    cancelled: bool,
}

/// A firing that did not become a run.
struct Skipped {
    def: Arc<Def>,
    watcher: Option<oneshot::Sender<Ended>>,
}

/// What is to be done outside of the lock.
#[derive(Default)]
pub(crate) struct Effects {
    starts: Vec<Job>,
    skipped: Vec<Skipped>,
    misfires: Vec<(Arc<Def>, u64)>,
    told: Vec<(oneshot::Sender<Ended>, Ended)>,
    watched: Vec<(oneshot::Sender<Ran>, Ran)>,
    aborts: Vec<misc_core::Task<()>>,
    stop_app: bool,
    wake: bool,
    /// How far the clock was set, in microseconds.
    step: Option<i64>,
    /// What is of the user's own, and may do anything when it is dropped.
    graves: Vec<Box<dyn Any + Send>>,
}

impl Effects {
    /// Drops something outside of the lock.
    fn bury(&mut self, what: impl Send + 'static) {
        self.graves.push(Box::new(what));
    }

    fn need_home(&self) -> bool {
        self.stop_app || !(self.starts.is_empty() && self.skipped.is_empty() && self.misfires.is_empty())
    }
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|shared| Self { state: Mutex::new(State::new(Weak::clone(shared))), wake: Notify::new() })
    }

    pub(crate) fn set_clock(&self, clock: Clock) {
        lock(&self.state).clock_setting = clock;
    }

    pub(crate) fn set_history(&self, runs: usize) {
        lock(&self.state).history = runs;
    }

    /// Works on the state, then does what has to be done outside of the lock.
    fn with<T>(&self, work: impl FnOnce(&mut State, &mut Effects) -> T) -> T {
        let mut fx = Effects::default();
        let (result, home) = {
            let mut state = lock(&self.state);
            let result = work(&mut state, &mut fx);
            let home = if fx.need_home() { state.home.clone() } else { None };
            (result, home)
        };
        self.apply(fx, home.as_ref());
        result
    }

    fn apply(&self, fx: Effects, home: Option<&Home>) {
        let Effects { starts, skipped, misfires, told, watched, aborts, stop_app, wake, step, graves } = fx;
        if let Some(step) = step {
            info!(by = step as f64 / 1e6, "the clock was set");
        }
        let ctx = home.map(|home| &home.ctx);
        if let Some(home) = home {
            self.start(starts, home);
            if stop_app {
                drop(home.ctx.app().root().shutdown());
            }
        }
        for (def, missed) in misfires {
            warn!(task = %def.name, missed, "firings were missed");
            if let Some(meters) = ctx.and_then(|ctx| def.meters(ctx)) {
                meters.count_misfires(missed);
            }
        }
        for Skipped { def, watcher } in skipped {
            if let Some(meters) = ctx.and_then(|ctx| def.meters(ctx)) {
                meters.count("skipped");
            }
            tell(watcher, Ended::NOT_RUN);
        }
        for (watcher, ended) in told {
            tell(Some(watcher), ended);
        }
        for (watcher, ran) in watched {
            tell(Some(watcher), ran);
        }
        aborts.iter().for_each(misc_core::Task::abort);
        if wake {
            self.wake.notify_one();
        }
        graves.into_iter().for_each(drop_caught);
    }

    /// Starts runs, and then notes by what they can be dropped.
    fn start(&self, starts: Vec<Job>, Home { ctx, runtime }: &Home) {
        if starts.is_empty() {
            return;
        }
        let _inside = runtime.enter();
        let started: Vec<_> = starts
            .into_iter()
            .map(|job| {
                let (id, ticket) = job.run();
                (id, ticket, ctx.spawn(drive(job, ctx.clone())))
            })
            .collect();
        let mut aborts = Vec::new();
        let mut state = lock(&self.state);
        for (id, ticket, handle) in started {
            let live = state.tasks.get_mut(id).and_then(|entry| entry.live(ticket));
            match live {
                Some(live) if live.cancelled => aborts.push(handle),
                Some(live) => live.handle = Some(handle),
                None => {}
            }
        }
        drop(state);
        aborts.iter().for_each(misc_core::Task::abort);
    }

    /// Waits until the loop shall look again.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

fn tell<T>(watcher: Option<oneshot::Sender<T>>, what: T) {
    if let Some(watcher) = watcher {
        // Nobody has to wait for it.
        drop(watcher.send(what));
    }
}

impl State {
    fn new(shared: Weak<Shared>) -> Self {
        let clock = Clock::default();
        Self {
            shared,
            tasks: Slab::new(),
            names: HashMap::new(),
            followers: HashMap::new(),
            problems: Vec::new(),
            refused: Vec::new(),
            queue: Queue::default(),
            clock: WallClock::new(clock),
            clock_setting: clock,
            phase: Phase::Idle,
            home: None,
            claims: None,
            gates: 0,
            tickets: 0,
            asking: Vec::new(),
            live: 0,
            verdict: None,
            alarm: None,
            history: 16,
            fired: Vec::new(),
        }
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

/// Tells whether an entry of the queue still counts.
fn is_current(tasks: &Slab<Entry>, key: &queue::Key) -> bool {
    tasks.get(key.id).and_then(|entry| entry.arms.get(key.arm)).is_some_and(|arm| arm.ticket == key.ticket)
}

impl Entry {
    fn record(&mut self) -> &mut Record {
        self.record.get_or_insert_default()
    }

    fn live(&mut self, ticket: u64) -> Option<&mut Live> {
        self.record.as_mut()?.live.iter_mut().find(|live| live.ticket == ticket)
    }

    fn is_idle(&self) -> bool {
        self.record.as_ref().is_none_or(|record| record.live.is_empty())
    }

    fn parents(&self) -> impl Iterator<Item = &Arc<str>> {
        parents(&self.arms)
    }

    /// Drops runs, and what waits for one to end.
    fn cancel(&mut self, fx: &mut Effects, which: impl Fn(u64) -> bool) {
        let Some(record) = &mut self.record else {
            return;
        };
        for live in record.live.iter_mut().filter(|live| which(live.ticket)) {
            live.cancelled = true;
            fx.aborts.extend(live.handle.take());
        }
        for request in mem::take(&mut record.waiting) {
            if which(request.ticket) {
                request.give_up(fx);
            } else {
                record.waiting.push_back(request);
            }
        }
    }

    fn drop_waiting(&mut self, fx: &mut Effects) {
        let waiting = self.record.as_mut().map(|record| mem::take(&mut record.waiting)).unwrap_or_default();
        waiting.into_iter().for_each(|request| request.give_up(fx));
    }
}

/// Lists the tasks after which these triggers run.
fn parents(arms: &[Arm]) -> impl Iterator<Item = &Arc<str>> {
    arms.iter()
        .flat_map(|arm| match &arm.source {
            Source::After { parents, .. } => &**parents,
            _ => &[],
        })
        .map(|parent| &parent.name)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Shared").field("tasks", &state.tasks.len()).field("phase", &state.phase).finish_non_exhaustive()
    }
}

/// Ends the session of a service when it is dropped, however that comes.
pub(crate) struct Session(Weak<Shared>);
