//! A job in memory.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{from_micros, micros},
    engine::{Body, Claimed, Session},
    status::{JobId, JobStatus, PayloadJson, Reason, State},
};

/// What is known of a job; times are microseconds since 1970.
pub(super) struct Job {
    /// The place of its queue among all.
    pub(super) line: usize,
    pub(super) state: State,
    /// What it is about, unless nobody can ask for that any more.
    pub(super) body: Option<Body>,
    pub(super) priority: i16,
    pub(super) attempt: u32,
    pub(super) attempts: Option<u32>,
    pub(super) crashes: u32,
    pub(super) pushed_at: i64,
    pub(super) due_at: i64,
    pub(super) started_at: Option<i64>,
    pub(super) finished_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
    pub(super) is_expired: bool,
    /// Whether it shall be cancelled, although it runs.
    pub(super) is_unwanted: bool,
    /// Who has it while it runs.
    pub(super) session: Option<Session>,
    /// The key that it gives up when it is over, and whether already when it is begun.
    pub(super) key: Option<(Arc<str>, bool)>,
    pub(super) reason: Option<Reason>,
    pub(super) error: Option<String>,
    pub(super) trace: Option<String>,
}

impl Job {
    pub(super) fn is_suspect(&self) -> bool {
        self.crashes > 0
    }

    pub(super) fn is_held_by(&self, session: Session) -> bool {
        self.session == Some(session)
    }

    /// Lets it wait for its time or its turn.
    pub(super) fn wait(&mut self, due_at: i64, until_then: State, now: i64) {
        self.session = None;
        self.due_at = due_at;
        self.state = if due_at > now { until_then } else { State::Available };
    }

    /// Lets a session have it.
    pub(super) fn begin(&mut self, session: Session, now: i64) {
        self.is_expired = self.attempt == 0 && self.expires_at.is_some_and(|expires_at| expires_at <= now);
        self.state = State::Running;
        self.session = Some(session);
        self.attempt += 1;
        self.started_at = Some(now);
    }

    /// Tells whoever has it what there is to do.
    pub(super) fn claimed(&self, id: JobId) -> Option<Claimed> {
        let waited = self.started_at.map_or(0, |started_at| started_at - self.due_at);
        Some(Claimed {
            id,
            body: self.body.clone()?,
            attempt: self.attempt,
            attempts: self.attempts,
            crashes: self.crashes,
            priority: self.priority,
            pushed_at: from_micros(self.pushed_at),
            waited: span(waited),
            is_expired: self.is_expired,
            trace: self.trace.clone(),
        })
    }

    pub(super) fn status(&self, id: JobId, queue: &str) -> JobStatus {
        JobStatus {
            id,
            queue: queue.to_owned(),
            state: self.state,
            priority: self.priority,
            attempt: self.attempt,
            attempts: self.attempts,
            crashes: self.crashes,
            pushed_at: from_micros(self.pushed_at),
            due_at: from_micros(self.due_at),
            started_at: self.started_at.map(from_micros),
            finished_at: self.finished_at.map(from_micros),
            expires_at: self.expires_at.map(from_micros),
            reason: self.reason,
            error: self.error.clone(),
            payload: match &self.body {
                Some(Body::Json(text)) => Some(PayloadJson(text.to_string())),
                Some(Body::Value(_)) | None => None,
            },
        }
    }
}

/// Returns a span of time that is not less than none.
pub(super) fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Returns a time that is so much later, or the latest that there can be.
pub(super) fn after(time: i64, span: Duration) -> i64 {
    time.saturating_add(micros(span))
}
