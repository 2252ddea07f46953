//! What is done once in a while.

use super::table::Table;
use crate::{
    config::Keep,
    engine::{CRASHES, Session, Swept},
    status::{JobId, Reason, State},
};

/// How much is done at a time, so that others need not wait long.
const PART: usize = 1_000;

impl Table {
    pub(super) fn sweep(&mut self, keep: &Keep, now: i64) -> Swept {
        let mut swept = Swept::default();
        let is_lost = |&(_, &until): &(&Session, &i64)| until <= now;
        let lost: Vec<_> = self.sessions.iter().filter(is_lost).map(|(&session, _)| session).collect();
        for session in lost {
            self.sessions.remove(&session);
            for id in self.of(session) {
                self.recover(id, now, &mut swept);
            }
        }
        let expires_more = self.expire(now, &mut swept);
        let forgets_more = self.prune(keep, now, &mut swept);
        swept.more = self.keys.forget(now, PART) | expires_more | forgets_more;
        self.ledger.forget(now);
        self.tidy();
        swept
    }

    /// Takes a job back from a process that has died.
    fn recover(&mut self, id: JobId, now: i64, swept: &mut Swept) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.crashes += 1;
        let (line, is_poison, is_unwanted) = (job.line, job.crashes >= CRASHES, job.is_unwanted);
        if is_poison && !is_unwanted {
            job.attempt -= 1;
            self.finish(id, State::Dead, Some(Reason::Poison), now);
            count(&mut swept.poisoned, &self.lines[line].name);
        } else {
            self.give_back(id, now);
            if !is_unwanted {
                count(&mut swept.recovered, &self.lines[line].name);
            }
        }
    }

    /// Ends jobs that were not begun in time; returns whether there may be more.
    fn expire(&mut self, now: i64, swept: &mut Swept) -> bool {
        for _ in 0..PART {
            let Some(&(expires_at, id)) = self.expiries.first() else { return false };
            let line = self.jobs.get(&id).map(|job| job.line).filter(|_| expires_at <= now);
            let Some(line) = line else { return false };
            self.take_out(id);
            self.finish(id, State::Cancelled, Some(Reason::Expired), now);
            count(&mut swept.expired, &self.lines[line].name);
        }
        true
    }

    /// Deletes jobs that were kept long enough; returns whether there may be more.
    fn prune(&mut self, keep: &Keep, now: i64, swept: &mut Swept) -> bool {
        for _ in 0..PART {
            let Some((ended_at, id)) = self.recent.pop_old(keep, now) else { return false };
            swept.pruned += u64::from(self.forget_if(ended_at, id));
        }
        true
    }
}

fn count(counts: &mut Vec<(String, u64)>, queue: &str) {
    match counts.iter_mut().find(|(name, _)| name == queue) {
        Some((_, jobs)) => *jobs += 1,
        None => counts.push((queue.to_owned(), 1)),
    }
}
