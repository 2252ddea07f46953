//! Processes that work.

use std::{process, time::Duration};

use sqlx::Row;

use super::connection::{Connection, Sql};
use crate::{
    clock::{Clock, micros},
    engine::{Session, tables::Tables},
    error::Error,
    status::JobId,
};

/// Which part of a lease is not worth a write, as one over six: a process that is woken by each change in the file looks
/// whether it shall cancel something, and if each look were a change, two processes would keep each other awake.
const FRESH: i64 = 6;

const ENTER: &str = "INSERT INTO {}sessions (pid, started_at, expires_at) VALUES (?1, ?2, ?3)";

const LEASE: &str = "SELECT expires_at FROM {}sessions WHERE id = ?1";

const BEAT: &str = "UPDATE {}sessions SET expires_at = ?2 WHERE id = ?1";

const CANCELLED: &str = "SELECT id FROM {}jobs WHERE cancel = 1 AND state = 'running' AND session = ?1";

const RETURN: &str = "
UPDATE {}jobs SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running' AND session = ?1";

/// Cancels what came back although it was to be cancelled while it ran.
pub(super) const CANCEL_RETURNED: &str = "
UPDATE {}jobs SET state = 'cancelled', reason = 'cancelled', finished_at = ?1,
    unique_key = CASE WHEN unique_until > ?1 THEN unique_key END
WHERE cancel = 1 AND state IN ('scheduled', 'available', 'retryable')";

const LEAVE: &str = "DELETE FROM {}sessions WHERE id = ?1";

/// The statements about sessions.
pub(super) struct SessionSql {
    enter: Sql,
    lease: Sql,
    beat: Sql,
    cancelled: Sql,
    give_back: Sql,
    cancel_returned: Sql,
    leave: Sql,
}

impl SessionSql {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            enter: Sql::new(tables, ENTER),
            lease: Sql::new(tables, LEASE),
            beat: Sql::new(tables, BEAT),
            cancelled: Sql::new(tables, CANCELLED),
            give_back: Sql::new(tables, RETURN),
            cancel_returned: Sql::new(tables, CANCEL_RETURNED),
            leave: Sql::new(tables, LEAVE),
        }
    }

    pub(super) async fn enter(&self, writer: &Connection, clock: &Clock, lease: Duration) -> Result<Session, Error> {
        let mut transaction = writer.begin().await?;
        let now = clock.micros();
        let enter = self.enter.query().bind(process::id()).bind(now).bind(now + micros(lease));
        let done = enter.execute(&mut *transaction).await;
        let id = transaction.check(done)?.last_insert_rowid();
        transaction.commit().await?;
        Ok(Session(id))
    }

    /// Looks for what shall be cancelled, and makes the lease longer unless that has just been done.
    pub(super) async fn beat(
        &self,
        writer: &Connection,
        clock: &Clock,
        session: Session,
        lease: Duration,
    ) -> Result<Option<Vec<JobId>>, Error> {
        let mut held = writer.get().await?;
        let Some(row) = held.row(self.lease.query().bind(session.0)).await? else {
            held.done();
            return Ok(None);
        };
        let until: i64 = held.check(row.try_get(0))?;
        let rows = held.rows(self.cancelled.query().bind(session.0)).await?;
        let cancelled = held.check(rows.iter().map(|row| row.try_get(0).map(JobId)).collect())?;
        held.done();
        let lease = micros(lease);
        if (lease - lease / FRESH..=lease).contains(&(until - clock.micros())) {
            return Ok(Some(cancelled));
        }
        let mut transaction = writer.begin().await?;
        let beat = self.beat.query().bind(session.0).bind(clock.micros() + lease);
        let is_there = transaction.execute(beat).await? == 1;
        transaction.commit().await?;
        Ok(is_there.then_some(cancelled))
    }

    pub(super) async fn leave(&self, writer: &Connection, clock: &Clock, session: Session) -> Result<(), Error> {
        let mut transaction = writer.begin().await?;
        transaction.execute(self.give_back.query().bind(session.0)).await?;
        transaction.execute(self.cancel_returned.query().bind(clock.micros())).await?;
        transaction.execute(self.leave.query().bind(session.0)).await?;
        transaction.commit().await
    }
}
