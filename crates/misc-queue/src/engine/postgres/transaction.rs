//! How jobs get in with what somebody else changes in the same database.

use sqlx::{AnyConnection, AssertSqlSafe, PgConnection, Row as _};

use super::{
    failed::{is_no_table, refusal},
    push::{ADD, ADDED_ONE, Columns, GIVE_UP, HOLDERS, ONE, Pushing, attempts, json, release, when},
};
use crate::{
    engine::{NewJob, tables::Tables},
    error::Error,
    options::Pushed,
    status::JobId,
};

/// Pushes in a transaction of somebody else, where the tables of the store must be.
///
/// # Errors
/// Whatever it is, the transaction can only be rolled back.
pub(crate) async fn push_on(
    connection: &mut PgConnection,
    tables: &Tables,
    jobs: &[NewJob],
) -> Result<Vec<Pushed>, Error> {
    let columns = Columns::new(jobs)?;
    Pushing::new(tables).push_on(connection, &columns).await.map_err(|error| not_pushed(error, tables))
}

/// Pushes as [`push_on`] does, through a driver that has neither arrays nor times.
pub(crate) async fn push_on_any(
    connection: &mut AnyConnection,
    tables: &Tables,
    jobs: &[NewJob],
) -> Result<Vec<Pushed>, Error> {
    let statements = Statements {
        channel: tables.prefix(),
        add: tables.sql(&[&ADD.replace("{jobs}", ONE), ADDED_ONE].concat()),
        give_up: tables.sql(&GIVE_UP.replace("ANY($1)", "$1")),
        holder: tables.sql(&HOLDERS.replace("unique_key, id", "id").replace("ANY($1)", "$1")),
    };
    let mut pushed = Vec::with_capacity(jobs.len());
    for job in jobs {
        let payload = json(&job.body)?;
        let done = statements.push(connection, job, payload).await;
        pushed.push(done.map_err(|error| not_pushed(error, tables))?);
    }
    Ok(pushed)
}

/// The statements that push one job.
struct Statements<'a> {
    channel: &'a str,
    add: String,
    give_up: String,
    holder: String,
}

impl Statements<'_> {
    async fn push(&self, connection: &mut AnyConnection, job: &NewJob, payload: &str) -> Result<Pushed, sqlx::Error> {
        // It ends: each further round is for a key that another transaction has taken and given up since the last one.
        loop {
            if let Some(id) = self.add(connection, job, payload).await? {
                return Ok(Pushed { id: JobId(id), is_duplicate: false });
            }
            let key = job.unique.as_ref().map(|unique| &*unique.key);
            let give_up = sqlx::query(AssertSqlSafe(&*self.give_up)).bind(key);
            give_up.execute(&mut *connection).await?;
            let holder = sqlx::query(AssertSqlSafe(&*self.holder)).bind(key);
            if let Some(row) = holder.fetch_optional(&mut *connection).await? {
                return Ok(Pushed { id: JobId(row.try_get(0)?), is_duplicate: true });
            }
        }
    }

    async fn add(
        &self,
        connection: &mut AnyConnection,
        job: &NewJob,
        payload: &str,
    ) -> Result<Option<i64>, sqlx::Error> {
        let (due_in, due_at) = when(job.when);
        let (expires_in, expires_at) = job.expires.map_or((None, None), when);
        let (release, period) = job.unique.as_ref().map_or((None, None), |unique| release(unique.release));
        let row = sqlx::query(AssertSqlSafe(&*self.add))
            .bind(&*job.queue)
            .bind(payload)
            .bind(job.priority)
            .bind(job.attempts.map(attempts))
            .bind(due_in)
            .bind(due_at)
            .bind(expires_in)
            .bind(expires_at)
            .bind(job.trace.as_deref())
            .bind(job.unique.as_ref().map(|unique| &*unique.key))
            .bind(release)
            .bind(period)
            .bind(self.channel)
            .fetch_one(connection)
            .await?;
        row.try_get(0)
    }
}

fn not_pushed(error: sqlx::Error, tables: &Tables) -> Error {
    if is_no_table(&error) {
        let prefix = tables.prefix();
        let message =
            format!("the transaction is in a database, or a schema, without the tables `{prefix}*` of the store");
        return Error::refused(message).with_source(error);
    }
    refusal(error, "push jobs", "the transaction")
}
