//! All jobs, and what happens to them.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    mem,
    sync::Arc,
    time::Duration,
};

use super::{
    job::{Job, after, span},
    keys::{Keys, Ledger},
    line::Line,
    recent::Recent,
};
use crate::{
    clock::{micros, to_micros},
    config::Keep,
    engine::{Body, Claim, Claimed, Ended, Ending, NewJob, Session, Turned},
    options::{Pushed, Release, When},
    status::{JobId, Reason, State},
};

/// The jobs of a store.
pub(super) struct Table {
    pub(super) jobs: HashMap<JobId, Job, BuildHasherDefault<Spread>>,
    pub(super) lines: Vec<Line>,
    pub(super) keys: Keys,
    pub(super) ledger: Ledger,
    pub(super) recent: Recent,
    /// When jobs expire that were not begun.
    pub(super) expiries: BTreeSet<(i64, JobId)>,
    /// The running ones that shall be cancelled.
    pub(super) unwanted: BTreeSet<JobId>,
    /// Until when the leases are.
    pub(super) sessions: HashMap<Session, i64>,
    /// How much more is there than there is room for.
    pub(super) debt: usize,
    /// How many jobs wait or run.
    live: usize,
    last_job: i64,
    last_session: i64,
    dropped: Vec<Body>,
}

impl Table {
    pub(super) fn new(keep: Keep, capacity: usize) -> Self {
        Self {
            jobs: HashMap::default(),
            lines: Vec::new(),
            keys: Keys::default(),
            ledger: Ledger::default(),
            recent: Recent::new(keep, capacity),
            expiries: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            sessions: HashMap::new(),
            debt: 0,
            live: 0,
            last_job: 0,
            last_session: 0,
            dropped: Vec::new(),
        }
    }

    /// Returns how many jobs wait or run.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    #[cfg(test)]
    pub(super) fn last(&self) -> i64 {
        self.last_job
    }

    /// Returns what nobody has any more.
    pub(super) fn take_dropped(&mut self) -> Vec<Body> {
        mem::take(&mut self.dropped)
    }

    pub(super) fn line(&mut self, queue: &Arc<str>) -> usize {
        self.line_of(queue).unwrap_or_else(|| {
            self.lines.push(Line::new(Arc::clone(queue)));
            self.lines.len() - 1
        })
    }

    /// Returns the place of a queue. There are as many as a program has kinds of jobs, too few to need a map.
    pub(super) fn line_of(&self, queue: &str) -> Option<usize> {
        self.lines.iter().position(|line| *line.name == *queue)
    }

    /// Returns how many of these jobs are not there yet.
    pub(super) fn needed(&self, jobs: &[NewJob], now: i64) -> usize {
        let mut seen = HashSet::new();
        let mut needed = jobs.len();
        for unique in jobs.iter().filter_map(|job| job.unique.as_ref()) {
            // One that is held for no time keeps nobody out.
            let is_held = !matches!(unique.release, Release::After(time) if micros(time) == 0);
            let is_taken = self.keys.holder(&unique.key, now).is_some() || is_held && !seen.insert(&*unique.key);
            needed -= usize::from(is_taken);
        }
        needed
    }

    /// Stores jobs, for which there must be room.
    pub(super) fn push(&mut self, jobs: &[NewJob], now: i64) -> Vec<Pushed> {
        jobs.iter().map(|job| self.push_one(job, now)).collect()
    }

    fn push_one(&mut self, new: &NewJob, now: i64) -> Pushed {
        let holder = new.unique.as_ref().and_then(|key| self.keys.holder(&key.key, now));
        if let Some(id) = holder {
            return Pushed { id, is_duplicate: true };
        }
        self.last_job += 1;
        let id = JobId(self.last_job);
        let at = |when| match when {
            When::Now => now,
            When::In(span) => after(now, span),
            When::At(time) => to_micros(time),
        };
        let due_at = at(new.when).max(now);
        let expires_at = new.expires.map(at);
        let job = Job {
            line: self.line(&new.queue),
            state: if due_at > now { State::Scheduled } else { State::Available },
            body: Some(new.body.clone()),
            priority: new.priority,
            attempt: 0,
            attempts: new.attempts,
            crashes: 0,
            pushed_at: now,
            due_at,
            started_at: None,
            finished_at: None,
            expires_at,
            is_expired: false,
            is_unwanted: false,
            session: None,
            key: new.unique.as_ref().and_then(|key| self.keys.give(key, id, now)),
            reason: None,
            error: None,
            trace: new.trace.clone(),
        };
        self.expiries.extend(expires_at.map(|expires_at| (expires_at, id)));
        self.lines[job.line].add(id, &job);
        self.jobs.insert(id, job);
        self.live += 1;
        Pushed { id, is_duplicate: false }
    }

    pub(super) fn enter(&mut self, lease: Duration, now: i64) -> Session {
        self.last_session += 1;
        let session = Session(self.last_session);
        self.sessions.insert(session, after(now, lease));
        session
    }

    pub(super) fn beat(&mut self, session: Session, lease: Duration, now: i64) -> Option<Vec<JobId>> {
        *self.sessions.get_mut(&session)? = after(now, lease);
        let is_held = |id: &&JobId| self.jobs.get(id).is_some_and(|job| job.is_held_by(session));
        Some(self.unwanted.iter().filter(is_held).copied().collect())
    }

    pub(super) fn leave(&mut self, session: Session, now: i64) {
        self.sessions.remove(&session);
        for id in self.of(session) {
            self.give_back(id, now);
        }
    }

    pub(super) fn held(&self, session: Session, queue: &str) -> Vec<Claimed> {
        let Some(line) = self.line_of(queue) else { return Vec::new() };
        let held = self.of(session).into_iter().filter(|id| self.jobs[id].line == line);
        held.filter_map(|id| self.jobs[&id].claimed(id)).collect()
    }

    /// Returns the jobs of a session. It looks at all there are: only what happens once in a while asks for that.
    pub(super) fn of(&self, session: Session) -> Vec<JobId> {
        self.jobs.iter().filter(|(_, job)| job.is_held_by(session)).map(|(&id, _)| id).collect()
    }

    pub(super) fn turn(&mut self, session: Session, ended: &[Ended], claim: Option<&Claim>, now: i64) -> Turned {
        self.dropped.reserve(ended.len());
        let lost = ended.iter().filter(|ended| !self.end(session, ended, now)).map(|ended| ended.id).collect();
        let mut turned = Turned { lost, ..Turned::default() };
        let Some(claim) = claim else { return turned };
        let line = self.line_of(&claim.queue).filter(|_| self.sessions.contains_key(&session));
        let Some(line) = line else { return turned };
        self.promote(line, now);
        if !self.lines[line].is_paused {
            self.claim(session, line, claim, now, &mut turned.claimed);
            let next_due = self.lines[line].next_due().filter(|_| turned.claimed.len() < claim.jobs);
            turned.next_due = next_due.map(|due_at| span(due_at - now));
        }
        turned
    }

    fn claim(&mut self, session: Session, line: usize, claim: &Claim, now: i64, claimed: &mut Vec<Claimed>) {
        let line = &mut self.lines[line];
        claimed.reserve(claim.jobs.min(usize::try_from(line.count(State::Available)).unwrap_or(0)));
        let mut takes_suspect = claim.suspect;
        while claimed.len() < claim.jobs {
            let Some((id, is_suspect)) = line.pop(takes_suspect) else { break };
            let can_begin = |job: &&mut Job| job.state == State::Available && job.is_suspect() == is_suspect;
            let Some(job) = self.jobs.get_mut(&id).filter(can_begin) else { continue };
            takes_suspect &= !is_suspect;
            line.count_out(job.state);
            job.begin(session, now);
            line.count_in(job.state);
            if let Some(expires_at) = job.expires_at {
                self.expiries.remove(&(expires_at, id));
            }
            if let Some((key, _)) = job.key.take_if(|(_, until_started)| *until_started) {
                self.keys.give_up(&key);
            }
            claimed.extend(job.claimed(id));
        }
    }

    /// Makes jobs available that are due by now.
    pub(super) fn promote(&mut self, line: usize, now: i64) {
        let line = &mut self.lines[line];
        while let Some(id) = line.pop_due(now) {
            if let Some(job) = self.jobs.get_mut(&id) {
                line.count_out(job.state);
                job.state = State::Available;
                line.add(id, job);
            }
        }
    }

    /// Ends a job of a session; returns whether it has it.
    fn end(&mut self, session: Session, ended: &Ended, now: i64) -> bool {
        let id = ended.id;
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.is_held_by(session)) else { return false };
        job.attempt -= u32::from(ended.ending.gives_back());
        match &ended.ending {
            Ending::Completed => self.finish(id, State::Completed, None, now),
            Ending::Dead { reason, error } => {
                job.error = Some(error.clone());
                self.finish(id, State::Dead, Some(*reason), now);
            }
            Ending::Cancelled { reason } => self.finish(id, State::Cancelled, Some(*reason), now),
            Ending::Failed { again_after, error } => {
                job.error = Some(error.clone());
                self.put_back(id, Some((*again_after, State::Retryable)), now);
            }
            Ending::Returned => self.put_back(id, None, now),
            Ending::Postponed { by } => self.put_back(id, Some((*by, State::Scheduled)), now),
        }
        true
    }

    /// Lets a running job be as it was before it was claimed.
    pub(super) fn give_back(&mut self, id: JobId, now: i64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.attempt -= 1;
        self.put_back(id, None, now);
    }

    /// Lets a running job wait, for its turn or some time before that, unless it shall be cancelled.
    fn put_back(&mut self, id: JobId, time: Option<(Duration, State)>, now: i64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.is_unwanted {
            return self.finish(id, State::Cancelled, Some(Reason::Cancelled), now);
        }
        let line = &mut self.lines[job.line];
        line.count_out(job.state);
        match time {
            Some((span, until_then)) => job.wait(after(now, span), until_then, now),
            // It was due when it was claimed, even if the clock was set back since.
            None => job.wait(job.due_at, State::Available, now),
        }
        line.add(id, job);
        if job.attempt == 0 {
            self.expiries.extend(job.expires_at.map(|expires_at| (expires_at, id)));
        }
    }

    /// Takes a job that waits out of its place, to be put elsewhere.
    pub(super) fn take_out(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        if let Some(expires_at) = job.expires_at {
            self.expiries.remove(&(expires_at, id));
        }
        self.lines[job.line].remove(id, job);
    }

    /// Lets nothing more become of a job that runs, or was [taken out](Self::take_out).
    pub(super) fn finish(&mut self, id: JobId, state: State, reason: Option<Reason>, now: i64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if job.is_unwanted {
            job.is_unwanted = false;
            self.unwanted.remove(&id);
        }
        if let Some((key, _)) = job.key.take() {
            self.keys.give_up(&key);
        }
        self.live -= 1;
        let line = &mut self.lines[job.line];
        line.count_out(job.state);
        line.count_in(state);
        job.state = state;
        job.session = None;
        job.reason = reason;
        job.finished_at = Some(now);
        if !self.recent.keeps(state) {
            return self.forget(id);
        }
        if state == State::Completed && matches!(job.body, Some(Body::Value(_))) {
            self.dropped.extend(job.body.take());
        }
        if let Some((ended_at, id)) = self.recent.add(id, state, now) {
            self.forget_if(ended_at, id);
        }
    }

    /// Deletes a job if it is over since then; returns whether it was.
    pub(super) fn forget_if(&mut self, ended_at: i64, id: JobId) -> bool {
        let is_over = self.jobs.get(&id).is_some_and(|job| job.finished_at == Some(ended_at));
        if is_over {
            self.forget(id);
        }
        is_over
    }

    /// Deletes a job that is over.
    pub(super) fn forget(&mut self, id: JobId) {
        if let Some(job) = self.jobs.remove(&id) {
            self.lines[job.line].count_out(job.state);
            self.dropped.extend(job.body);
        }
    }

    /// Deletes a job that waits.
    pub(super) fn purge_waiting(&mut self, id: JobId) {
        self.take_out(id);
        self.live -= 1;
        if let Some((key, _)) = self.jobs.get_mut(&id).and_then(|job| job.key.take()) {
            self.keys.give_up(&key);
        }
        self.forget(id);
    }

    /// Lets a job wait that was over.
    pub(super) fn revive(&mut self, id: JobId, now: i64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let line = &mut self.lines[job.line];
        line.count_out(job.state);
        job.attempt = 0;
        job.crashes = 0;
        job.reason = None;
        job.finished_at = None;
        // It was asked for after that time.
        job.expires_at = None;
        job.wait(now, State::Available, now);
        line.add(id, job);
        self.live += 1;
    }

    /// Forgets the places of jobs that have left before their turn.
    pub(super) fn tidy(&mut self) {
        for line in self.lines.iter_mut().filter(|line| line.is_untidy()) {
            line.tidy(|id| self.jobs.get(&id).is_some_and(|job| job.state == State::Available && !job.is_suspect()));
        }
    }
}

/// Spreads ids over a table: they are numbers in a row, which nobody from outside chooses.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_i64(byte.into());
        }
    }

    fn write_i64(&mut self, id: i64) {
        self.0 = (self.0 ^ id.cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
