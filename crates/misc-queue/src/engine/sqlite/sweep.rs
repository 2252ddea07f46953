//! What is done from time to time: jobs of dead processes go on, and what is over is deleted.

use std::collections::BTreeMap;

use sqlx::{Row, query::Query, sqlite::SqliteArguments};

use super::{
    Database,
    connection::{Connection, Held, Sql},
    session::CANCEL_RETURNED,
};
use crate::{
    clock::{Clock, micros},
    config::Keep,
    engine::{CRASHES, Swept, tables::Tables},
    error::Error,
};

/// How many rows of each kind are done with at once.
const BATCH: u64 = 1000;

/// Takes jobs from processes that are dead; `?2` is how many processes may die with a job.
const RECOVER: &str = "
UPDATE {}jobs SET
    attempt = max(attempt - 1, 0),
    crashes = crashes + 1,
    state = iif(crashes + 1 < ?2, 'available', 'dead'),
    finished_at = iif(crashes + 1 < ?2, NULL, ?1),
    reason = iif(crashes + 1 < ?2, NULL, 'poison'),
    error = iif(crashes + 1 < ?2, error, 'its process has died while it ran, ' || (crashes + 1) || ' times'),
    unique_key = iif(crashes + 1 < ?2 OR unique_until > ?1, unique_key, NULL)
WHERE id IN (
    SELECT id FROM {}jobs
    WHERE state = 'running' AND session NOT IN (SELECT id FROM {}sessions WHERE expires_at > ?1)
    LIMIT ?3
)
RETURNING queue, state";

const FORGET: &str = "
DELETE FROM {}sessions
WHERE expires_at <= ?1 AND NOT EXISTS (SELECT 1 FROM {}jobs WHERE state = 'running' AND session = {}sessions.id)";

const EXPIRE: &str = "
UPDATE {}jobs SET state = 'cancelled', reason = 'expired', finished_at = ?1,
    unique_key = CASE WHEN unique_until > ?1 THEN unique_key END
WHERE id IN (
    SELECT id FROM {}jobs
    WHERE expires_at IS NOT NULL AND attempt = 0 AND state IN ('scheduled', 'available') AND expires_at <= ?1
    ORDER BY expires_at LIMIT ?2
)
RETURNING queue";

/// Gives up the keys that jobs still have although they are over.
const RELEASE: &str = "
UPDATE {}jobs SET unique_key = NULL
WHERE id IN (
    SELECT id FROM {}jobs WHERE finished_at IS NOT NULL AND unique_key IS NOT NULL AND unique_until <= ?1
    ORDER BY unique_until LIMIT ?2
)";

/// Deletes jobs of a state that were over by `?1`.
pub(super) const PRUNE: &str = "
DELETE FROM {}jobs
WHERE id IN (
    SELECT id FROM {}jobs
    WHERE finished_at IS NOT NULL AND unique_key IS NULL AND state = ?3 AND finished_at <= ?1
    ORDER BY finished_at LIMIT ?2
)";

const UNCLAIM: &str = "
DELETE FROM {}claims WHERE key IN (SELECT key FROM {}claims WHERE until <= ?1 ORDER BY until LIMIT ?2)";

/// The statements of a sweep.
pub(super) struct SweepSql {
    recover: Sql,
    cancel_returned: Sql,
    forget: Sql,
    expire: Sql,
    release: Sql,
    prune: Sql,
    unclaim: Sql,
}

impl SweepSql {
    pub(super) fn new(tables: &Tables) -> Self {
        Self {
            recover: Sql::new(tables, RECOVER),
            cancel_returned: Sql::new(tables, CANCEL_RETURNED),
            forget: Sql::new(tables, FORGET),
            expire: Sql::new(tables, EXPIRE),
            release: Sql::new(tables, RELEASE),
            prune: Sql::new(tables, PRUNE),
            unclaim: Sql::new(tables, UNCLAIM),
        }
    }

    pub(super) async fn sweep(&self, writer: &Connection, clock: &Clock, keep: &Keep) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let mut transaction = writer.begin().await?;
        let now = clock.micros();
        self.recover(&mut transaction, now, &mut swept).await?;
        let expired = transaction.rows(batch(&self.expire, now)).await?;
        swept.more |= expired.len() as u64 == BATCH;
        let queues = expired.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<String>>>();
        swept.expired = by_queue(transaction.check(queues)?);
        swept.more |= transaction.execute(batch(&self.release, now)).await? == BATCH;
        for (state, keep) in [("completed", keep.completed), ("cancelled", keep.cancelled), ("dead", keep.dead)] {
            let pruned = transaction.execute(batch(&self.prune, now - micros(keep)).bind(state)).await?;
            swept.pruned += pruned;
            swept.more |= pruned == BATCH;
        }
        swept.more |= transaction.execute(batch(&self.unclaim, now)).await? == BATCH;
        transaction.commit().await?;
        Ok(swept)
    }

    async fn recover(&self, transaction: &mut Held<'_>, now: i64, swept: &mut Swept) -> Result<(), Error> {
        let recover = self.recover.query().bind(now).bind(CRASHES).bind(BATCH.cast_signed());
        let rows = transaction.rows(recover).await?;
        swept.more |= rows.len() as u64 == BATCH;
        let jobs = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<sqlx::Result<Vec<_>>>();
        let (poisoned, recovered): (Vec<_>, Vec<_>) =
            transaction.check(jobs)?.into_iter().partition(|(_, state): &(String, String)| state == "dead");
        swept.poisoned = by_queue(poisoned.into_iter().map(|(queue, _)| queue));
        swept.recovered = by_queue(recovered.into_iter().map(|(queue, _)| queue));
        if !rows.is_empty() {
            transaction.execute(self.cancel_returned.query().bind(now)).await?;
        }
        transaction.execute(self.forget.query().bind(now)).await?;
        Ok(())
    }
}

fn batch(sql: &Sql, now: i64) -> Query<'static, Database, SqliteArguments> {
    sql.query().bind(now).bind(BATCH.cast_signed())
}

fn by_queue(queues: impl IntoIterator<Item = String>) -> Vec<(String, u64)> {
    let mut jobs = BTreeMap::new();
    for queue in queues {
        *jobs.entry(queue).or_default() += 1;
    }
    jobs.into_iter().collect()
}
