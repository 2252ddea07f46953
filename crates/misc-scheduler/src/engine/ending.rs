//! What follows from the end of a run.

use std::{mem, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{Effects, Ended, Entry, Phase, Record, Request, Shared, State, Verdict, drive::Left, tell};
use crate::{
    arm::Source,
    clock::Now,
    instant,
    policy::{OnFailure, OnStop},
    status::{Outcome, Ran},
    task::Def,
    work::Next,
};

impl Shared {
    /// A run has ended, or was dropped.
    pub(super) fn ended(
        &self,
        id: usize,
        ticket: u64,
        def: &Arc<Def>,
        left: Left,
        watcher: Option<oneshot::Sender<Ended>>,
    ) {
        let ended = left.ended.clone();
        let is_cut = self.with(|state, fx| {
            state.ended(id, ticket, def, left, fx);
            matches!(state.phase, Phase::Stopping | Phase::Over) && ended.outcome == Some(Outcome::Cancelled)
        });
        if is_cut && def.policy.on_stop == OnStop::Cancel {
            info!(task = %def.name, "task was cancelled by the stop");
        } else if is_cut {
            warn!(task = %def.name, "task was cut off by the stop");
        }
        tell(watcher, ended);
    }

    /// Fires what another replica has claimed and not finished; returns whether that is settled, and need not be tried again.
    pub(super) fn fire_again(&self, id: usize, def: &Arc<Def>, due: i64) -> bool {
        self.with(|state, fx| {
            let entry = state.tasks.get(id).filter(|entry| Arc::ptr_eq(&entry.def, def));
            let entry = entry.filter(|entry| !entry.flags.finished && !entry.flags.removed);
            let Some(entry) = entry.filter(|_| matches!(state.phase, Phase::Gating | Phase::Open)) else {
                return true;
            };
            let can_run = !entry.flags.paused && entry.has_room();
            if can_run {
                let (now, ticket) = (state.clock.now(), state.ticket());
                let at = now.mono;
                let request = Request { ticket, due, at, claim: true, payload: None, watcher: None };
                state.request(id, request, &now, fx);
            }
            can_run
        })
    }

    /// A firing came to nothing, since nobody could say whose it is.
    pub(super) fn missed(&self, id: usize, def: &Arc<Def>) {
        self.with(|state, fx| {
            fx.misfires.push((Arc::clone(def), 1));
            if let Some(entry) = state.tasks.get_mut(id) {
                entry.record().misfires += 1;
            }
        });
    }
}

impl State {
    fn ended(&mut self, id: usize, ticket: u64, def: &Arc<Def>, left: Left, fx: &mut Effects) {
        let now = self.clock.glance();
        self.live -= 1;
        fx.wake |= self.live == 0 && self.phase == Phase::Stopping;
        let history = self.history;
        // Cannot be absent: a task stays for as long as it has runs.
        let Some(entry) = self.tasks.get_mut(id) else {
            return;
        };
        let record = entry.record();
        // Dropped, but not by us: the service is over, and nothing more can start.
        let is_lost = left.ended.outcome == Some(Outcome::Cancelled)
            && record.live.iter().any(|live| live.ticket == ticket && !live.cancelled);
        record.live.retain(|live| live.ticket != ticket);
        let (ended, ran) = (left.ended.clone(), record.note(left, &now, history));
        let watchers = ran.map(|ran| (mem::take(&mut record.watchers), ran));
        if let Some((watchers, ran)) = watchers {
            fx.watched.extend(watchers.into_iter().map(|watcher| (watcher, ran.clone())));
        }
        let failures_in_a_row = record.failures_in_a_row;
        if entry.flags.removed {
            if entry.is_idle() {
                fx.bury(self.tasks.remove(id));
            }
            return;
        }
        self.follow_policy(id, def, &ended, failures_in_a_row, fx);
        if matches!(self.phase, Phase::Gating | Phase::Open) && !is_lost {
            self.plan_from_end(id, &now, fx);
            if matches!(ended.outcome, Some(outcome) if outcome != Outcome::Cancelled) {
                self.fire_followers(&def.name, ended.has_failed(), &now, fx);
            }
            self.start_waiting(id, &now, fx);
        }
    }

    /// Does what the task has returned, and what its failure means.
    fn follow_policy(&mut self, id: usize, def: &Def, ended: &Ended, in_a_row: u32, fx: &mut Effects) {
        let gates = self.phase == Phase::Gating && self.tasks[id].flags.gates;
        match ended.next {
            Next::Continue => {}
            Next::Finish => self.finish(id, fx),
            Next::StopService => self.decide(Verdict::Stop, fx),
            Next::StopApp => fx.stop_app = true,
        }
        if gates && ended.outcome == Some(Outcome::Succeeded) {
            self.tasks[id].flags.gates = false;
            self.gates -= 1;
            fx.wake |= self.gates == 0;
        }
        if !(ended.has_failed() || gates && ended.outcome == Some(Outcome::Cancelled)) {
            return;
        }
        match def.policy.on_failure {
            _ if gates => self.decide(Verdict::failed(def, ended), fx),
            OnFailure::FailService(times) if in_a_row >= times => self.decide(Verdict::failed(def, ended), fx),
            OnFailure::StopApp => fx.stop_app = true,
            OnFailure::Log | OnFailure::FailService(_) => {}
        }
    }

    /// Ends the service; the first one who does so decides how.
    fn decide(&mut self, verdict: Verdict, fx: &mut Effects) {
        if matches!(self.phase, Phase::Gating | Phase::Open) {
            self.verdict.get_or_insert(verdict);
            fx.wake = true;
        }
    }

    fn finish(&mut self, id: usize, fx: &mut Effects) {
        let entry = &mut self.tasks[id];
        entry.flags.finished = true;
        entry.drop_waiting(fx);
        for arm in &mut entry.arms {
            arm.disarm();
            arm.ticket = 0;
        }
    }

    /// Plans what counts from the end of a run.
    fn plan_from_end(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        if self.tasks[id].flags.finished {
            return;
        }
        for at in 0..self.tasks[id].arms.len() {
            let arm = &mut self.tasks[id].arms[at];
            if matches!(arm.source, Source::Own(_)) && arm.at().is_none() {
                self.asking.push((id, at));
                fx.wake = true;
            } else if arm.run_ended(now) {
                self.push(id, at, now, fx);
            }
        }
    }
}

impl Record {
    /// Keeps the books; `None` when the work was not even begun.
    fn note(&mut self, left: Left, now: &Now, history: usize) -> Option<Ran> {
        let Left { due, drift, began, attempts, ended, why } = left;
        let outcome = ended.outcome?;
        let started = began.map_or(now.wall, |began| now.wall_at(began));
        self.runs += 1;
        self.last_start = Some(started);
        self.last_end = Some(now.wall);
        self.last_outcome = Some(outcome);
        self.drift = Some(drift);
        if outcome.is_failure() {
            self.failures += 1;
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            self.last_error.clone_from(&why);
        } else if outcome == Outcome::Succeeded {
            self.failures_in_a_row = 0;
        }
        let ran = Ran {
            due: instant::to_system_time(due),
            started: instant::to_system_time(started),
            took: instant::between(started, now.wall),
            attempts,
            outcome,
            error: why,
        };
        if history > 0 {
            if self.history.len() >= history {
                self.history.pop_front();
            }
            if self.history.is_empty() {
                self.history.reserve_exact(1);
            }
            self.history.push_back(ran.clone());
        }
        Some(ran)
    }
}

impl Entry {
    /// Drops the runs that a stop does not wait for, or not any longer.
    pub(super) fn cut(&mut self, waited: Duration, fx: &mut Effects) {
        let is_over = match self.def.policy.on_stop {
            OnStop::Drain => false,
            OnStop::DrainFor(time) => waited >= time,
            OnStop::Cancel => true,
        };
        if is_over {
            self.cancel(fx, |_| true);
        }
    }
}
