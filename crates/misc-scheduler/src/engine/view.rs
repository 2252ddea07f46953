//! What can be seen from outside.

use std::{sync::Arc, time::Duration};

use super::{Entry, Phase, Shared, lock};
use crate::{
    arm::Arm,
    clock::Now,
    health::{Trouble, Unhealthy},
    instant,
    refused::Refused,
    status::{Ran, State, TaskStatus},
};

impl Shared {
    pub(crate) fn list(&self) -> Vec<TaskStatus> {
        let mut state = lock(&self.state);
        let now = state.clock.now();
        let shown = state.tasks.iter().filter(|(_, entry)| !entry.flags.removed);
        shown.map(|(_, entry)| entry.status(&now)).collect()
    }

    pub(crate) fn status(&self, name: &str) -> Result<TaskStatus, Refused> {
        let mut state = lock(&self.state);
        let now = state.clock.now();
        let id = state.find(name)?;
        Ok(state.tasks[id].status(&now))
    }

    pub(crate) fn past(&self, name: &str) -> Result<Vec<Ran>, Refused> {
        let state = lock(&self.state);
        let entry = &state.tasks[state.find(name)?];
        Ok(entry.record.iter().flat_map(|record| &record.history).cloned().collect())
    }

    pub(crate) fn health(&self) -> Result<(), Unhealthy> {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Gating | Phase::Open) {
            return Err(Unhealthy::not_running());
        }
        let now = state.clock.now();
        let troubles: Vec<_> = state
            .tasks
            .iter()
            .filter(|(_, entry)| !entry.flags.removed)
            .filter_map(|(_, entry)| Some((Arc::clone(&entry.def.name), entry.trouble(&now)?)))
            .collect();
        if troubles.is_empty() { Ok(()) } else { Err(Unhealthy::of(troubles)) }
    }
}

impl Entry {
    fn status(&self, now: &Now) -> TaskStatus {
        let fallback = super::Record::default();
        let record = self.record.as_deref().unwrap_or(&fallback);
        let next = self.arms.iter().filter_map(Arm::at).map(|due| due.wall(now)).min();
        let time = |time: Option<i64>| time.map(instant::to_system_time);
        TaskStatus {
            name: Arc::clone(&self.def.name),
            trigger: self.label.to_string(),
            state: self.state(record.live.len()),
            active: record.live.len(),
            queued: record.waiting.len(),
            next: time(next.filter(|_| !self.flags.paused)),
            last_start: time(record.last_start),
            last_end: time(record.last_end),
            last_outcome: record.last_outcome,
            last_error: record.last_error.clone(),
            runs: record.runs,
            failures: record.failures,
            failures_in_a_row: record.failures_in_a_row,
            misfires: record.misfires,
            skipped: record.skipped,
            drift: record.drift,
        }
    }

    fn state(&self, active: usize) -> State {
        match self.flags {
            _ if active > 0 => State::Running,
            super::Flags { finished: true, .. } => State::Finished,
            super::Flags { paused: true, .. } => State::Paused,
            _ => State::Waiting,
        }
    }

    fn trouble(&self, now: &Now) -> Option<Trouble> {
        let policy = &self.def.policy;
        if let Some(record) = &self.record {
            let limit =
                policy.stuck_after.or(policy.timeout.map(|timeout| timeout.saturating_add(Duration::from_secs(1))));
            let oldest = record.live.iter().map(|live| now.mono.saturating_duration_since(live.since)).max();
            if let Some(oldest) = oldest.filter(|oldest| limit.is_some_and(|limit| *oldest > limit)) {
                return Some(Trouble::Stuck(oldest));
            }
            if record.failures_in_a_row > 0 {
                return Some(Trouble::Failed(record.last_error.clone().unwrap_or_default()));
            }
        }
        if self.flags.paused || self.flags.finished {
            return None;
        }
        let grace = policy.grace.unwrap_or_default();
        self.arms.iter().filter_map(|arm| arm.overdue(now, grace)).max().map(Trouble::Overdue)
    }
}
