//! The tables of a store in PostgreSQL, and how they come to be.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::failed::Failed;
use crate::{engine::tables::Tables, error::Error};

/// What leads from each version to the next; those that have been published are never changed.
const MIGRATIONS: [&str; 1] = [FIRST];

/// What a database is at that has all of [`MIGRATIONS`].
pub(super) const VERSION: i32 = 1;

// The payload is JSON and not JSONB, which refuses `\u0000`, changes numbers, and costs more to write.
// Every change of a state moves a job from one partial index to another, so each is as small as the jobs in that state.
const FIRST: &str = "
CREATE TABLE {}meta (
    version INTEGER NOT NULL,
    migrated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE {}meta IS 'misc-queue: the version of these tables';
INSERT INTO {}meta (version) VALUES (0);

CREATE TABLE {}jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('scheduled', 'available', 'running', 'retryable', 'completed', 'cancelled', 'dead')),
    priority SMALLINT NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER,
    crashes INTEGER NOT NULL DEFAULT 0,
    pushed_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    session BIGINT,
    cancel BOOLEAN NOT NULL DEFAULT false,
    unique_key TEXT,
    unique_release TEXT CHECK (unique_release IN ('done', 'started', 'period')),
    unique_until TIMESTAMPTZ,
    reason TEXT,
    error TEXT,
    trace TEXT,
    payload JSON NOT NULL,
    CHECK ((state = 'running') = (session IS NOT NULL))
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
COMMENT ON TABLE {}jobs IS 'misc-queue: one row for each job, until it was kept long enough after its end';
COMMENT ON COLUMN {}jobs.queue IS 'the kind of the payload, and so which workers take it';
COMMENT ON COLUMN {}jobs.state IS
    'scheduled -> available -> running -> completed | retryable (-> available) | cancelled | dead';
COMMENT ON COLUMN {}jobs.priority IS 'higher goes first, then the smaller id';
COMMENT ON COLUMN {}jobs.attempt IS 'how many attempts were begun and counted';
COMMENT ON COLUMN {}jobs.attempts IS 'how many there may be; null: as the worker says';
COMMENT ON COLUMN {}jobs.crashes IS 'how often a process has died with it; at the third time it is dead';
COMMENT ON COLUMN {}jobs.expires_at IS 'after that it is not begun for the first time';
COMMENT ON COLUMN {}jobs.session IS 'which process has it while it is running';
COMMENT ON COLUMN {}jobs.cancel IS 'the process that has it shall cancel it';
COMMENT ON COLUMN {}jobs.unique_key IS 'what no other row may have: <queue>/<key> or */<key>; null when it is given up';
COMMENT ON COLUMN {}jobs.unique_release IS 'when the key is given up: at the end, at the first start, or at unique_until';
COMMENT ON COLUMN {}jobs.reason IS 'why it is dead or cancelled';
COMMENT ON COLUMN {}jobs.error IS 'what the last attempt failed with';
COMMENT ON COLUMN {}jobs.trace IS 'the traceparent of whoever pushed it';

CREATE INDEX {}jobs_available ON {}jobs (queue, priority DESC, id) INCLUDE (due_at)
    WHERE state = 'available' AND crashes = 0;
CREATE INDEX {}jobs_suspect ON {}jobs (queue, priority DESC, id) INCLUDE (due_at)
    WHERE state = 'available' AND crashes > 0;
CREATE INDEX {}jobs_waiting ON {}jobs (queue, due_at) WHERE state IN ('scheduled', 'retryable');
CREATE INDEX {}jobs_running ON {}jobs (session) WHERE state = 'running';
CREATE INDEX {}jobs_finished ON {}jobs (state, finished_at)
    WHERE state IN ('completed', 'cancelled', 'dead') AND unique_until IS NULL;
CREATE INDEX {}jobs_dead ON {}jobs (id) WHERE state = 'dead';
CREATE UNIQUE INDEX {}jobs_unique ON {}jobs (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX {}jobs_held ON {}jobs (unique_until) WHERE unique_until IS NOT NULL;
CREATE INDEX {}jobs_expiry ON {}jobs (expires_at)
    WHERE expires_at IS NOT NULL AND attempt = 0 AND state IN ('scheduled', 'available', 'retryable');

CREATE TABLE {}sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entered_at TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
COMMENT ON TABLE {}sessions IS 'misc-queue: one row for each process that works; it has its jobs until then, unless it says more';

CREATE TABLE {}queues (
    name TEXT PRIMARY KEY,
    paused BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE {}queues IS 'misc-queue: queues that are, or were, paused';

CREATE TABLE {}claims (
    key TEXT PRIMARY KEY,
    until TIMESTAMPTZ NOT NULL
);
CREATE INDEX {}claims_until ON {}claims (until);
COMMENT ON TABLE {}claims IS 'misc-queue: who has claimed a key (as the firing of a schedule) has it until then';

CREATE TABLE {}values (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE {}values IS 'misc-queue: what is remembered over restarts';
";

/// Makes the tables, or brings them up to date; of several programs that start together, one does.
pub(super) async fn migrate(connection: &mut PgConnection, tables: &Tables) -> Result<Result<(), Error>, Failed> {
    if version(connection, tables).await? == Some(VERSION) {
        return Ok(Ok(()));
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('misc-queue/' || current_schema() || '/' || $1, 0))")
        .bind(tables.prefix())
        .execute(&mut *transaction)
        .await?;
    // Another one may have done it meanwhile.
    let found = version(&mut transaction, tables).await?.unwrap_or(0);
    if found > VERSION {
        return Ok(Err(Error::refused(format!(
            "the tables `{}*` are of version {found}, and this program knows {VERSION}: run a newer one",
            tables.prefix()
        ))));
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(AssertSqlSafe(tables.sql(migration))).execute(&mut *transaction).await?;
    }
    let done = sqlx::query(AssertSqlSafe(tables.sql("UPDATE {}meta SET version = $1, migrated_at = now()")));
    done.bind(VERSION).execute(&mut *transaction).await?;
    transaction.commit().await.map_err(Failed::at_commit)?;
    Ok(Ok(()))
}

/// Returns what version the tables are of, if there are any.
async fn version(connection: &mut PgConnection, tables: &Tables) -> Result<Option<i32>, sqlx::Error> {
    // A lookup by name alone may still know that there was none when the transaction began.
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = $1 AND pg_table_is_visible(oid))";
    let there = sqlx::query(there);
    let there: bool = there.bind(tables.sql("{}meta")).fetch_one(&mut *connection).await?.try_get(0)?;
    if !there {
        return Ok(None);
    }
    let version = sqlx::query(AssertSqlSafe(tables.sql("SELECT version FROM {}meta"))).fetch_one(connection).await?;
    version.try_get(0).map(Some)
}
