//! What an operator sees and does.

use std::cmp::Reverse;

use super::{
    job::{Job, span},
    table::Table,
};
use crate::status::{JobId, JobStatus, QueueStatus, Reason, Selection, State};

impl Table {
    pub(super) fn job(&self, id: JobId) -> Option<JobStatus> {
        self.jobs.get(&id).map(|job| self.status(id, job))
    }

    fn status(&self, id: JobId, job: &Job) -> JobStatus {
        job.status(id, &self.lines[job.line].name)
    }

    pub(super) fn list(&self, selection: &Selection) -> Vec<JobStatus> {
        let selected = self.select(selection, |_| true);
        selected.into_iter().filter_map(|id| self.job(id)).collect()
    }

    /// Returns the newest of the jobs that are meant and can be taken.
    fn select(&self, selection: &Selection, can_be_taken: impl Fn(State) -> bool) -> Vec<JobId> {
        let line = selection.queue.as_deref().map(|queue| self.line_of(queue));
        let is_meant = |id: JobId, job: &Job| {
            line.is_none_or(|line| line == Some(job.line))
                && selection.state.is_none_or(|state| state == job.state)
                && selection.before.is_none_or(|before| id < before)
                && can_be_taken(job.state)
        };
        if let Some(id) = selection.id {
            let is_meant = selection.limit > 0 && self.jobs.get(&id).is_some_and(|job| is_meant(id, job));
            return if is_meant { vec![id] } else { Vec::new() };
        }
        let mut ids: Vec<_> = self.jobs.iter().filter(|&(&id, job)| is_meant(id, job)).map(|(&id, _)| id).collect();
        ids.sort_unstable_by_key(|&id| Reverse(id));
        ids.truncate(usize::try_from(selection.limit).unwrap_or(usize::MAX));
        ids
    }

    pub(super) fn queues(&mut self, now: i64) -> Vec<QueueStatus> {
        for line in 0..self.lines.len() {
            self.promote(line, now);
        }
        let is_there = |id: JobId| self.jobs.get(&id).is_some_and(|job| job.state == State::Available);
        let status = |line: &super::line::Line| {
            let oldest = line.oldest(is_there).filter_map(|id| self.jobs.get(&id)).map(|job| job.due_at).min();
            QueueStatus {
                name: line.name.to_string(),
                is_paused: line.is_paused,
                scheduled: line.count(State::Scheduled),
                available: line.count(State::Available),
                running: line.count(State::Running),
                retryable: line.count(State::Retryable),
                dead: line.count(State::Dead),
                oldest: oldest.map(|due_at| span(now - due_at)),
            }
        };
        let mut queues: Vec<_> = self.lines.iter().map(status).collect();
        queues.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        queues
    }

    pub(super) fn retry(&mut self, selection: &Selection, now: i64) -> u64 {
        let selected = self.select(selection, |state| match state {
            State::Dead | State::Cancelled | State::Scheduled | State::Retryable => true,
            State::Available | State::Running | State::Completed => false,
        });
        for &id in &selected {
            if self.jobs[&id].state.is_final() {
                self.revive(id, now);
            } else {
                self.hasten(id, now);
            }
        }
        selected.len() as u64
    }

    /// Lets a job be due now.
    fn hasten(&mut self, id: JobId, now: i64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let line = &mut self.lines[job.line];
        line.remove(id, job);
        line.count_out(job.state);
        job.wait(now, job.state, now);
        line.add(id, job);
    }

    pub(super) fn cancel(&mut self, selection: &Selection, now: i64) -> u64 {
        let selected = self.select(selection, |state| !state.is_final());
        for &id in &selected {
            match self.jobs.get_mut(&id) {
                Some(job) if job.state == State::Running => {
                    job.is_unwanted = true;
                    self.unwanted.insert(id);
                }
                _ => {
                    self.take_out(id);
                    self.finish(id, State::Cancelled, Some(Reason::Cancelled), now);
                }
            }
        }
        self.tidy();
        selected.len() as u64
    }

    pub(super) fn purge(&mut self, selection: &Selection) -> u64 {
        let selected = self.select(selection, |state| state != State::Running);
        for &id in &selected {
            if self.jobs[&id].state.is_final() {
                self.forget(id);
            } else {
                self.purge_waiting(id);
            }
        }
        self.tidy();
        selected.len() as u64
    }

    pub(super) fn pause(&mut self, queue: &str, paused: bool) -> bool {
        let line = match self.line_of(queue) {
            Some(line) => line,
            None if paused => self.line(&queue.into()),
            None => return false,
        };
        std::mem::replace(&mut self.lines[line].is_paused, paused) != paused
    }

    /// Returns how many jobs there are that are not over, by queue.
    pub(super) fn lost(&self) -> Vec<(String, u64)> {
        let live = State::ALL.into_iter().filter(|state| !state.is_final());
        let lost =
            self.lines.iter().map(|line| (line.name.to_string(), live.clone().map(|state| line.count(state)).sum()));
        lost.filter(|&(_, jobs)| jobs > 0).collect()
    }
}
