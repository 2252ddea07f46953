//! Processes that work, and what becomes of the jobs of those that have died.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use super::{Sql, failed::Failed, query, time::span};
use crate::{
    config::Keep,
    engine::{CRASHES, Session, Swept, tables::Tables},
    status::JobId,
};

const ENTER: &str = "
INSERT INTO {}sessions (entered_at, until)
VALUES (statement_timestamp(), statement_timestamp() + $1 * interval '1 microsecond')
RETURNING id";

const BEAT: &str = "
WITH beat AS (
    UPDATE {}sessions SET until = statement_timestamp() + $2 * interval '1 microsecond' WHERE id = $1 RETURNING id
)
SELECT array(SELECT job.id FROM {}jobs AS job WHERE session = $1 AND state = 'running' AND cancel) FROM beat";

/// Gives back what a session has, and forgets it.
const LEAVE: &str = "
WITH returned AS (
    UPDATE {}jobs SET
        state = CASE WHEN cancel THEN 'cancelled' ELSE 'available' END,
        attempt = attempt - 1,
        finished_at = CASE WHEN cancel THEN statement_timestamp() END,
        session = NULL,
        cancel = false,
        unique_key = CASE WHEN NOT cancel OR unique_until > statement_timestamp() THEN unique_key END,
        reason = CASE WHEN cancel THEN 'cancelled' END
    WHERE session = $1 AND state = 'running'
    RETURNING queue
), gone AS (
    DELETE FROM {}sessions WHERE id = $1
)
SELECT count(pg_notify($2, 'q:' || queue)) FROM (SELECT DISTINCT queue FROM returned) AS told";

/// Forgets sessions whose lease is over.
const FORGET: &str = "
DELETE FROM {}sessions WHERE id IN (
    SELECT id FROM {}sessions WHERE until <= statement_timestamp() LIMIT 1000 FOR UPDATE SKIP LOCKED
)";

/// Takes jobs from sessions that are not there: also what one has claimed while it was forgotten. That others take part
/// of it at the same time does no harm.
const RECOVER: &str = "
WITH gone AS MATERIALIZED (
    SELECT session FROM (SELECT DISTINCT session FROM {}jobs WHERE state = 'running') AS running
    WHERE NOT EXISTS (SELECT FROM {}sessions AS alive WHERE alive.id = running.session)
), job AS MATERIALIZED (
    SELECT job.id FROM gone JOIN {}jobs AS job ON job.session = gone.session AND job.state = 'running'
    LIMIT 1000 FOR UPDATE OF job SKIP LOCKED
), recovered AS (
    UPDATE {}jobs AS job SET
        state = CASE WHEN cancel THEN 'cancelled' WHEN crashes + 1 >= $1::integer THEN 'dead' ELSE 'available' END,
        attempt = attempt - 1,
        crashes = crashes + 1,
        finished_at = CASE WHEN cancel OR crashes + 1 >= $1 THEN statement_timestamp() END,
        session = NULL,
        cancel = false,
        unique_key = CASE WHEN NOT cancel AND crashes + 1 < $1 OR unique_until > statement_timestamp()
            THEN unique_key END,
        reason = CASE WHEN cancel THEN 'cancelled' WHEN crashes + 1 >= $1 THEN 'poison' END
    WHERE job.id IN (SELECT id FROM job)
    RETURNING queue, state
)
SELECT queue, state, count(*), CASE WHEN state = 'available' THEN pg_notify($2, 'q:' || queue)::text END
FROM recovered GROUP BY queue, state";

const EXPIRE: &str = "
WITH expired AS (
    UPDATE {}jobs SET
        state = 'cancelled',
        finished_at = statement_timestamp(),
        unique_key = CASE WHEN unique_until > statement_timestamp() THEN unique_key END,
        reason = 'expired'
    WHERE id IN (
        SELECT id FROM {}jobs
        WHERE expires_at IS NOT NULL AND expires_at <= statement_timestamp()
            AND attempt = 0 AND state IN ('scheduled', 'available', 'retryable')
        ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
    RETURNING queue
)
SELECT queue, 'cancelled', count(*) FROM expired GROUP BY queue";

/// Gives up keys whose period is over.
const RELEASE: &str = "
UPDATE {}jobs SET unique_key = NULL, unique_release = NULL, unique_until = NULL
WHERE id IN (
    SELECT id FROM {}jobs WHERE unique_until <= statement_timestamp()
    ORDER BY unique_until LIMIT 1000 FOR UPDATE SKIP LOCKED
)";

/// Deletes what was kept long enough, if it has no key any more.
const PRUNE: &str = "
DELETE FROM {}jobs WHERE id IN (
    SELECT id FROM {}jobs
    WHERE state = '{state}' AND finished_at <= statement_timestamp() - $1 * interval '1 microsecond'
        AND unique_until IS NULL
    ORDER BY finished_at LIMIT 1000 FOR UPDATE SKIP LOCKED
)";

/// Deletes claims of a ledger that are over.
const UNCLAIM: &str = "
DELETE FROM {}claims WHERE key IN (
    SELECT key FROM {}claims WHERE until <= statement_timestamp() ORDER BY until LIMIT 1000 FOR UPDATE SKIP LOCKED
)";

/// How many rows a statement of a sweep takes at most.
const BATCH: u64 = 1_000;

/// The statements about sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    channel: Arc<str>,
    enter: Sql,
    beat: Sql,
    leave: Sql,
    forget: Sql,
    recover: Sql,
    expire: Sql,
    release: Sql,
    /// Of what is completed, cancelled, dead.
    prune: [Sql; 3],
    unclaim: Sql,
}

impl Sessions {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            channel: tables.prefix().into(),
            enter: tables.sql(ENTER).into(),
            beat: tables.sql(BEAT).into(),
            leave: tables.sql(LEAVE).into(),
            forget: tables.sql(FORGET).into(),
            recover: tables.sql(RECOVER).into(),
            expire: tables.sql(EXPIRE).into(),
            release: tables.sql(RELEASE).into(),
            prune: ["completed", "cancelled", "dead"].map(|state| tables.sql(&PRUNE.replace("{state}", state)).into()),
            unclaim: tables.sql(UNCLAIM).into(),
        }
    }

    pub(super) async fn enter(&self, connection: &mut PgConnection, lease: Duration) -> Result<Session, Failed> {
        let row = query(&self.enter).bind(span(lease)).fetch_one(connection).await.map_err(Failed::at_commit)?;
        Ok(Session(row.try_get(0)?))
    }

    pub(super) async fn beat(
        &self,
        connection: &mut PgConnection,
        session: Session,
        lease: Duration,
    ) -> Result<Option<Vec<JobId>>, Failed> {
        let beat = query(&self.beat).bind(session.0).bind(span(lease));
        let Some(row) = beat.fetch_optional(connection).await.map_err(Failed::at_commit)? else { return Ok(None) };
        let cancelled: Vec<i64> = row.try_get(0)?;
        Ok(Some(cancelled.into_iter().map(JobId).collect()))
    }

    pub(super) async fn leave(&self, connection: &mut PgConnection, session: Session) -> Result<(), Failed> {
        let leave = query(&self.leave).bind(session.0).bind(&*self.channel);
        leave.execute(connection).await.map_err(Failed::at_commit)?;
        Ok(())
    }

    pub(super) async fn sweep(&self, connection: &mut PgConnection, keep: &Keep) -> Result<Swept, Failed> {
        let mut swept = Swept::default();
        let mut transaction = connection.begin().await?;
        swept.more |= execute(&self.forget, None, &mut transaction).await? == BATCH;
        self.recover(&mut transaction, &mut swept).await?;
        let expired = query(&self.expire).fetch_all(&mut *transaction).await?;
        swept.more |= count(&expired, "cancelled", &mut swept.expired)? == BATCH;
        swept.more |= execute(&self.release, None, &mut transaction).await? == BATCH;
        for (prune, keep) in self.prune.iter().zip([keep.completed, keep.cancelled, keep.dead]) {
            let pruned = execute(prune, Some(span(keep)), &mut transaction).await?;
            swept.pruned += pruned;
            swept.more |= pruned == BATCH;
        }
        swept.more |= execute(&self.unclaim, None, &mut transaction).await? == BATCH;
        transaction.commit().await.map_err(Failed::at_commit)?;
        Ok(swept)
    }

    async fn recover(&self, connection: &mut PgConnection, swept: &mut Swept) -> Result<(), sqlx::Error> {
        let recover = query(&self.recover).bind(CRASHES.cast_signed()).bind(&*self.channel);
        let rows = recover.fetch_all(connection).await?;
        let recovered = count(&rows, "available", &mut swept.recovered)?;
        let poisoned = count(&rows, "dead", &mut swept.poisoned)?;
        let cancelled = count(&rows, "cancelled", &mut Vec::new())?;
        swept.more |= recovered + poisoned + cancelled == BATCH;
        Ok(())
    }
}

async fn execute(sql: &Sql, keep: Option<i64>, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let statement = match keep {
        Some(keep) => query(sql).bind(keep),
        None => query(sql),
    };
    Ok(statement.execute(connection).await?.rows_affected())
}

/// Adds up the jobs that are in a state now, by queue; returns how many there are.
fn count(rows: &[PgRow], state: &str, counts: &mut Vec<(String, u64)>) -> Result<u64, sqlx::Error> {
    let mut all = 0;
    for row in rows {
        if row.try_get::<&str, _>(1)? == state {
            let jobs = row.try_get::<i64, _>(2)?.unsigned_abs();
            counts.push((row.try_get(0)?, jobs));
            all += jobs;
        }
    }
    Ok(all)
}
