//! What an operator sees and does.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{Row, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{
    Database,
    connection::{Connection, Sql},
    sweep::PRUNE,
};
use crate::{
    clock::{Clock, from_micros},
    config::Keep,
    engine::tables::Tables,
    error::Error,
    status::{JobId, JobStatus, PayloadJson, QueueStatus, Reason, Selection, State},
};

const COLUMNS: &str = "id, queue, state, priority, attempt, attempts, crashes, pushed_at, due_at, started_at, finished_at, \
                       expires_at, reason, error, payload";

/// What is not over, by queue and state, with the time since when the oldest is due, or when that will be. Each part has an
/// index that knows no other jobs.
const QUEUES: &str = "
SELECT queue, 'available', count(*), min(due_at) FROM {}jobs WHERE state = 'available' AND crashes = 0 GROUP BY queue
UNION ALL
SELECT queue, 'available', count(*), min(due_at) FROM {}jobs WHERE state = 'available' AND crashes > 0 GROUP BY queue
UNION ALL
SELECT queue, state, count(*), min(due_at) FROM {}jobs WHERE state IN ('scheduled', 'retryable') GROUP BY queue, state
UNION ALL
SELECT queue, 'running', count(*), NULL FROM {}jobs WHERE state = 'running' GROUP BY queue
UNION ALL
SELECT queue, 'dead', count(*), NULL FROM {}jobs WHERE state = 'dead' GROUP BY queue
UNION ALL
SELECT queue, 'paused', 1, NULL FROM {}paused";

const RETRY: &str = "
UPDATE {}jobs SET
    attempt = iif(finished_at IS NULL, attempt, 0),
    crashes = iif(finished_at IS NULL, crashes, 0),
    expires_at = iif(finished_at IS NULL, expires_at, NULL),
    state = 'available', due_at = ?1, finished_at = NULL, reason = NULL, cancel = 0
WHERE id IN ";

const CANCEL: &str = "
UPDATE {}jobs SET
    cancel = iif(state = 'running', 1, cancel),
    reason = iif(state = 'running', reason, 'cancelled'),
    finished_at = iif(state = 'running', finished_at, ?1),
    unique_key = iif(state = 'running' OR unique_until > ?1, unique_key, NULL),
    state = iif(state = 'running', state, 'cancelled')
WHERE id IN ";

const PURGE: &str = "DELETE FROM {}jobs WHERE id IN ";

/// The statements for operators; those about a [`Selection`] are put together when they are needed.
pub(super) struct Operate {
    tables: Tables,
    keep: Keep,
    queues: Sql,
    job: Sql,
    pause: Sql,
    resume: Sql,
    prune: Sql,
}

impl Operate {
    pub(super) fn new(tables: &Tables, keep: &Keep) -> Self {
        Self {
            tables: tables.clone(),
            keep: keep.clone(),
            queues: Sql::new(tables, QUEUES),
            job: Sql::new(tables, &format!("SELECT {COLUMNS} FROM {{}}jobs WHERE id = ?1")),
            pause: Sql::new(tables, "INSERT INTO {}paused (queue) VALUES (?1) ON CONFLICT DO NOTHING"),
            resume: Sql::new(tables, "DELETE FROM {}paused WHERE queue = ?1"),
            prune: Sql::new(tables, PRUNE),
        }
    }

    pub(super) async fn job(&self, reader: &Connection, id: JobId) -> Result<Option<JobStatus>, Error> {
        let mut held = reader.get().await?;
        let row = held.row(self.job.query().bind(id.0)).await?;
        let job = held.check(row.as_ref().map(status).transpose())?;
        held.done();
        Ok(job)
    }

    pub(super) async fn list(&self, counter: &Connection, selection: &Selection) -> Result<Vec<JobStatus>, Error> {
        let chosen = chosen(selection, "true");
        let list = format!("SELECT {COLUMNS} FROM {{}}jobs WHERE id IN {chosen} ORDER BY id DESC");
        let mut held = counter.get().await?;
        let rows = held.rows(bind(Sql::new(&self.tables, &list).query().bind(0), selection)).await?;
        let jobs = held.check(rows.iter().map(status).collect())?;
        held.done();
        Ok(jobs)
    }

    pub(super) async fn queues(&self, counter: &Connection, clock: &Clock) -> Result<Vec<QueueStatus>, Error> {
        let mut held = counter.get().await?;
        let rows = held.rows(self.queues.query()).await?;
        let mut queues = BTreeMap::new();
        let counted = rows.iter().try_for_each(|row| count(row, clock.micros(), &mut queues));
        held.check(counted)?;
        held.done();
        Ok(queues.into_values().collect())
    }

    pub(super) async fn retry(&self, writer: &Connection, clock: &Clock, selection: &Selection) -> Result<u64, Error> {
        let chosen = chosen(selection, "state IN ('dead', 'cancelled', 'scheduled', 'retryable')");
        self.change(writer, clock, selection, &[RETRY, &chosen].concat()).await
    }

    pub(super) async fn cancel(&self, writer: &Connection, clock: &Clock, selection: &Selection) -> Result<u64, Error> {
        let chosen = chosen(selection, "state IN ('scheduled', 'available', 'retryable', 'running')");
        self.change(writer, clock, selection, &[CANCEL, &chosen].concat()).await
    }

    pub(super) async fn purge(&self, writer: &Connection, clock: &Clock, selection: &Selection) -> Result<u64, Error> {
        let is_free = "(unique_key IS NULL OR unique_until IS NULL OR unique_until <= ?1)";
        let chosen = chosen(selection, &format!("state <> 'running' AND {is_free}"));
        self.change(writer, clock, selection, &[PURGE, &chosen].concat()).await
    }

    async fn change(
        &self,
        writer: &Connection,
        clock: &Clock,
        selection: &Selection,
        statement: &str,
    ) -> Result<u64, Error> {
        let mut transaction = writer.begin().await?;
        let now = clock.micros();
        let change = bind(Sql::new(&self.tables, statement).query().bind(now), selection).persistent(false);
        let jobs = transaction.execute(change).await?;
        if self.keep.cancelled.is_zero() {
            transaction.execute(self.prune.query().bind(now).bind(i64::MAX).bind("cancelled")).await?;
        }
        transaction.commit().await?;
        Ok(jobs)
    }

    pub(super) async fn pause(&self, writer: &Connection, queue: &str, paused: bool) -> Result<bool, Error> {
        let sql = if paused { &self.pause } else { &self.resume };
        let mut transaction = writer.begin().await?;
        let queues = transaction.execute(sql.query().bind(queue.to_owned())).await?;
        transaction.commit().await?;
        Ok(queues > 0)
    }
}

/// Returns a subquery for the ids of what is selected and fulfils a condition; `?1` is left to others.
fn chosen(selection: &Selection, condition: &str) -> String {
    // The state is written out, so that the index is found which has no others. Those who are over, except for the dead,
    // are looked for from the newest on: sorting them would take longer.
    let state = selection.state.map_or_else(String::new, |state| match state {
        State::Completed | State::Cancelled => format!(" AND +state = '{state}'"),
        _ => format!(" AND state = '{state}'"),
    });
    let id = selection.id.map_or("", |_| " AND id = ?2");
    let queue = selection.queue.as_ref().map_or("", |_| " AND queue = ?3");
    let before = selection.before.map_or("", |_| " AND id < ?4");
    format!("(SELECT id FROM {{}}jobs WHERE {condition}{id}{queue}{state}{before} ORDER BY id DESC LIMIT ?5)")
}

fn bind(
    query: Query<'static, Database, SqliteArguments>,
    selection: &Selection,
) -> Query<'static, Database, SqliteArguments> {
    query
        .bind(selection.id.map(|id| id.0))
        .bind(selection.queue.clone())
        .bind(selection.before.map(|id| id.0))
        .bind(i64::try_from(selection.limit).unwrap_or(i64::MAX))
}

fn status(row: &SqliteRow) -> sqlx::Result<JobStatus> {
    let time = |index: usize| row.try_get::<Option<i64>, _>(index).map(|time| time.map(from_micros));
    Ok(JobStatus {
        id: JobId(row.try_get(0)?),
        queue: row.try_get(1)?,
        state: state(row, 2)?,
        priority: row.try_get(3)?,
        attempt: row.try_get(4)?,
        attempts: row.try_get(5)?,
        crashes: row.try_get(6)?,
        pushed_at: from_micros(row.try_get(7)?),
        due_at: from_micros(row.try_get(8)?),
        started_at: time(9)?,
        finished_at: time(10)?,
        expires_at: time(11)?,
        reason: row.try_get::<Option<&str>, _>(12)?.and_then(Reason::read),
        error: row.try_get(13)?,
        payload: Some(PayloadJson(row.try_get(14)?)),
    })
}

fn state(row: &SqliteRow, index: usize) -> sqlx::Result<State> {
    row.try_get::<&str, _>(index)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn count(row: &SqliteRow, now: i64, queues: &mut BTreeMap<String, QueueStatus>) -> sqlx::Result<()> {
    let name: String = row.try_get(0)?;
    let (state, jobs, due): (&str, i64, Option<i64>) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let jobs = jobs.unsigned_abs();
    let queue = queues.entry(name.clone()).or_insert_with(|| QueueStatus {
        name,
        is_paused: false,
        scheduled: 0,
        available: 0,
        running: 0,
        retryable: 0,
        dead: 0,
        oldest: None,
    });
    match state {
        "scheduled" => queue.scheduled += jobs,
        "available" => queue.available += jobs,
        "running" => queue.running += jobs,
        "retryable" => queue.retryable += jobs,
        "dead" => queue.dead += jobs,
        _ => queue.is_paused = true,
    }
    let due = due.filter(|due| state == "available" || *due <= now);
    let age = due.map(|due| Duration::from_micros(u64::try_from(now - due).unwrap_or_default()));
    queue.oldest = queue.oldest.max(age);
    Ok(())
}
