//! The engine: one state behind one lock, shared by the service's loop, the handles and the ends of runs.

mod drive;
mod ending;
mod firing;
mod graph;
mod queue;
mod turn;
mod view;

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use misc_core::Context;
use slab::Slab;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tracing::warn;

use self::{drive::drive, queue::Queue};
pub(crate) use self::{
    drive::{Ended, Job, one_line},
    firing::{Payload, Request},
    turn::{Drain, Turn, Verdict},
};
use crate::{
    arm::{Arm, Due, Source},
    clock::{Clock, Now, WallClock},
    ledger::Claims,
    on_demand::{Running, Started},
    refused::{Kind, Refused},
    status::{Outcome, Ran},
    task::{Compiled, Def, Task},
    trigger::Trigger,
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
    queue: Queue,
    clock: WallClock,
    clock_setting: Clock,
    phase: Phase,
    ctx: Option<Context>,
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
    fired: Vec<crate::arm::Fired>,
}

/// Where the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It does not run.
    Idle,
    /// Its once tasks have to succeed first.
    Gating,
    Open,
    Stopping,
}

/// One task.
struct Entry {
    def: Arc<Def>,
    arms: Box<[Arm]>,
    label: Box<str>,
    /// Comes with the first run: a task that is only armed does without.
    record: Option<Box<Record>>,
    /// The last firing of a former life, by the ledger.
    last: Option<i64>,
    flags: Flags,
}

#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Flags {
    gates: bool,
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
    drift: Option<std::time::Duration>,
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
}

impl Effects {
    fn need_context(&self) -> bool {
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

    /// Adds a task of the description; what is wrong with it is told at the start.
    pub(crate) fn describe(self: &Arc<Self>, task: Task) {
        let compiled = task.compile();
        let mut state = lock(&self.state);
        match compiled {
            Ok(compiled) => {
                if let Some(problem) = state.clash(&compiled).or_else(|| self.tie(&compiled)) {
                    state.problems.push(problem);
                } else {
                    state.insert(compiled);
                }
            }
            Err(problems) => state.problems.extend(problems),
        }
    }

    /// Returns all that is wrong with the description.
    pub(crate) fn problems(&self) -> Vec<String> {
        let state = lock(&self.state);
        state.problems.iter().cloned().chain(state.broken_edges()).collect()
    }

    /// Adds a task at run time.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn add(self: &Arc<Self>, task: Task) -> Result<(), Refused> {
        let compiled = task.compile().map_err(|problems| Refused::new(Kind::Invalid(problems)))?;
        self.with(|state, fx| {
            let clash = state.clash(&compiled).into_iter();
            let problems: Vec<_> = clash.chain(state.broken_edges_of(&compiled.def.name, &compiled.arms)).collect();
            let problems = if problems.is_empty() { self.tie(&compiled).into_iter().collect() } else { problems };
            if !problems.is_empty() {
                return Err(Refused::new(Kind::Invalid(problems)));
            }
            let id = state.insert(compiled);
            if state.phase == Phase::Open {
                let now = state.clock.now();
                state.begin(id, &now, fx);
            }
            Ok(())
        })
    }

    fn tie(self: &Arc<Self>, compiled: &Compiled) -> Option<String> {
        let is_free = compiled.link.as_ref().is_none_or(|link| link.tie(self));
        (!is_free).then(|| format!("task `{}`: it belongs to a scheduler already", compiled.def.name))
    }

    /// Takes a task out: it fires no more, and what is running ends by itself.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Refused> {
        self.with(|state, fx| {
            let id = state.find(name)?;
            if let Some(waits) = state.followers.get(name).and_then(|ids| ids.first()) {
                let waits = &state.tasks[*waits].def.name;
                let problem = format!("task `{name}` cannot go: `{waits}` runs after it; remove that one first");
                return Err(Refused::new(Kind::Invalid(vec![problem])));
            }
            state.remove(id, fx);
            Ok(())
        })
    }

    /// Starts a run now, if the task's policies let it.
    pub(crate) fn run_now(self: &Arc<Self>, name: &str, payload: Option<Payload>) -> Result<Started, Refused> {
        let (watcher, ended) = oneshot::channel();
        self.with(|state, fx| {
            let id = state.find(name)?;
            if !matches!(state.phase, Phase::Gating | Phase::Open) {
                return Err(Refused::new(Kind::NotRunning));
            }
            if payload.is_none() && state.tasks[id].def.work.is_none() {
                return Err(Refused::new(Kind::OnDemand(name.into())));
            }
            let now = state.clock.now();
            let ticket = state.ticket();
            let request =
                Request { ticket, due: now.wall, at: now.mono, claim: false, payload, watcher: Some(watcher) };
            state.request(id, request, &now, fx);
            Ok(Started { shared: Arc::downgrade(self), id, ticket, ended })
        })
    }

    pub(crate) fn run_now_without_argument(self: &Arc<Self>, name: &str) -> Running<()> {
        Running::new(self.run_now(name, None), Arc::new(Mutex::new(Some(()))))
    }

    pub(crate) fn pause(&self, name: &str) -> Result<(), Refused> {
        self.with(|state, _| {
            let id = state.find(name)?;
            let entry = &mut state.tasks[id];
            entry.flags.paused = true;
            // What is in the queue is stale from now on.
            entry.arms.iter_mut().for_each(|arm| arm.ticket = 0);
            Ok(())
        })
    }

    /// Lets a task fire again; what it has missed goes through its misfire policy.
    pub(crate) fn resume(&self, name: &str) -> Result<(), Refused> {
        self.with(|state, fx| {
            let id = state.find(name)?;
            if mem::take(&mut state.tasks[id].flags.paused) {
                let now = state.clock.now();
                state.tasks[id].arms.iter_mut().for_each(|arm| arm.strict = true);
                state.push_all(id, &now, fx);
            }
            Ok(())
        })
    }

    /// Gives a task another trigger.
    ///
    /// # Errors
    /// All that is wrong with the trigger.
    pub(crate) fn reschedule(&self, name: &str, trigger: Trigger) -> Result<(), Refused> {
        let label = trigger.to_string();
        let is_once = trigger.is_once();
        let mut problems = Vec::new();
        let arms: Box<[Arm]> = trigger.compile(&mut problems).into();
        self.with(|state, fx| {
            let id = state.find(name)?;
            if state.tasks[id].def.work.is_none() {
                return Err(Refused::new(Kind::OnDemand(name.into())));
            }
            let mut problems: Vec<_> = problems.iter().map(|problem| format!("task `{name}`: {problem}")).collect();
            problems.extend(state.broken_edges_of(name, &arms));
            if !problems.is_empty() {
                return Err(Refused::new(Kind::Invalid(problems)));
            }
            state.unfollow(id);
            let entry = &mut state.tasks[id];
            (entry.arms, entry.label, entry.flags.finished) = (arms, label.into(), false);
            entry.last = None;
            state.gates -= usize::from(!is_once && mem::take(&mut entry.flags.gates));
            fx.wake = true;
            state.follow(id);
            if state.phase == Phase::Open || (is_once && state.phase == Phase::Gating) {
                let now = state.clock.now();
                state.begin(id, &now, fx);
            }
            Ok(())
        })
    }

    /// Drops what runs of a task, and what waits.
    pub(crate) fn cancel(&self, name: &str) -> Result<(), Refused> {
        self.with(|state, fx| {
            let id = state.find(name)?;
            state.tasks[id].cancel(fx, |_| true);
            Ok(())
        })
    }

    pub(crate) fn cancel_run(&self, id: usize, ticket: u64) {
        self.with(|state, fx| {
            if let Some(entry) = state.tasks.get_mut(id) {
                entry.cancel(fx, |run| run == ticket);
            }
        });
    }

    /// Asks for the end of the next run.
    pub(crate) fn next_run(&self, name: &str) -> Result<oneshot::Receiver<Ran>, Refused> {
        self.with(|state, _| {
            let id = state.find(name)?;
            let (watcher, ran) = oneshot::channel();
            state.tasks[id].record().watchers.push(watcher);
            Ok(ran)
        })
    }

    /// Works on the state, then does what has to be done outside of the lock.
    fn with<T>(&self, work: impl FnOnce(&mut State, &mut Effects) -> T) -> T {
        let mut fx = Effects::default();
        let (result, ctx) = {
            let mut state = lock(&self.state);
            let result = work(&mut state, &mut fx);
            let ctx = if fx.need_context() { state.ctx.clone() } else { None };
            (result, ctx)
        };
        self.apply(fx, ctx.as_ref());
        result
    }

    fn apply(&self, fx: Effects, ctx: Option<&Context>) {
        let Effects { starts, skipped, misfires, told, watched, aborts, stop_app, wake } = fx;
        if let Some(ctx) = ctx {
            self.start(starts, ctx);
            if stop_app {
                drop(ctx.app().root().shutdown());
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
    }

    /// Starts runs, and then notes by what they can be dropped.
    fn start(&self, starts: Vec<Job>, ctx: &Context) {
        if starts.is_empty() {
            return;
        }
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
            queue: Queue::default(),
            clock: WallClock::new(clock),
            clock_setting: clock,
            phase: Phase::Idle,
            ctx: None,
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

    fn find(&self, name: &str) -> Result<usize, Refused> {
        self.names.get(name).copied().ok_or_else(|| {
            let mut known: Vec<_> = self.names.keys().cloned().collect();
            known.sort();
            Refused::new(Kind::Unknown { name: name.into(), known })
        })
    }

    /// Says whether the name of a task is taken.
    fn clash(&self, compiled: &Compiled) -> Option<String> {
        let name = &compiled.def.name;
        self.names.contains_key(name).then(|| format!("two tasks are named `{name}`; rename one"))
    }

    fn insert(&mut self, compiled: Compiled) -> usize {
        let Compiled { def, arms, label, .. } = compiled;
        let (name, flags) = (Arc::clone(&def.name), Flags::default());
        let id = self.tasks.insert(Entry { def, arms, label, record: None, last: None, flags });
        self.names.insert(name, id);
        self.follow(id);
        id
    }

    /// Notes whom a task waits for.
    fn follow(&mut self, id: usize) {
        for parent in self.tasks[id].parents() {
            self.followers.entry(Arc::clone(parent)).or_default().push(id);
        }
    }

    fn unfollow(&mut self, id: usize) {
        for parent in self.tasks[id].parents() {
            if let Some(followers) = self.followers.get_mut(parent) {
                followers.retain(|follower| *follower != id);
                if followers.is_empty() {
                    self.followers.remove(parent);
                }
            }
        }
    }

    fn remove(&mut self, id: usize, fx: &mut Effects) {
        self.unfollow(id);
        let entry = &mut self.tasks[id];
        entry.flags.removed = true;
        entry.drop_waiting(fx);
        self.gates -= usize::from(mem::take(&mut entry.flags.gates));
        fx.wake = true;
        self.names.remove(&entry.def.name);
        if entry.is_idle() {
            self.tasks.remove(id);
        } else {
            entry.arms = Box::default();
        }
    }

    /// Begins the schedule of a task.
    fn begin(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        let entry = &mut self.tasks[id];
        if entry.flags.finished {
            return;
        }
        let last = entry.last;
        for (at, arm) in entry.arms.iter_mut().enumerate() {
            if let Source::Own(_) = arm.source {
                self.asking.push((id, at));
                fx.wake = true;
            } else {
                arm.begin(now, last);
            }
        }
        self.push_all(id, now, fx);
    }

    /// Puts all arms of a task into the queue.
    fn push_all(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        for arm in 0..self.tasks[id].arms.len() {
            self.push(id, arm, now, fx);
        }
    }

    /// Puts an arm into the queue; what was there of it is stale from now on.
    fn push(&mut self, id: usize, at: usize, now: &Now, fx: &mut Effects) {
        let ticket = self.ticket();
        let entry = &mut self.tasks[id];
        let arm = &mut entry.arms[at];
        arm.ticket = ticket;
        let Some(due) = arm.at().filter(|_| !entry.flags.paused) else {
            return;
        };
        let moment = match due {
            Due::Mono(moment) => moment,
            Due::Wall(wall) => crate::arm::later(now.mono, crate::instant::between(now.wall, wall)),
        };
        fx.wake |= self.alarm.is_none_or(|alarm| moment < alarm);
        self.queue.push(due, queue::Key { ticket, id, arm: at });
        if self.queue.len() > 4 * self.tasks.len() + 1_024 {
            let tasks = &self.tasks;
            self.queue.retain(|key| is_current(tasks, key));
        }
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
                fx.told.extend(request.watcher.map(|watcher| (watcher, Ended::cancelled())));
            } else {
                record.waiting.push_back(request);
            }
        }
    }

    fn drop_waiting(&mut self, fx: &mut Effects) {
        let waiting = self.record.as_mut().map(|record| mem::take(&mut record.waiting)).unwrap_or_default();
        let watchers = waiting.into_iter().filter_map(|request| request.watcher);
        fx.told.extend(watchers.map(|watcher| (watcher, Ended::cancelled())));
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
