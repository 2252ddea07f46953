//! How jobs get into a file of SQLite through a driver that knows no more of a database than they all have.

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::{
    clock::{micros, to_micros},
    engine::{Body, NewJob, sqlite::not_pushed, tables::Tables},
    error::Error,
    options::{Pushed, Release, When},
    status::JobId,
};

const ADD: &str = "
INSERT INTO {}jobs
    (queue, state, priority, attempts, pushed_at, due_at, expires_at, trace, payload, unique_key, unique_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id";

/// Gives up a key whose time is over.
const GIVE_UP: &str = "UPDATE {}jobs SET unique_key = NULL WHERE unique_key = $1 AND unique_until BETWEEN 1 AND $2";

const HOLDER: &str = "SELECT id FROM {}jobs WHERE unique_key = $1";

/// Pushes in a transaction of somebody else, where the tables of the store must be.
pub(super) async fn push_on_sqlite(
    connection: &mut AnyConnection,
    tables: &Tables,
    now: i64,
    jobs: &[NewJob],
) -> Result<Vec<Pushed>, Error> {
    let mut pushed = Vec::with_capacity(jobs.len());
    for job in jobs {
        let Body::Json(payload) = &job.body else {
            return Err(Error::refused("a job that is not written as JSON can only be kept in memory"));
        };
        pushed.push(push(connection, tables, now, job, payload).await.map_err(|error| not_pushed(error, tables))?);
    }
    Ok(pushed)
}

async fn push(
    connection: &mut AnyConnection,
    tables: &Tables,
    now: i64,
    job: &NewJob,
    payload: &str,
) -> Result<Pushed, sqlx::Error> {
    let key = job.unique.as_ref().map(|unique| &*unique.key);
    if key.is_some() {
        let give_up = sqlx::query(AssertSqlSafe(tables.sql(GIVE_UP))).bind(key).bind(now);
        give_up.execute(&mut *connection).await?;
    }
    let due_at = time(job.when, now).max(now);
    let added = sqlx::query(AssertSqlSafe(tables.sql(ADD)))
        .bind(&*job.queue)
        .bind(if due_at > now { "scheduled" } else { "available" })
        .bind(i64::from(job.priority))
        .bind(job.attempts.map(i64::from))
        .bind(now)
        .bind(due_at)
        .bind(job.expires.map(|expires| time(expires, now)))
        .bind(job.trace.as_deref())
        .bind(payload)
        .bind(key)
        .bind(job.unique.as_ref().and_then(|unique| until(unique.release, now)))
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = added {
        return Ok(Pushed { id: JobId(row.try_get(0)?), is_duplicate: false });
    }
    let holder = sqlx::query(AssertSqlSafe(tables.sql(HOLDER))).bind(key).fetch_one(connection).await?;
    Ok(Pushed { id: JobId(holder.try_get(0)?), is_duplicate: true })
}

fn time(when: When, now: i64) -> i64 {
    match when {
        When::Now => now,
        When::In(delay) => now.saturating_add(micros(delay)),
        When::At(time) => to_micros(time),
    }
}

/// Returns until when a key is held: 0 is until the first start.
fn until(release: Release, now: i64) -> Option<i64> {
    match release {
        Release::Done => None,
        Release::Started => Some(0),
        Release::After(period) => Some(now.saturating_add(micros(period))),
    }
}
