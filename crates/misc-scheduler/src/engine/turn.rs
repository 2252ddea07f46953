//! The loop of the service: what it does whenever it wakes up.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use misc_core::{BoxError, Context};
use tokio::{runtime::Handle, time::Instant};
use tracing::error;

use super::{Effects, Ended, Entry, Home, Phase, Session, Shared, State, is_current, lock};
use crate::{
    arm::{Arm, Due, Own, Source, later},
    clock::{LOOK_AGAIN, Now, WallClock},
    instant,
    ledger::Claims,
    policy::OnStop,
    status::Outcome,
    task::Def,
    trigger::{Fire, Firing, Schedule},
};

/// How many firings are taken at once, before others get the lock and the thread.
const BATCH: usize = 32;

/// What the loop does next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Says that the service is ready.
    Ready,
    /// Turns again, after the others on this thread.
    Again,
    /// Sleeps until then, or until it is woken.
    Sleep(Option<Instant>),
    /// Ends the service.
    End(Verdict),
}

/// What is left of the runs while the service stops.
#[derive(Debug)]
pub(crate) enum Drain {
    Done,
    /// Some: look again then, if that is known, or when woken.
    Until(Option<Instant>),
}

/// Why the service ends.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its work is done.
    Stop,
    Failed(TaskFailed),
}

/// The failure of a task that is its service's failure.
#[derive(Debug, thiserror::Error)]
#[error("task `{name}` {how}")]
pub(crate) struct TaskFailed {
    name: Arc<str>,
    how: Outcome,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Verdict {
    pub(super) fn failed(def: &Def, ended: &Ended) -> Self {
        let how = ended.outcome.unwrap_or(Outcome::Cancelled);
        Self::Failed(TaskFailed { name: Arc::clone(&def.name), how, source: ended.error.clone() })
    }

    pub(crate) fn into_result(self) -> Result<(), BoxError> {
        match self {
            Self::Stop => Ok(()),
            Self::Failed(failed) => Err(failed.into()),
        }
    }
}

impl Shared {
    /// Takes the service's context; what is dropped gives it back. `None` if another service runs it already.
    pub(crate) fn open(self: &Arc<Self>, ctx: &Context) -> Option<Session> {
        let mut state = lock(&self.state);
        if state.home.is_some() {
            return None;
        }
        state.clock = WallClock::new(state.clock_setting);
        state.home = Some(Home { ctx: ctx.clone(), runtime: Handle::current() });
        // Of this life the ledger has not told yet.
        state.tasks.iter_mut().for_each(|(_, entry)| entry.last = None);
        Some(Session(Arc::downgrade(self)))
    }

    /// Lists the tasks whose firings the ledger keeps.
    pub(crate) fn durable(&self) -> Vec<(usize, Arc<Def>)> {
        let state = lock(&self.state);
        let durable = |entry: &Entry| !entry.def.policy.local && entry.arms.iter().any(Arm::is_shared);
        state.tasks.iter().filter(|(_, entry)| durable(entry)).map(|(id, entry)| (id, Arc::clone(&entry.def))).collect()
    }

    /// Takes the last firing of a task; returns which of its intervals have an anchor, with what that is if there was none.
    pub(crate) fn recalled(&self, id: usize, def: &Arc<Def>, last: Option<i64>, now: i64) -> Vec<(Box<str>, i64)> {
        let mut state = lock(&self.state);
        // Its place may be another one's by now.
        let Some(entry) = state.tasks.get_mut(id).filter(|entry| Arc::ptr_eq(&entry.def, def)) else {
            return Vec::new();
        };
        entry.last = last;
        let from = last.map_or(now, |last| last.min(now));
        let anchored = entry.arms.iter_mut().filter_map(Arm::anchored);
        anchored.filter_map(|anchored| Some((anchored.name.clone(), anchored.begins_after(from)?))).collect()
    }

    /// Takes the anchor of an interval.
    pub(crate) fn anchor(&self, id: usize, def: &Arc<Def>, name: &str, anchor: i64) {
        let mut state = lock(&self.state);
        if let Some(entry) = state.tasks.get_mut(id).filter(|entry| Arc::ptr_eq(&entry.def, def)) {
            let anchored = entry.arms.iter_mut().filter_map(Arm::anchored);
            anchored.filter(|anchored| *anchored.name == *name).for_each(|anchored| anchored.anchor = Some(anchor));
        }
    }

    pub(crate) fn wall(&self) -> i64 {
        lock(&self.state).clock.now().wall
    }

    /// Begins with the tasks that have to succeed first.
    pub(crate) fn begin(&self, claims: Option<Arc<Claims>>) {
        self.with(|state, fx| {
            let now = state.clock.now();
            state.claims = claims;
            state.phase = Phase::Gating;
            state.tasks.iter_mut().for_each(|(_, entry)| entry.flags.begun = false);
            let gating: Vec<_> = state.tasks.iter().filter(|(_, entry)| entry.is_gate()).map(|(id, _)| id).collect();
            state.gates = gating.len();
            for id in gating {
                let flags = &mut state.tasks[id].flags;
                (flags.gates, flags.finished) = (true, false);
                state.begin(id, &now, fx);
            }
        });
    }

    /// Does all there is to do now.
    pub(crate) fn turn(&self) -> Turn {
        let asking = self.with(|state, _| mem::take(&mut state.asking));
        for (id, arm) in asking {
            self.ask(id, arm);
        }
        self.with(State::turn)
    }

    /// Asks a schedule of the user's own when it fires next. It is out of the state meanwhile, and may ask for that itself.
    fn ask(&self, id: usize, at: usize) {
        let asked = self.with(|state, _| {
            let (now, question) = (state.clock.now(), state.ticket());
            let entry = state.tasks.get_mut(id)?;
            let record = entry.record.as_ref();
            let firing = Firing {
                now: instant::to_system_time(now.wall),
                due: record.and_then(|record| record.last_due).map(instant::to_system_time),
                outcome: record.and_then(|record| record.last_outcome),
                count: record.map_or(0, |record| record.fired),
            };
            let own = entry.arms.get_mut(at)?.ask(question)?;
            Some((Arc::clone(&entry.def), question, own, firing))
        });
        if let Some((def, question, mut own, firing)) = asked {
            let fire = catch_unwind(AssertUnwindSafe(|| own.next(&firing))).unwrap_or_else(|_| {
                error!(task = %def.name, "the schedule of this task has panicked, and ends");
                Fire::Stop
            });
            self.with(|state, fx| state.answered(id, at, (question, own), fire, fx));
        }
    }

    /// Takes why it ends, when it shall stop: what a task has decided before that goes first.
    pub(crate) fn verdict(&self) -> Verdict {
        lock(&self.state).verdict.take().unwrap_or(Verdict::Stop)
    }

    /// Fires no more, and drops what need not be waited for.
    pub(crate) fn stop(&self) {
        self.with(|state, fx| {
            state.phase = Phase::Stopping;
            state.queue.clear();
            state.asking.clear();
            for (_, entry) in &mut state.tasks {
                entry.drop_waiting(fx);
                entry.cut(Duration::ZERO, fx);
            }
        });
    }

    /// Drops runs whose time to stop is over; returns when to look again.
    pub(crate) fn drain(&self, since: Instant) -> Drain {
        let waited = since.elapsed();
        self.with(|state, fx| {
            let mut soonest = None;
            for (_, entry) in &mut state.tasks {
                if entry.is_idle() {
                    continue;
                }
                entry.cut(waited, fx);
                if let OnStop::DrainFor(time) = entry.def.policy.on_stop
                    && waited < time
                {
                    let end = later(since, time);
                    soonest = Some(soonest.map_or(end, |soonest: Instant| soonest.min(end)));
                }
            }
            if state.live > 0 { Drain::Until(soonest) } else { Drain::Done }
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.with(|state, fx| {
                state.phase = Phase::Over;
                (state.home, state.claims, state.verdict, state.alarm) = (None, None, None, None);
                state.queue.clear();
                state.asking.clear();
                for (_, entry) in &mut state.tasks {
                    entry.drop_waiting(fx);
                    entry.arms.iter_mut().for_each(Arm::disarm);
                    if let Some(record) = &mut entry.record {
                        fx.bury(mem::take(&mut record.watchers));
                    }
                }
            });
        }
    }
}

impl State {
    fn turn(&mut self, fx: &mut Effects) -> Turn {
        if let Some(verdict) = self.verdict.take() {
            return Turn::End(verdict);
        }
        let now = self.clock.now();
        self.alarm = Some(now.mono);
        if let Some(step) = self.clock.step() {
            self.clock_was_set(step, &now, fx);
        }
        if self.phase == Phase::Gating && self.gates == 0 {
            self.open_all(&now, fx);
            return Turn::Ready;
        }
        for _ in 0..BATCH {
            let Some(key) = self.queue.pop_due(&now) else {
                return self.sleep(&now, fx);
            };
            if is_current(&self.tasks, &key) {
                self.fire(key, &now, fx);
            }
        }
        Turn::Again
    }

    fn sleep(&mut self, now: &Now, fx: &mut Effects) -> Turn {
        if !self.asking.is_empty() {
            return Turn::Again;
        }
        let tasks = &self.tasks;
        self.queue.trim(|key| is_current(tasks, key));
        let mut alarm = self.queue.earliest(now);
        if now.may_step && self.queue.has_wall() {
            alarm = alarm.map(|alarm| alarm.min(now.mono + LOOK_AGAIN));
        }
        self.alarm = alarm;
        // Whoever comes while this one is awake is seen by it.
        fx.wake = false;
        Turn::Sleep(alarm)
    }

    fn open_all(&mut self, now: &Now, fx: &mut Effects) {
        self.phase = Phase::Open;
        let others: Vec<_> = self.tasks.iter().filter(|(_, entry)| !entry.flags.begun).map(|(id, _)| id).collect();
        for id in others {
            self.begin(id, now, fx);
        }
    }

    /// Follows the wall clock, which was set. What is due by it now is so anyway.
    fn clock_was_set(&mut self, step: i64, now: &Now, fx: &mut Effects) {
        fx.step = Some(step);
        if step > 0 {
            return;
        }
        let ids: Vec<_> = self.tasks.iter().map(|(id, _)| id).collect();
        for id in ids {
            for at in 0..self.tasks[id].arms.len() {
                if self.tasks[id].arms[at].set_back(now, step) {
                    self.push(id, at, now, fx);
                }
            }
        }
    }

    /// Puts a schedule back, with what it said.
    fn answered(&mut self, id: usize, at: usize, asked: (u64, Box<dyn Schedule>), fire: Fire, fx: &mut Effects) {
        let (question, own) = asked;
        let now = self.clock.now();
        let is_on = matches!(self.phase, Phase::Gating | Phase::Open);
        let entry = self.tasks.get_mut(id);
        let is_on = is_on && entry.as_ref().is_some_and(|entry| !entry.flags.finished);
        // Gone, or another one, if the task has got another trigger meanwhile.
        let arm = entry.and_then(|entry| entry.arms.get_mut(at));
        let Some(arm) = arm.filter(|arm| arm.has_asked(question)) else {
            return fx.bury(own);
        };
        arm.source = Source::Own(match fire {
            Fire::Stop => {
                fx.bury(own);
                Own::Over
            }
            _ => Own::Here(own),
        });
        let due = match fire {
            Fire::At(time) => Some(Due::Wall(instant::of(time).max(now.wall))),
            Fire::In(time) => Some(Due::Mono(later(now.mono, time))),
            // One that is asked again at once would be asked all the time.
            Fire::Skip(time) => Some(Due::Mono(later(now.mono, time.max(Duration::from_millis(1))))),
            Fire::Stop => None,
        };
        arm.skips = matches!(fire, Fire::Skip(_));
        arm.plan(due.filter(|_| is_on), &now);
        self.push(id, at, &now, fx);
    }
}

impl Entry {
    /// Tells whether it has to succeed before the service is ready.
    fn is_gate(&self) -> bool {
        !self.def.policy.background && self.arms.iter().any(|arm| matches!(arm.source, Source::Once))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("is_open", &(self.0.strong_count() > 0)).finish()
    }
}
