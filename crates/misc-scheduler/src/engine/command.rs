//! What handles ask for.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;

use super::{Effects, Entry, Flags, Payload, Phase, Request, Shared, State, lock};
use crate::{
    arm::Arm,
    on_demand::{Running, Started},
    refused::{Kind, Refused},
    status::Ran,
    task::{Compiled, Task},
    trigger::Trigger,
};

impl Shared {
    /// Adds a task of the description; what is wrong with it is told at the start.
    pub(crate) fn describe(self: &Arc<Self>, task: Task) {
        let name = Arc::clone(&task.name);
        let compiled = task.compile();
        self.with(|state, fx| match compiled {
            Ok(compiled) => {
                if let Some(problem) = state.clash(&compiled).or_else(|| self.tie(&compiled)) {
                    state.problems.push(problem);
                    fx.bury(compiled);
                } else {
                    state.insert(compiled);
                }
            }
            Err(problems) => {
                state.problems.extend(problems);
                state.refused.push(name);
            }
        });
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
                fx.bury(compiled);
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
    pub(crate) fn run_now(self: &Arc<Self>, name: &str, mut payload: Option<Payload>) -> Result<Started, Refused> {
        let (watcher, ended) = oneshot::channel();
        // Not moved into what is done under the lock: refused, it is dropped here.
        let payload = &mut payload;
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
            let (payload, watcher) = (payload.take(), Some(watcher));
            let request = Request { ticket, due: now.wall, at: now.mono, claim: false, payload, watcher };
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
                for arm in &mut state.tasks[id].arms {
                    arm.strict = arm.at().is_some_and(|due| due.is_past(&now));
                }
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
        let label = trigger.label();
        let is_once = trigger.is_once();
        let mut problems = Vec::new();
        let mut arms: Box<[Arm]> = trigger.compile(&mut problems).into();
        // Not moved into what is done under the lock: the old ones, or those that are refused, are dropped here.
        let arms = &mut arms;
        self.with(|state, fx| {
            let id = state.find(name)?;
            if state.tasks[id].def.work.is_none() {
                return Err(Refused::new(Kind::OnDemand(name.into())));
            }
            let mut problems: Vec<_> = problems.iter().map(|problem| format!("task `{name}`: {problem}")).collect();
            problems.extend(state.broken_edges_of(name, arms));
            if !problems.is_empty() {
                return Err(Refused::new(Kind::Invalid(problems)));
            }
            state.unfollow(id);
            state.asking.retain(|(task, _)| *task != id);
            let entry = &mut state.tasks[id];
            mem::swap(&mut entry.arms, arms);
            (entry.label, entry.flags.finished) = (label, false);
            entry.last = None;
            state.gates -= usize::from(!is_once && mem::take(&mut entry.flags.gates));
            fx.wake = true;
            state.follow(id);
            state.tasks[id].flags.begun = false;
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
            if state.phase == Phase::Over {
                return Err(Refused::new(Kind::NotRunning));
            }
            let (watcher, ran) = oneshot::channel();
            let watchers = &mut state.tasks[id].record().watchers;
            watchers.retain(|watcher| !watcher.is_closed());
            watchers.push(watcher);
            Ok(ran)
        })
    }
}

impl State {
    pub(super) fn find(&self, name: &str) -> Result<usize, Refused> {
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
            let followers = self.followers.entry(Arc::clone(parent)).or_default();
            // One that several of its triggers name is followed once: all of them are looked at then.
            if followers.last() != Some(&id) {
                followers.push(id);
            }
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
        self.asking.retain(|(task, _)| *task != id);
        let entry = &mut self.tasks[id];
        entry.flags.removed = true;
        entry.drop_waiting(fx);
        self.gates -= usize::from(mem::take(&mut entry.flags.gates));
        fx.wake = true;
        self.names.remove(&entry.def.name);
        if entry.is_idle() {
            fx.bury(self.tasks.remove(id));
        } else {
            fx.bury(mem::take(&mut entry.arms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual;

    #[test]
    fn who_does_not_wait_any_more_is_forgotten() {
        let shared = Shared::new();
        shared.describe(Task::new("task", manual(), async || {}));
        for _ in 0..1_000 {
            drop(shared.next_run("task"));
        }
        assert_eq!(lock(&shared.state).tasks[0].record().watchers.len(), 1);
    }
}
