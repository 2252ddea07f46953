//! The jobs of a queue, in the order in which they are begun.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::job::Job;
use crate::status::{JobId, State};

type Rank = (Reverse<i16>, JobId);

/// A queue.
pub(super) struct Line {
    pub(super) name: Arc<str>,
    pub(super) is_paused: bool,
    /// How many jobs there are in each state.
    counts: [u64; State::ALL.len()],
    /// Those of priority 0, of which nothing else is to be said, oldest first. It may still name some that have left.
    plain: VecDeque<JobId>,
    ranked: BTreeSet<Rank>,
    /// Those that were in a process when that died.
    suspects: BTreeSet<Rank>,
    /// Those that wait for their time.
    later: BTreeSet<(i64, JobId)>,
}

impl Line {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            is_paused: false,
            counts: [0; State::ALL.len()],
            plain: VecDeque::new(),
            ranked: BTreeSet::new(),
            suspects: BTreeSet::new(),
            later: BTreeSet::new(),
        }
    }

    pub(super) fn count(&self, state: State) -> u64 {
        self.counts[state as usize]
    }

    /// Counts a job in.
    pub(super) fn count_in(&mut self, state: State) {
        self.counts[state as usize] += 1;
    }

    /// Counts a job out.
    pub(super) fn count_out(&mut self, state: State) {
        self.counts[state as usize] -= 1;
    }

    /// Lets a job wait in its place, and counts it in.
    pub(super) fn add(&mut self, id: JobId, job: &Job) {
        self.count_in(job.state);
        if job.state != State::Available {
            self.later.insert((job.due_at, id));
        } else if job.is_suspect() {
            self.suspects.insert((Reverse(job.priority), id));
        } else if job.priority == 0 && self.plain.back().is_none_or(|&last| last < id) {
            self.plain.push_back(id);
        } else {
            self.ranked.insert((Reverse(job.priority), id));
        }
    }

    /// Takes a job that waits out of its place; it is still counted.
    pub(super) fn remove(&mut self, id: JobId, job: &Job) {
        let rank = (Reverse(job.priority), id);
        if job.state != State::Available {
            self.later.remove(&(job.due_at, id));
        } else if job.is_suspect() {
            self.suspects.remove(&rank);
        } else {
            self.ranked.remove(&rank);
        }
    }

    /// Returns whether many of the plain ones have left, so that they should be [`tidied`](Self::tidy).
    pub(super) fn is_untidy(&self) -> bool {
        self.plain.len() as u64 > 2 * self.count(State::Available) + 64
    }

    pub(super) fn tidy(&mut self, is_there: impl Fn(JobId) -> bool) {
        self.plain.retain(|&id| is_there(id));
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.plain.len()
    }

    /// Takes the first job, which may be one that has left, and whether it comes as a suspect.
    pub(super) fn pop(&mut self, takes_suspect: bool) -> Option<(JobId, bool)> {
        if self.ranked.is_empty() && self.suspects.is_empty() {
            return self.plain.pop_front().map(|id| (id, false));
        }
        let plain = self.plain.front().map(|&id| (Reverse(0), id));
        let ranked = self.ranked.first().copied();
        let suspect = self.suspects.first().copied().filter(|_| takes_suspect);
        let (_, first) = [plain, ranked, suspect].into_iter().flatten().min()?;
        let is = |rank: Option<Rank>| rank.is_some_and(|(_, id)| id == first);
        if is(suspect) {
            self.suspects.pop_first();
        } else if is(ranked) {
            self.ranked.pop_first();
        } else {
            self.plain.pop_front();
        }
        Some((first, is(suspect)))
    }

    /// Takes a job whose time has come.
    pub(super) fn pop_due(&mut self, now: i64) -> Option<JobId> {
        let &(due_at, id) = self.later.first()?;
        if due_at > now {
            return None;
        }
        self.later.pop_first();
        Some(id)
    }

    /// Returns when the next job is due.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.later.first().map(|&(due_at, _)| due_at)
    }

    /// Returns those of the jobs that can be begun of which one has been due for the longest time.
    ///
    /// The plain ones were due in their order: an older job that was due later has come as a ranked one.
    pub(super) fn oldest(&self, is_there: impl Fn(JobId) -> bool) -> impl Iterator<Item = JobId> {
        let plain = self.plain.iter().copied().find(|&id| is_there(id));
        plain.into_iter().chain(self.ranked.iter().chain(&self.suspects).map(|&(_, id)| id))
    }
}
