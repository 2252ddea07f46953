//! Jobs that are over, and still known.

use std::collections::VecDeque;

use super::job::after;
use crate::{
    config::Keep,
    status::{JobId, State},
};

/// When jobs have ended, in their order, for each final state. It may still name some that were retried or deleted.
pub(super) struct Recent {
    most: usize,
    keep: Keep,
    completed: VecDeque<(i64, JobId)>,
    cancelled: VecDeque<(i64, JobId)>,
    dead: VecDeque<(i64, JobId)>,
}

impl Recent {
    pub(super) fn new(keep: Keep, most: usize) -> Self {
        Self { most, keep, completed: VecDeque::new(), cancelled: VecDeque::new(), dead: VecDeque::new() }
    }

    /// Returns whether a job is kept that ends like this.
    pub(super) fn keeps(&self, state: State) -> bool {
        match state {
            State::Completed => !self.keep.completed.is_zero(),
            State::Cancelled => !self.keep.cancelled.is_zero(),
            _ => !self.keep.dead.is_zero(),
        }
    }

    /// Adds a job; returns the one that there is no room for any more.
    pub(super) fn add(&mut self, id: JobId, state: State, now: i64) -> Option<(i64, JobId)> {
        let ended = match state {
            State::Completed => &mut self.completed,
            State::Cancelled => &mut self.cancelled,
            _ => &mut self.dead,
        };
        ended.push_back((now, id));
        if ended.len() > self.most { ended.pop_front() } else { None }
    }

    /// Takes a job that was kept long enough.
    pub(super) fn pop_old(&mut self, keep: &Keep, now: i64) -> Option<(i64, JobId)> {
        let ended =
            [(&mut self.completed, keep.completed), (&mut self.cancelled, keep.cancelled), (&mut self.dead, keep.dead)];
        ended.into_iter().find_map(|(ended, keep)| {
            let &(ended_at, _) = ended.front()?;
            if after(ended_at, keep) <= now { ended.pop_front() } else { None }
        })
    }
}
