//! What an operator sees and does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sqlx::{PgConnection, Postgres, QueryBuilder, Row as _, postgres::PgRow};

use super::{Sql, failed::Failed, query, time::Time};
use crate::{
    engine::tables::Tables,
    status::{JobId, JobStatus, PayloadJson, QueueStatus, Reason, Selection, State},
};

/// What [`status`] reads.
const COLUMNS: &str =
    "id, queue, state, priority, attempt, attempts, crashes, pushed_at, due_at, started_at, finished_at,
    expires_at, reason, error, payload::text";

/// Counts each state by an index that has nothing else, so that what is done costs nothing.
const QUEUES: &str = "
SELECT queue, 'available' AS state, count(*),
    (extract(epoch FROM statement_timestamp() - min(due_at)) * 1000000)::bigint AS oldest
FROM {}jobs WHERE state = 'available' AND crashes = 0 GROUP BY queue
UNION ALL
SELECT queue, 'available', count(*), (extract(epoch FROM statement_timestamp() - min(due_at)) * 1000000)::bigint
FROM {}jobs WHERE state = 'available' AND crashes > 0 GROUP BY queue
UNION ALL
SELECT queue, state, count(*), (extract(epoch FROM statement_timestamp() - min(due_at)) * 1000000)::bigint
FROM {}jobs WHERE state IN ('scheduled', 'retryable') GROUP BY queue, state
UNION ALL
SELECT queue, state, count(*), NULL FROM {}jobs WHERE state = 'running' GROUP BY queue, state
UNION ALL
SELECT queue, state, count(*), NULL FROM {}jobs WHERE state = 'dead' GROUP BY queue, state
UNION ALL
SELECT name, 'paused', 0, NULL FROM {}queues WHERE paused";

const RETRY: &str = "
UPDATE {}jobs AS job SET
    state = 'available',
    due_at = statement_timestamp(),
    attempt = CASE WHEN job.finished_at IS NULL THEN job.attempt ELSE 0 END,
    crashes = CASE WHEN job.finished_at IS NULL THEN job.crashes ELSE 0 END,
    expires_at = CASE WHEN job.finished_at IS NULL THEN job.expires_at END,
    finished_at = NULL,
    reason = NULL
FROM picked WHERE job.id = picked.id
RETURNING job.queue";

/// What runs is asked for, once.
const CANCEL: &str = "
UPDATE {}jobs AS job SET
    state = CASE WHEN job.state = 'running' THEN job.state ELSE 'cancelled' END,
    cancel = job.state = 'running',
    finished_at = CASE WHEN job.state <> 'running' THEN statement_timestamp() END,
    unique_key = CASE WHEN job.state = 'running' OR job.unique_until > statement_timestamp() THEN job.unique_key END,
    reason = CASE WHEN job.state <> 'running' THEN 'cancelled' END
FROM picked WHERE job.id = picked.id
RETURNING job.state";

const PURGE: &str = "DELETE FROM {}jobs AS job USING picked WHERE job.id = picked.id RETURNING job.state";

const PAUSE: &str = "
WITH changed AS (
    INSERT INTO {}queues AS queue (name, paused, changed_at) VALUES ($1, true, statement_timestamp())
    ON CONFLICT (name) DO UPDATE SET paused = true, changed_at = statement_timestamp() WHERE NOT queue.paused
    RETURNING name
)
SELECT pg_notify($2, 'q:' || name)::text FROM changed";

const RESUME: &str = "
WITH changed AS (
    UPDATE {}queues SET paused = false, changed_at = statement_timestamp() WHERE name = $1 AND paused RETURNING name
)
SELECT pg_notify($2, 'q:' || name)::text FROM changed";

/// The statements of an operator.
#[derive(Debug)]
pub(super) struct Operating {
    channel: Arc<str>,
    tables: Tables,
    job: Sql,
    queues: Sql,
    pause: Sql,
    resume: Sql,
}

impl Operating {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            channel: tables.prefix().into(),
            tables: tables.clone(),
            job: tables.sql(&["SELECT ", COLUMNS, " FROM {}jobs WHERE id = $1"].concat()).into(),
            queues: tables.sql(QUEUES).into(),
            pause: tables.sql(PAUSE).into(),
            resume: tables.sql(RESUME).into(),
        }
    }

    pub(super) async fn job(&self, connection: &mut PgConnection, id: JobId) -> Result<Option<JobStatus>, Failed> {
        let row = query(&self.job).bind(id.0).fetch_optional(connection).await?;
        Ok(row.as_ref().map(status).transpose()?)
    }

    pub(super) async fn list(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
    ) -> Result<Vec<JobStatus>, Failed> {
        let mut statement = self.begin("SELECT ");
        statement.push(COLUMNS);
        self.select(&mut statement, selection, "true");
        let rows = statement.build().persistent(false).fetch_all(connection).await?;
        Ok(rows.iter().map(status).collect::<Result<_, _>>()?)
    }

    pub(super) async fn queues(&self, connection: &mut PgConnection) -> Result<Vec<QueueStatus>, Failed> {
        let mut queues = BTreeMap::new();
        for row in query(&self.queues).fetch_all(connection).await? {
            let name: String = row.try_get(0)?;
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
            let jobs = row.try_get::<i64, _>(2)?.unsigned_abs();
            let (state, age): (&str, Option<i64>) = (row.try_get(1)?, row.try_get(3)?);
            let age = age.filter(|age| state == "available" || *age >= 0);
            queue.oldest = queue.oldest.max(age.map(|age| Duration::from_micros(age.max(0).unsigned_abs())));
            match state {
                "available" => queue.available += jobs,
                "scheduled" => queue.scheduled += jobs,
                "running" => queue.running += jobs,
                "retryable" => queue.retryable += jobs,
                "dead" => queue.dead += jobs,
                _ => queue.is_paused = true,
            }
        }
        Ok(queues.into_values().collect())
    }

    pub(super) async fn retry(&self, connection: &mut PgConnection, selection: &Selection) -> Result<u64, Failed> {
        let states = "state IN ('dead', 'cancelled', 'scheduled', 'retryable')";
        let mut statement = self.pick(selection, states, RETRY);
        statement.push("SELECT (SELECT count(*) FROM changed), (SELECT count(pg_notify(");
        statement.push_bind(self.channel.to_string());
        statement.push(", 'q:' || queue)) FROM (SELECT DISTINCT queue FROM changed) AS told)");
        changed(statement, connection).await
    }

    pub(super) async fn cancel(&self, connection: &mut PgConnection, selection: &Selection) -> Result<u64, Failed> {
        let states = "state IN ('scheduled', 'available', 'retryable', 'running') AND NOT cancel";
        let mut statement = self.pick(selection, states, CANCEL);
        statement.push("SELECT (SELECT count(*) FROM changed), (SELECT count(pg_notify(");
        statement.push_bind(self.channel.to_string());
        statement.push(", '*')) FROM (SELECT FROM changed WHERE state = 'running' LIMIT 1) AS told)");
        changed(statement, connection).await
    }

    pub(super) async fn purge(&self, connection: &mut PgConnection, selection: &Selection) -> Result<u64, Failed> {
        let states = "state <> 'running' AND (unique_until IS NULL OR unique_until <= statement_timestamp())";
        let mut statement = self.pick(selection, states, PURGE);
        statement.push("SELECT count(*) FROM changed");
        changed(statement, connection).await
    }

    pub(super) async fn pause(&self, connection: &mut PgConnection, queue: &str, paused: bool) -> Result<bool, Failed> {
        let pause = query(if paused { &self.pause } else { &self.resume }).bind(queue).bind(&*self.channel);
        Ok(pause.fetch_optional(connection).await.map_err(Failed::at_commit)?.is_some())
    }

    fn begin(&self, sql: &str) -> QueryBuilder<Postgres> {
        QueryBuilder::new(self.tables.sql(sql))
    }

    /// Begins a statement that changes what is picked; what it returns is in `changed`.
    fn pick(&self, selection: &Selection, states: &str, change: &str) -> QueryBuilder<Postgres> {
        let mut statement = self.begin("WITH picked AS MATERIALIZED (SELECT id");
        self.select(&mut statement, selection, states);
        statement.push(" FOR UPDATE), changed AS (");
        statement.push(self.tables.sql(change));
        statement.push(") ");
        statement
    }

    /// Adds where to look for what is selected, and in which order. A state is written into it, so that an
    /// index of that state is used if there is one.
    fn select(&self, statement: &mut QueryBuilder<Postgres>, selection: &Selection, states: &str) {
        statement.push(self.tables.sql(" FROM {}jobs WHERE ")).push(states);
        if let Some(id) = selection.id {
            statement.push(" AND id = ").push_bind(id.0);
        }
        if let Some(queue) = &selection.queue {
            statement.push(" AND queue = ").push_bind(queue.clone());
        }
        if let Some(state) = selection.state {
            statement.push(" AND state = '").push(state.as_str()).push("'");
        }
        if let Some(before) = selection.before {
            statement.push(" AND id < ").push_bind(before.0);
        }
        let limit = i64::try_from(selection.limit).unwrap_or(i64::MAX);
        statement.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    }
}

async fn changed(mut statement: QueryBuilder<Postgres>, connection: &mut PgConnection) -> Result<u64, Failed> {
    let row = statement.build().persistent(false).fetch_one(connection).await.map_err(Failed::at_commit)?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

fn status(row: &PgRow) -> Result<JobStatus, sqlx::Error> {
    let state: State = row.try_get::<&str, _>(2)?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let time = |column: usize| row.try_get::<Option<Time>, _>(column).map(|time| time.map(|Time(time)| time));
    Ok(JobStatus {
        id: JobId(row.try_get(0)?),
        queue: row.try_get(1)?,
        state,
        priority: row.try_get(3)?,
        attempt: row.try_get::<i32, _>(4)?.unsigned_abs(),
        attempts: row.try_get::<Option<i32>, _>(5)?.map(i32::unsigned_abs),
        crashes: row.try_get::<i32, _>(6)?.unsigned_abs(),
        pushed_at: row.try_get::<Time, _>(7)?.0,
        due_at: row.try_get::<Time, _>(8)?.0,
        started_at: time(9)?,
        finished_at: time(10)?,
        expires_at: time(11)?,
        reason: row.try_get::<Option<&str>, _>(12)?.and_then(Reason::read),
        error: row.try_get(13)?,
        payload: Some(PayloadJson(row.try_get(14)?)),
    })
}
