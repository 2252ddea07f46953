//! The tables, and how they came to be.

use sqlx::Row;

use super::connection::{Connection, Sql};
use crate::{engine::tables::Tables, error::Error};

/// What leads from each version of the tables to the next; what is here once is never changed.
const STEPS: [&str; 1] = [FIRST];

const META: &str = "
CREATE TABLE IF NOT EXISTS {}meta (
    -- `schema`: the version of these tables.
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID";

/// The statements that go on with others, too, have the conditions of these indexes word by word: else SQLite does not use
/// them. Each of the indexes has as few jobs in it as can be, so that a job costs the same however many there are.
const FIRST: &str = "
CREATE TABLE {}jobs (
    -- Times are microseconds since 1970, UTC: datetime(pushed_at / 1e6, 'unixepoch') shows one.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The kind of job.
    queue        TEXT NOT NULL,
    -- scheduled, available, running, retryable, completed, cancelled, dead
    state        TEXT NOT NULL,
    -- Higher goes first.
    priority     INTEGER NOT NULL,
    -- How often it was begun, as far as that counts; and how often it may be, if it was pushed with a number.
    attempt      INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER,
    -- How often a process has died with it.
    crashes      INTEGER NOT NULL DEFAULT 0,
    pushed_at    INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    -- When the last attempt was begun.
    started_at   INTEGER,
    -- When it was completed, cancelled, or given up.
    finished_at  INTEGER,
    -- If it was not begun by then, it is not begun.
    expires_at   INTEGER,
    -- Who runs it, or was the last to do so.
    session      INTEGER,
    -- 1 if it shall be cancelled while it runs.
    cancel       INTEGER NOT NULL DEFAULT 0,
    -- What no other job may have; NULL once it is given up.
    unique_key   TEXT,
    -- When that is: NULL when the job is over, 0 when it is begun, else at that time.
    unique_until INTEGER,
    -- Why it is cancelled or dead: exhausted, discarded, payload, poison, cancelled, expired
    reason       TEXT,
    -- What the last attempt failed with.
    error        TEXT,
    -- The traceparent of who pushed it.
    trace        TEXT,
    -- What it is about: JSON.
    payload      TEXT NOT NULL
) STRICT;

-- What can be begun, in the order of claims: the id is the last part of every index.
CREATE INDEX {}jobs_available ON {}jobs (queue, priority DESC) WHERE state = 'available' AND crashes = 0;
-- The same for what was in a process when that died.
CREATE INDEX {}jobs_suspect ON {}jobs (queue, priority DESC) WHERE state = 'available' AND crashes > 0;
-- What waits for its time.
CREATE INDEX {}jobs_waiting ON {}jobs (queue, due_at) WHERE state IN ('scheduled', 'retryable');
CREATE INDEX {}jobs_running ON {}jobs (session) WHERE state = 'running';
-- What shall be cancelled while it runs.
CREATE INDEX {}jobs_cancel ON {}jobs (cancel) WHERE cancel = 1;
-- What can expire.
CREATE INDEX {}jobs_expiring ON {}jobs (expires_at)
    WHERE expires_at IS NOT NULL AND attempt = 0 AND state IN ('scheduled', 'available');
CREATE UNIQUE INDEX {}jobs_unique ON {}jobs (unique_key) WHERE unique_key IS NOT NULL;
-- What is over, by when it may be deleted.
CREATE INDEX {}jobs_finished ON {}jobs (state, finished_at) WHERE finished_at IS NOT NULL AND unique_key IS NULL;
-- What is over and still has its key.
CREATE INDEX {}jobs_keeping ON {}jobs (unique_until) WHERE finished_at IS NOT NULL AND unique_key IS NOT NULL;
CREATE INDEX {}jobs_dead ON {}jobs (queue) WHERE state = 'dead';

-- The processes that work. One whose time is over is taken to be dead.
CREATE TABLE {}sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    pid        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- The queues of which no job is begun.
CREATE TABLE {}paused (
    queue TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Keys that somebody has until a time, such as one firing of a schedule.
CREATE TABLE {}claims (
    key   TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX {}claims_until ON {}claims (until);

-- What is remembered, such as when a schedule fired last.
CREATE TABLE {}memory (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Makes the tables, or brings them to the present version: one process does, and the others find it done.
pub(super) async fn migrate(writer: &Connection, tables: &Tables) -> Result<(), Error> {
    let mut transaction = writer.begin().await?;
    transaction.execute(Sql::new(tables, META).query()).await?;
    let version = Sql::new(tables, "SELECT CAST(value AS INTEGER) FROM {}meta WHERE key = 'schema'").query();
    let version = transaction.row(version).await?;
    let version: i64 = transaction.check(version.map_or(Ok(0), |row| row.try_get(0)))?;
    let done = usize::try_from(version).unwrap_or_default();
    let Some(steps) = STEPS.get(done..) else {
        return Err(Error::refused(format!(
            "the tables `{}*` in {} are of version {version}, and this program knows them up to {}: it needs to be newer",
            tables.prefix(),
            writer.file().display(),
            STEPS.len(),
        )));
    };
    for step in steps {
        transaction.execute(Sql::new(tables, step).query()).await?;
    }
    if !steps.is_empty() {
        let version = Sql::new(
            tables,
            "INSERT INTO {}meta (key, value) VALUES ('schema', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        );
        transaction.execute(version.query().bind(STEPS.len().to_string())).await?;
    }
    transaction.commit().await
}
