//! Connections to the file, and what is said of their failures.

use std::{
    mem,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

use crate::{
    engine::tables::Tables,
    error::{Error, Kind},
};

/// How long it is until the next attempt to open a file that others are about to set up.
const PAUSE: Duration = Duration::from_millis(10);

/// A statement, with the names of the tables in it.
#[derive(Debug, Clone)]
pub(super) struct Sql(Arc<str>);

impl Sql {
    pub(super) fn new(tables: &Tables, statement: &str) -> Self {
        Self(tables.sql(statement).into())
    }

    /// Returns it to be run, once its values are bound.
    pub(super) fn query(&self) -> Query<'static, Sqlite, SqliteArguments> {
        sqlx::query(AssertSqlSafe(Arc::clone(&self.0)))
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// A connection that one uses at a time, in the order in which they ask for it.
///
/// Whoever has it gives it back when all went well. If that does not happen, as something failed or the future was dropped,
/// the next one waits for the end of what it still does, such as a commit, and opens another one: closing the old one takes
/// back what was not committed.
pub(super) struct Connection {
    options: SqliteConnectOptions,
    file: PathBuf,
    timeout: Duration,
    turn: Semaphore,
    idle: Mutex<Idle>,
}

/// A connection that nobody uses.
#[derive(Default)]
struct Idle {
    connection: Option<SqliteConnection>,
    /// Whether it may be in the midst of something.
    is_broken: bool,
}

impl Connection {
    /// Opens nothing yet.
    pub(super) fn new(options: SqliteConnectOptions, file: &Path, timeout: Duration) -> Self {
        Self { options, file: file.to_owned(), timeout, turn: Semaphore::new(1), idle: Mutex::default() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Waits for the connection, and opens it if it is not.
    pub(super) async fn get(&self) -> Result<Held<'_>, Error> {
        let turn = self.turn.acquire().await.map_err(|_| closed())?;
        let Idle { connection, is_broken } = mem::take(&mut *self.idle());
        // It is given back even if this is dropped meanwhile.
        let mut held = Held { connection, home: self, _turn: turn };
        if let Some(connection) = held.connection.as_mut().filter(|_| is_broken) {
            drop(connection.ping().await);
            held.connection = None;
        }
        if held.connection.is_none() {
            held.connection = Some(self.connect().await?);
        }
        Ok(held)
    }

    /// Begins a transaction that writes: no other one is between it and its end.
    pub(super) async fn begin(&self) -> Result<Held<'_>, Error> {
        let mut held = self.get().await?;
        held.execute(sqlx::query("BEGIN IMMEDIATE")).await?;
        Ok(held)
    }

    /// Closes it, once it is not used any more.
    pub(super) async fn close(&self) {
        let Ok(turn) = self.turn.acquire().await else { return };
        self.turn.close();
        let Idle { connection, .. } = mem::take(&mut *self.idle());
        drop(turn);
        if let Some(connection) = connection {
            drop(connection.close().await.inspect_err(|error| tracing::debug!("{}: {error}", self.file.display())));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file. Among those who make it at the same time, SQLite says to some that it is locked without waiting.
    async fn connect(&self) -> Result<SqliteConnection, Error> {
        let started = Instant::now();
        loop {
            match self.options.connect().await {
                Ok(connection) => return Ok(connection),
                Err(error) if is_busy(&error) && started.elapsed() < self.timeout => sleep(PAUSE).await,
                Err(error) => return Err(self.fault(error)),
            }
        }
    }

    /// Says what has failed, before anything has changed.
    pub(super) fn fault(&self, error: sqlx::Error) -> Error {
        fault(&self.file, kind(&error), error)
    }
}

/// A connection in use.
pub(super) struct Held<'a> {
    /// It is there, except while it is opened and when it was given back.
    connection: Option<SqliteConnection>,
    home: &'a Connection,
    _turn: SemaphorePermit<'a>,
}

impl Held<'_> {
    /// Runs a statement; returns how many rows it has changed.
    pub(super) async fn execute(&mut self, query: Query<'static, Sqlite, SqliteArguments>) -> Result<u64, Error> {
        let done = query.execute(&mut **self).await;
        self.check(done.map(|done| done.rows_affected()))
    }

    /// Runs a statement; returns what it returns.
    pub(super) async fn rows(
        &mut self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Vec<SqliteRow>, Error> {
        let rows = query.fetch_all(&mut **self).await;
        self.check(rows)
    }

    /// Runs a statement; returns the first row that it returns.
    pub(super) async fn row(
        &mut self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, Error> {
        let row = query.fetch_optional(&mut **self).await;
        self.check(row)
    }

    /// Says of a failure what it means.
    pub(super) fn check<T>(&self, result: sqlx::Result<T>) -> Result<T, Error> {
        result.map_err(|error| self.home.fault(error))
    }

    /// Makes the transaction durable.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let committed = sqlx::query("COMMIT").execute(&mut *self).await;
        committed.map_err(|error| fault(&self.home.file, Kind::Uncertain, error))?;
        self.done();
        Ok(())
    }

    /// Gives the connection back: it is in the midst of nothing.
    pub(super) fn done(mut self) {
        *self.home.idle() = Idle { connection: self.connection.take(), is_broken: false };
    }
}

/// What was not given back may be in the midst of something.
impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            *self.home.idle() = Idle { connection: Some(connection), is_broken: true };
        }
    }
}

impl Deref for Held<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("it is there until it is given back")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("it is there until it is given back")
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the store is closed")
}

/// Says what has failed with a file.
pub(super) fn fault(file: &Path, kind: Kind, error: sqlx::Error) -> Error {
    let what = match code(&error) {
        Some(5 | 6) => "is locked by others for longer than it may take",
        Some(8) => "cannot be written: it is read-only",
        Some(10) => "cannot be read or written: its disk fails",
        Some(11 | 26) => "is damaged, or is no database of SQLite",
        Some(13) => "cannot be written: its disk is full",
        Some(14) => "cannot be opened: see that its directory is there, and that both may be written",
        Some(18..=20) => "does not take that",
        _ => "cannot be used",
    };
    Error::new(kind, format!("{} {what}", file.display())).with_source(error)
}

/// Returns whether the same fails again: a statement (1), a value that is too long, breaks a rule of the table or is of
/// another type (18 to 20).
pub(super) fn kind(error: &sqlx::Error) -> Kind {
    match code(error) {
        Some(1 | 18..=20) => Kind::Refused,
        _ => Kind::Unavailable,
    }
}

/// Whether another connection has a lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(5 | 6))
}

/// Returns the number of what has failed (<https://sqlite.org/rescode.html>), without what it says more precisely.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
