//! Turns: what is over is ended, and other jobs are claimed.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    connection::{Connection, Held, Sql},
    session::CANCEL_RETURNED,
};
use crate::{
    clock::{Clock, from_micros, micros},
    config::Keep,
    engine::{Body, Claim, Claimed, Ended, Ending, Session, Turned, tables::Tables},
    error::Error,
    status::JobId,
};

const BEGIN: &str = "BEGIN IMMEDIATE";

/// Begins the transaction once more, as if nothing had been done in it.
const AGAIN: &str = "ROLLBACK; BEGIN IMMEDIATE";

/// What of `?1` the session does not have.
const LOST: &str = "
SELECT value FROM json_each(?1) AS ended
WHERE NOT EXISTS (SELECT 1 FROM {}jobs WHERE id = ended.value AND state = 'running' AND session = ?2);";

/// Ends what is completed, and is kept: the key for as long as it shall be.
const COMPLETE: &str = "
UPDATE {}jobs SET state = 'completed', finished_at = ?3, unique_key = CASE WHEN unique_until > ?3 THEN unique_key END
WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'running' AND session = ?2;";

/// Deletes what is completed, unless it still has its key.
const DELETE: &str = "
DELETE FROM {}jobs
WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'running' AND session = ?2
    AND (unique_until IS NULL OR unique_until <= ?3);";

/// The same, where `?1` has a [`Line`] for each.
const LOST_LINES: &str = "
SELECT value ->> 0 FROM json_each(?1) AS ended
WHERE NOT EXISTS (SELECT 1 FROM {}jobs WHERE id = ended.value ->> 0 AND state = 'running' AND session = ?2);";

/// Ends what did not go so well.
const END: &str = "
UPDATE {}jobs AS job SET
    state = ended.state,
    due_at = coalesce(ended.due_at, job.due_at),
    attempt = job.attempt - ended.back,
    finished_at = ended.finished_at,
    reason = ended.reason,
    error = coalesce(ended.error, job.error),
    unique_key = CASE
        WHEN ended.finished_at IS NULL OR job.unique_until > ended.finished_at THEN job.unique_key
    END
FROM (
    SELECT value ->> 0 AS id, value ->> 1 AS state, value ->> 2 AS due_at, value ->> 3 AS back,
        value ->> 4 AS finished_at, value ->> 5 AS reason, value ->> 6 AS error
    FROM json_each(?1)
) AS ended
WHERE job.id = ended.id AND job.state = 'running' AND job.session = ?2;";

/// Deletes what is over and not kept.
const DROP: &str = "
DELETE FROM {}jobs
WHERE id IN (SELECT value ->> 0 FROM json_each(?1)) AND unique_key IS NULL
    AND (state = 'cancelled' AND ?2 OR state = 'dead' AND ?3)";

/// Whether there is anything to claim, and when the next one is due that is not yet.
const LOOK: &str = "
SELECT
    NOT EXISTS (SELECT 1 FROM {}paused WHERE queue = ?1) AND (
        EXISTS (SELECT 1 FROM {}jobs WHERE queue = ?1 AND state = 'available' AND crashes = 0)
        OR EXISTS (SELECT 1 FROM {}jobs WHERE queue = ?1 AND state IN ('scheduled', 'retryable') AND due_at <= ?2)
        OR ?3 AND EXISTS (SELECT 1 FROM {}jobs WHERE queue = ?1 AND state = 'available' AND crashes > 0)
    ),
    (SELECT min(due_at) FROM {}jobs WHERE queue = ?1 AND state IN ('scheduled', 'retryable') AND due_at > ?2)";

/// Makes available what is due, ten thousand at most: nobody shall wait for more.
const PROMOTE: &str = "
UPDATE {}jobs SET state = 'available'
WHERE id IN (
    SELECT id FROM {}jobs WHERE queue = ?1 AND state IN ('scheduled', 'retryable') AND due_at <= ?2
    ORDER BY due_at LIMIT 10000
);";

/// What is claimed: at most `?4` of those that were in a process when that died, and `?5` in all. Without the `+`, `SQLite`
/// would prepare the statement again whenever a value is bound, to look at the limit when it plans.
const WANTED: &str = "(
    SELECT id FROM (
        SELECT id FROM (
            SELECT id FROM {}jobs WHERE queue = ?1 AND state = 'available' AND crashes > 0
            ORDER BY priority DESC, id LIMIT +?4
        )
        UNION ALL
        SELECT id FROM (
            SELECT id FROM {}jobs WHERE queue = ?1 AND state = 'available' AND crashes = 0
            ORDER BY priority DESC, id LIMIT +?5
        )
    )
    WHERE NOT EXISTS (SELECT 1 FROM {}paused WHERE queue = ?1) AND EXISTS (SELECT 1 FROM {}sessions WHERE id = ?3)
    LIMIT +?5
)";

/// Tells what is claimed, and when the next one is due that is not yet. All of it is one value, a [`Row`] for each job:
/// rows would each wake who waits for them.
const TELL: &str = "
SELECT
    json_group_array(json_array(
        id, payload, attempt + 1, attempts, crashes, priority, pushed_at, due_at, ?2, expires_at, trace
    )),
    (SELECT min(due_at) FROM {}jobs WHERE queue = ?1 AND state IN ('scheduled', 'retryable') AND due_at > ?2)
FROM {}jobs WHERE id IN ";

/// Claims just that.
const CLAIM: &str = ";
UPDATE {}jobs SET state = 'running', session = ?3, attempt = attempt + 1, started_at = ?2,
    unique_key = CASE WHEN unique_until IS NOT 0 THEN unique_key END
WHERE id IN ";

const HELD: &str = "
SELECT json_group_array(json_array(
    id, payload, attempt, attempts, crashes, priority, pushed_at, due_at, started_at, expires_at, trace
))
FROM {}jobs WHERE state = 'running' AND session = ?1 AND queue = ?2";

/// The statements of a turn.
pub(super) struct TurnSql {
    keep: Keep,
    begin: Sql,
    complete: Sql,
    again: Sql,
    lost: Sql,
    end: Sql,
    cancel_returned: Sql,
    drop: Sql,
    look: Sql,
    claim: Sql,
    held: Sql,
}

impl TurnSql {
    pub(super) fn new(tables: &Tables, keep: &Keep) -> Self {
        let delete = if keep.completed.is_zero() { DELETE } else { "" };
        Self {
            keep: keep.clone(),
            begin: Sql::new(tables, BEGIN),
            complete: Sql::new(tables, &[delete, COMPLETE].concat()),
            again: Sql::new(tables, AGAIN),
            lost: Sql::new(tables, LOST),
            end: Sql::new(tables, &[LOST_LINES, END].concat()),
            cancel_returned: Sql::new(tables, CANCEL_RETURNED),
            drop: Sql::new(tables, DROP),
            look: Sql::new(tables, LOOK),
            claim: Sql::new(tables, &[PROMOTE, TELL, WANTED, CLAIM, WANTED].concat()),
            held: Sql::new(tables, HELD),
        }
    }

    #[cfg(test)]
    pub(super) fn statements(&self) -> impl Iterator<Item = &Sql> {
        [&self.complete, &self.lost, &self.end, &self.cancel_returned, &self.drop, &self.look, &self.claim, &self.held]
            .into_iter()
    }

    pub(super) async fn turn(
        &self,
        writer: &Connection,
        clock: &Clock,
        session: Session,
        ended: &[Ended],
        claim: Option<&Claim>,
    ) -> Result<Turned, Error> {
        let mut turned = Turned::default();
        let claim = claim.filter(|claim| claim.jobs > 0);
        if ended.is_empty() {
            let Some(claim) = claim else { return Ok(turned) };
            if !self.look(writer, clock, claim, &mut turned).await? {
                return Ok(turned);
            }
        }
        let mut transaction = writer.get().await?;
        turned.lost = self.end(&mut transaction, session, ended, clock.micros()).await?;
        if let Some(claim) = claim {
            self.claim(&mut transaction, session, claim, clock.micros(), &mut turned).await?;
        }
        transaction.commit().await?;
        Ok(turned)
    }

    /// Returns the running jobs of a session in a queue. The connection that writes is asked, for it knows what has become
    /// of a turn that was dropped half-way.
    pub(super) async fn held(&self, writer: &Connection, session: Session, queue: &str) -> Result<Vec<Claimed>, Error> {
        let mut held = writer.get().await?;
        let row = held.row(self.held.query().bind(session.0).bind(queue.to_owned())).await?;
        let jobs = held.check(row.as_ref().map_or(Ok(Vec::new()), claimed))?;
        held.done();
        Ok(jobs)
    }

    /// Returns whether there is anything to claim, without a write.
    async fn look(
        &self,
        writer: &Connection,
        clock: &Clock,
        claim: &Claim,
        turned: &mut Turned,
    ) -> Result<bool, Error> {
        let mut held = writer.get().await?;
        let now = clock.micros();
        let look = self.look.query().bind(claim.queue.to_string()).bind(now).bind(claim.suspect);
        let row = held.row(look).await?;
        let looked = row.map_or(Ok((false, None)), |row| sqlx::Result::Ok((row.try_get(0)?, row.try_get(1)?)));
        let (is_any, next) = held.check(looked)?;
        held.done();
        turned.next_due = until(next, now);
        Ok(is_any)
    }

    /// Begins a transaction, and ends jobs in it; returns those that the session does not have.
    async fn end(
        &self,
        transaction: &mut Held<'_>,
        session: Session,
        ended: &[Ended],
        now: i64,
    ) -> Result<Vec<JobId>, Error> {
        let (completed, others): (Vec<_>, Vec<_>) = ended.iter().partition(|ended| ended.ending == Ending::Completed);
        let mut lost = Vec::new();
        transaction.execute(self.begin.query()).await?;
        if !completed.is_empty() {
            let ids = json(completed.iter().map(|ended| ended.id.0))?;
            let complete = || self.complete.query().bind(ids.clone()).bind(session.0).bind(now);
            if transaction.execute(complete()).await? < completed.len() as u64 {
                transaction.execute(self.again.query()).await?;
                lost = transaction.rows(self.lost.query().bind(ids.clone()).bind(session.0)).await?;
                transaction.execute(complete()).await?;
            }
        }
        if !others.is_empty() {
            let lines = json(others.iter().map(|ended| line(ended, now)))?;
            lost.extend(transaction.rows(self.end.query().bind(lines.clone()).bind(session.0)).await?);
            transaction.execute(self.cancel_returned.query().bind(now)).await?;
            let (cancelled, dead) = (self.keep.cancelled.is_zero(), self.keep.dead.is_zero());
            if cancelled || dead {
                transaction.execute(self.drop.query().bind(lines).bind(cancelled).bind(dead)).await?;
            }
        }
        transaction.check(lost.iter().map(|row| row.try_get(0).map(JobId)).collect())
    }

    async fn claim(
        &self,
        transaction: &mut Held<'_>,
        session: Session,
        claim: &Claim,
        now: i64,
        turned: &mut Turned,
    ) -> Result<(), Error> {
        let jobs = i64::try_from(claim.jobs).unwrap_or(i64::MAX);
        let query = self.claim.query().bind(claim.queue.to_string()).bind(now).bind(session.0);
        let rows = transaction.rows(query.bind(i64::from(claim.suspect)).bind(jobs)).await?;
        let told = rows.first().map_or(Ok((Vec::new(), None)), |row| Ok((claimed(row)?, row.try_get(1)?)));
        let (claimed, next) = transaction.check(told)?;
        turned.next_due = until(next, now).filter(|_| claimed.len() < claim.jobs);
        turned.claimed = claimed;
        Ok(())
    }
}

/// Returns how long it is until a time.
fn until(time: Option<i64>, now: i64) -> Option<Duration> {
    Some(Duration::from_micros(u64::try_from(time? - now).unwrap_or_default()))
}

/// A job that was claimed, as the statements tell of it: its id, what it is about, which attempt it is, how many there may
/// be, how many processes have died with it, its priority, when it was pushed, due, begun, and expires, and the trace.
#[derive(Deserialize)]
struct Row(i64, Arc<str>, u32, Option<u32>, u32, i16, i64, i64, i64, Option<i64>, Option<String>);

/// Reads the jobs in the first column of a row, and puts them in order.
fn claimed(row: &SqliteRow) -> sqlx::Result<Vec<Claimed>> {
    let rows: Vec<Row> = serde_json::from_str(row.try_get(0)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let mut claimed: Vec<_> = rows.into_iter().map(Claimed::from).collect();
    claimed.sort_unstable_by_key(|job| (Reverse(job.priority), job.id));
    Ok(claimed)
}

impl From<Row> for Claimed {
    fn from(row: Row) -> Self {
        let Row(id, payload, attempt, attempts, crashes, priority, pushed, due, started, expires, trace) = row;
        Self {
            id: JobId(id),
            body: Body::Json(payload),
            attempt,
            attempts,
            crashes,
            priority,
            pushed_at: from_micros(pushed),
            waited: until(Some(started), due).unwrap_or_default(),
            is_expired: attempt <= 1 && expires.is_some_and(|expires| expires <= started),
            trace,
        }
    }
}

/// How a job ends, as the statements take it: its id, state, when it is due, how many attempts it gets back, when it was
/// over, why, and what the error was.
#[derive(Serialize)]
struct Line<'a>(i64, &'static str, Option<i64>, u8, Option<i64>, Option<&'static str>, Option<&'a str>);

fn line(ended: &Ended, now: i64) -> Line<'_> {
    let (id, back) = (ended.id.0, u8::from(ended.ending.gives_back()));
    let after = |span: Duration| Some(now.saturating_add(micros(span)));
    match &ended.ending {
        Ending::Completed => Line(id, "completed", None, 0, Some(now), None, None),
        Ending::Failed { again_after, error } => {
            let state = if again_after.is_zero() { "available" } else { "retryable" };
            Line(id, state, after(*again_after), 0, None, None, Some(error))
        }
        Ending::Dead { reason, error } => Line(id, "dead", None, 0, Some(now), Some(reason.as_str()), Some(error)),
        Ending::Cancelled { reason } => Line(id, "cancelled", None, back, Some(now), Some(reason.as_str()), None),
        Ending::Returned => Line(id, "available", None, back, None, None, None),
        Ending::Postponed { by } if by.is_zero() => Line(id, "available", after(*by), back, None, None, None),
        Ending::Postponed { by } => Line(id, "scheduled", after(*by), back, None, None, None),
    }
}

fn json(lines: impl Iterator<Item: Serialize>) -> Result<String, Error> {
    serde_json::to_string(&lines.collect::<Vec<_>>())
        .map_err(|error| Error::refused("what has ended cannot be written as JSON").with_source(error))
}
