//! Triggers on their way to their next firing.

use std::time::Duration;

use super::{Effects, State, is_current, queue::Key};
use crate::{arm::Source, clock::Now};

/// How much sooner than the alarm a firing must be for the loop to be woken: a time of day is a slightly different moment
/// whenever it is looked at, and a timer is exact to a millisecond.
const SOONER: Duration = Duration::from_micros(50);

impl State {
    /// Begins the schedule of a task.
    pub(super) fn begin(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        let entry = &mut self.tasks[id];
        entry.flags.begun = true;
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
    pub(super) fn push_all(&mut self, id: usize, now: &Now, fx: &mut Effects) {
        for arm in 0..self.tasks[id].arms.len() {
            self.push(id, arm, now, fx);
        }
    }

    /// Puts an arm into the queue; what was there of it is stale from now on.
    pub(super) fn push(&mut self, id: usize, at: usize, now: &Now, fx: &mut Effects) {
        let ticket = self.ticket();
        let entry = &mut self.tasks[id];
        let arm = &mut entry.arms[at];
        arm.ticket = ticket;
        let Some(due) = arm.at().filter(|_| !entry.flags.paused) else {
            return;
        };
        fx.wake |= self.alarm.is_none_or(|alarm| due.moment(now) + SOONER < alarm);
        self.queue.push(due, Key { ticket, id, arm: at });
        let tasks = &self.tasks;
        self.queue.sweep(|key| is_current(tasks, key));
    }
}
