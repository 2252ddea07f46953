//! New jobs.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteConnection};

use super::connection::{Sql, kind};
use crate::{
    clock::{micros, to_micros},
    engine::{Body, Key, NewJob, tables::Tables},
    error::Error,
    options::{Pushed, Release, When},
    status::JobId,
};

/// Adds jobs in the order of the list: within a transaction that writes, they have consecutive ids.
const INSERT: &str = "
INSERT INTO {}jobs (queue, state, priority, attempts, pushed_at, due_at, expires_at, trace, payload)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM json_each(?1)";

/// Gives up a key whose time is over.
const RELEASE: &str = "UPDATE {}jobs SET unique_key = NULL WHERE unique_key = ?1 AND unique_until BETWEEN 1 AND ?2";

const INSERT_UNIQUE: &str = "
INSERT INTO {}jobs
    (queue, state, priority, attempts, pushed_at, due_at, expires_at, trace, payload, unique_key, unique_until)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2, value ->> 4, value ->> 5, value ->> 6, value ->> 7, ?3, ?4
FROM json_each(?1)
WHERE true
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING";

const HOLDER: &str = "SELECT id FROM {}jobs WHERE unique_key = ?1";

/// The statements of a push.
pub(super) struct PushSql {
    insert: Sql,
    release: Sql,
    insert_unique: Sql,
    holder: Sql,
}

impl PushSql {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            insert: Sql::new(tables, INSERT),
            release: Sql::new(tables, RELEASE),
            insert_unique: Sql::new(tables, INSERT_UNIQUE),
            holder: Sql::new(tables, HOLDER),
        }
    }

    /// Adds jobs in a transaction that writes.
    pub(super) async fn push(
        &self,
        connection: &mut SqliteConnection,
        now: i64,
        jobs: &[NewJob],
    ) -> sqlx::Result<Vec<Pushed>> {
        let mut pushed = Vec::with_capacity(jobs.len());
        // Plain ones together, as far as they are beside each other: ids are in the order of the jobs.
        for jobs in jobs.chunk_by(|job, next| job.unique.is_none() && next.unique.is_none()) {
            match jobs {
                [NewJob { unique: Some(key), .. }] => pushed.push(self.unique(connection, now, jobs, key).await?),
                _ => self.plain(connection, now, jobs, &mut pushed).await?,
            }
        }
        Ok(pushed)
    }

    async fn plain(
        &self,
        connection: &mut SqliteConnection,
        now: i64,
        jobs: &[NewJob],
        pushed: &mut Vec<Pushed>,
    ) -> sqlx::Result<()> {
        let done = self.insert.query().bind(json(jobs, now)?).bind(now).execute(connection).await?;
        let end = done.last_insert_rowid() + 1;
        let first = end - done.rows_affected().cast_signed();
        pushed.extend((first..end).map(|id| Pushed { id: JobId(id), is_duplicate: false }));
        Ok(())
    }

    async fn unique(
        &self,
        connection: &mut SqliteConnection,
        now: i64,
        job: &[NewJob],
        key: &Key,
    ) -> sqlx::Result<Pushed> {
        let until = match key.release {
            Release::Done => None,
            Release::Started => Some(0),
            Release::After(period) => Some(now + micros(period)),
        };
        self.release.query().bind(key.key.clone()).bind(now).execute(&mut *connection).await?;
        let insert = self.insert_unique.query().bind(json(job, now)?).bind(now).bind(key.key.clone()).bind(until);
        let done = insert.execute(&mut *connection).await?;
        if done.rows_affected() == 1 {
            return Ok(Pushed { id: JobId(done.last_insert_rowid()), is_duplicate: false });
        }
        let holder = self.holder.query().bind(key.key.clone()).fetch_one(connection).await?;
        Ok(Pushed { id: JobId(holder.try_get(0)?), is_duplicate: true })
    }
}

/// Adds jobs in a transaction of the caller, in which the tables of the store are.
///
/// # Errors
/// Whatever it is, nothing is pushed unless the caller commits all the same.
pub(crate) async fn push_on(
    connection: &mut SqliteConnection,
    tables: &Tables,
    now: i64,
    jobs: &[NewJob],
) -> Result<Vec<Pushed>, Error> {
    PushSql::new(tables).push(connection, now, jobs).await.map_err(|error| not_pushed(error, tables))
}

/// Says why a transaction of somebody else does not have the jobs.
pub(crate) fn not_pushed(error: sqlx::Error, tables: &Tables) -> Error {
    if error.as_database_error().is_some_and(|error| error.message().starts_with("no such table")) {
        let message =
            format!("the transaction is in a database without the tables `{}*` of the store", tables.prefix());
        return Error::refused(message).with_source(error);
    }
    Error::new(kind(&error), "the jobs were not added to the transaction").with_source(error)
}

/// A job as the statements take it.
#[derive(Serialize)]
struct Line<'a>(&'a str, &'static str, i16, Option<u32>, i64, Option<i64>, Option<&'a str>, &'a str);

fn json(jobs: &[NewJob], now: i64) -> sqlx::Result<String> {
    let lines = jobs.iter().map(|job| line(job, now)).collect::<sqlx::Result<Vec<_>>>()?;
    serde_json::to_string(&lines).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn line(job: &NewJob, now: i64) -> sqlx::Result<Line<'_>> {
    let Body::Json(payload) = &job.body else {
        return Err(sqlx::Error::Encode("a job in a file is JSON".into()));
    };
    let due = time(job.when, now).max(now);
    let state = if due > now { "scheduled" } else { "available" };
    let expires = job.expires.map(|expires| time(expires, now));
    Ok(Line(&job.queue, state, job.priority, job.attempts, due, expires, job.trace.as_deref(), payload))
}

fn time(when: When, now: i64) -> i64 {
    match when {
        When::Now => now,
        When::In(delay) => now.saturating_add(micros(delay)),
        When::At(time) => to_micros(time),
    }
}
