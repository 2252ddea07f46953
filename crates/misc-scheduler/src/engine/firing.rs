//! What is due becomes runs, as the policies have it.

use std::{mem, sync::Arc};

use tokio::{sync::oneshot, time::Instant};

use super::{Effects, Ended, Entry, Job, Live, Phase, Skipped, State, queue::Key};
use crate::{
    arm::{Fired, Source},
    clock::Now,
    policy::{Overlap, Policy},
    run::Run,
    trigger::On,
    work::Attempt,
};

/// How many firings may wait for a run to end.
const QUEUED: usize = 10_000;

/// The work of one run that was asked for, with its argument.
pub(crate) type Payload = Arc<dyn Fn(Run) -> Attempt + Send + Sync>;

/// A run that shall be.
pub(crate) struct Request {
    pub(crate) ticket: u64,
    /// For when it was planned.
    pub(crate) due: i64,
    /// When it was to begin.
    pub(crate) at: Instant,
    /// Whether the ledger has to say that it is this replica's.
    pub(crate) claim: bool,
    pub(crate) payload: Option<Payload>,
    pub(crate) watcher: Option<oneshot::Sender<Ended>>,
}

impl Request {
    /// Tells whoever waits that it will not run.
    pub(super) fn give_up(self, fx: &mut Effects) {
        fx.told.extend(self.watcher.map(|watcher| (watcher, Ended::cancelled())));
        if let Some(payload) = self.payload {
            fx.bury(payload);
        }
    }
}

impl State {
    /// Fires one arm that is due.
    pub(super) fn fire(&mut self, key: Key, now: &Now, fx: &mut Effects) {
        let Entry { def, arms, .. } = &mut self.tasks[key.id];
        let arm = &mut arms[key.arm];
        if mem::take(&mut arm.skips) {
            arm.disarm();
            return self.asking.push((key.id, key.arm));
        }
        let mut fired = mem::take(&mut self.fired);
        let claim = self.claims.is_some() && arm.is_shared() && !def.policy.local;
        let missed = arm.harvest(now, &def.policy, &mut fired);
        if missed > 0 {
            fx.misfires.push((Arc::clone(def), missed));
            self.tasks[key.id].record().misfires += missed;
        }
        self.push(key.id, key.arm, now, fx);
        if fired.is_empty() {
            self.pass_over(key, now, fx);
        }
        for Fired { due, delay } in fired.drain(..) {
            let request = Request {
                ticket: self.ticket(),
                due: due.wall(now),
                at: Fired { due, delay }.at().moment(now),
                claim,
                payload: None,
                watcher: None,
            };
            self.count_firing(key.id, request.due);
            self.request(key.id, request, now, fx);
        }
        self.fired = fired;
    }

    fn count_firing(&mut self, id: usize, due: i64) {
        let record = self.tasks[id].record();
        record.fired += 1;
        record.last_due = Some(due);
    }

    /// Plans what counts from the end of a run, when a firing has not become one.
    fn pass_over(&mut self, key: Key, now: &Now, fx: &mut Effects) {
        let entry = &mut self.tasks[key.id];
        if !entry.is_idle() {
            return;
        }
        if let Source::Own(_) = entry.arms[key.arm].source {
            self.asking.push((key.id, key.arm));
        } else if entry.arms[key.arm].run_ended(now) {
            self.push(key.id, key.arm, now, fx);
        }
    }

    /// Starts a run, or does with it what the overlap policy says.
    pub(super) fn request(&mut self, id: usize, request: Request, now: &Now, fx: &mut Effects) {
        let entry = &mut self.tasks[id];
        let Entry { def, record, .. } = entry;
        let record = record.get_or_insert_default();
        let active = record.live.len();
        if active < def.policy.at_once as usize {
            return self.start(id, request, now, fx);
        }
        let room = def.policy.overlap.room();
        if def.policy.overlap == Overlap::CancelRunning {
            entry.cancel(fx, |_| true);
        }
        let record = self.tasks[id].record();
        if record.waiting.len() < room {
            record.waiting.push_back(request);
        } else {
            record.skipped += 1;
            let def = Arc::clone(&self.tasks[id].def);
            fx.skipped.push(Skipped { def, watcher: request.watcher });
            if let Some(payload) = request.payload {
                fx.bury(payload);
            }
        }
    }

    fn start(&mut self, id: usize, request: Request, now: &Now, fx: &mut Effects) {
        let ticket = request.ticket;
        let entry = &mut self.tasks[id];
        let def = Arc::clone(&entry.def);
        let live = &mut entry.record().live;
        if live.is_empty() {
            // Most tasks have one at a time; a vector would make room for four.
            live.reserve_exact(1);
        }
        live.push(Live { ticket, since: now.mono, handle: None, cancelled: false });
        self.live += 1;
        let claims = self.claims.as_ref().filter(|_| request.claim).map(Arc::clone);
        if let Some(shared) = self.shared.upgrade() {
            fx.starts.push(Job { shared, id, def, request, claims });
        }
    }

    /// Starts the next one that waits.
    pub(super) fn start_waiting(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        let Entry { def, record: Some(record), .. } = &mut self.tasks[id] else {
            return;
        };
        if record.live.len() < def.policy.at_once as usize
            && let Some(request) = record.waiting.pop_front()
        {
            self.start(id, request, now, fx);
        }
    }

    /// Fires the tasks that run after one that has ended.
    pub(super) fn fire_followers(&mut self, name: &Arc<str>, has_failed: bool, now: &Now, fx: &mut Effects) {
        if !matches!(self.phase, Phase::Gating | Phase::Open) {
            return;
        }
        let Some(followers) = self.followers.get(name) else {
            return;
        };
        for id in followers.clone() {
            for arm in 0..self.tasks[id].arms.len() {
                if self.tasks[id].follow_up(arm, name, has_failed, now) {
                    let ticket = self.ticket();
                    let request =
                        Request { ticket, due: now.wall, at: now.mono, claim: false, payload: None, watcher: None };
                    self.count_firing(id, now.wall);
                    self.request(id, request, now, fx);
                }
            }
        }
    }
}

impl Overlap {
    /// Returns how many firings may wait.
    fn room(self) -> usize {
        match self {
            Self::Skip | Self::Allow(_) => 0,
            Self::QueueOne | Self::CancelRunning => 1,
            Self::QueueAll => QUEUED,
        }
    }
}

impl Entry {
    /// Tells whether a firing would run, or wait, without harm to another one.
    pub(super) fn has_room(&self) -> bool {
        let Policy { overlap, at_once, .. } = self.def.policy;
        self.record.as_ref().is_none_or(|record| {
            record.live.len() < at_once as usize
                || overlap != Overlap::CancelRunning && record.waiting.len() < overlap.room()
        })
    }

    /// Notes that a parent has ended; returns whether that makes it fire.
    fn follow_up(&mut self, at: usize, parent: &Arc<str>, has_failed: bool, now: &Now) -> bool {
        let is_off = self.flags.paused || self.flags.finished;
        let arm = &mut self.arms[at];
        let may_fire = arm.may_fire(now) && !is_off;
        let Source::After { parents, on } = &mut arm.source else {
            return false;
        };
        let counts = match on {
            On::Success => !has_failed,
            On::Failure => has_failed,
            On::Always => true,
        };
        for known in parents.iter_mut().filter(|known| known.name == *parent) {
            known.ended |= counts;
        }
        let is_due = counts && may_fire && parents.iter().all(|parent| parent.ended);
        if is_due {
            parents.iter_mut().for_each(|parent| parent.ended = false);
            arm.spend(1);
        }
        is_due
    }
}
