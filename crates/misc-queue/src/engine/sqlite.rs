//! Jobs in a file, by SQLite: for the processes of one host.
//!
//! One connection writes and two read, so that who counts or lists does not hold up who works. Other processes, and pools
//! of the service itself, may write to the same file: each transaction takes the lock for writing when it begins, and waits
//! for it. Whoever reads the tables by hand finds what they mean in [`schema`].

mod connection;
mod ledger;
mod operate;
mod push;
mod schema;
mod session;
mod sweep;
#[cfg(test)]
mod tests;
mod turn;
mod watch;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Sqlite as Database,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

pub(crate) use self::push::{not_pushed, push_on};
use self::{
    connection::Connection, ledger::LedgerSql, operate::Operate, push::PushSql, session::SessionSql, sweep::SweepSql,
    turn::TurnSql,
};
use super::{Claim, Claimed, Ended, Engine, NewJob, Session, Swept, Turned, Wake, tables::Tables};
use crate::{
    clock::Clock,
    config::{Config, Keep},
    error::{Error, Kind},
    options::Pushed,
    status::{JobId, JobStatus, QueueStatus, Selection},
};

/// How much of the file a connection keeps in memory, in KiB: what turns need, and no more, for nearly every commit walks
/// over all of it (`SQLite` gives pages numbers beyond the end of the file for a moment when it balances a tree).
const CACHE: i64 = 4 * 1024;

/// How long it is waited for a lock at most: SQLite takes no more than days.
const LOCKED: Duration = Duration::from_secs(3600);

/// How many rows the thread of a connection may be ahead of who reads them: all of a usual claim.
const ROWS: usize = 256;

/// Keeps jobs in a file.
pub(crate) struct Sqlite {
    clock: Clock,
    writer: Connection,
    /// Answers what is soon answered.
    reader: Connection,
    /// Lists and counts, which may take long.
    counter: Connection,
    push: PushSql,
    turn: TurnSql,
    sessions: SessionSql,
    sweep: SweepSql,
    operate: Operate,
    ledger: LedgerSql,
}

impl Sqlite {
    /// Opens the file, which is made if it is missing, with its directory and the tables in it.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        let tables = Tables::new(&config.prefix)?;
        let file = file(config)?;
        make_directory(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            .busy_timeout(config.timeout.min(LOCKED))
            .pragma("temp_store", "memory")
            .pragma("cache_size", format!("-{CACHE}"))
            .row_buffer_size(ROWS)
            .thread_name(|_| "misc-queue-sqlite".to_owned())
            .disable_statement_logging();
        let reading = options.clone().create_if_missing(false).pragma("query_only", "on");
        let writer = Connection::new(options, &file, config.timeout);
        schema::migrate(&writer, &tables).await?;
        let engine = Self {
            clock: Clock::new(),
            writer,
            reader: Connection::new(reading.clone(), &file, config.timeout),
            counter: Connection::new(reading, &file, config.timeout),
            push: PushSql::new(&tables),
            turn: TurnSql::new(&tables, &config.keep),
            sessions: SessionSql::new(&tables),
            sweep: SweepSql::new(&tables),
            operate: Operate::new(&tables, &config.keep),
            ledger: LedgerSql::new(&tables),
        };
        // A connection that stays keeps the log beside the file, also while another one is opened again.
        engine.reader.get().await?.done();
        Ok(engine)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("file", &self.writer.file()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for Sqlite {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let mut transaction = self.writer.begin().await?;
        let pushed = self.push.push(&mut transaction, self.clock.micros(), jobs).await;
        let pushed = transaction.check(pushed)?;
        transaction.commit().await?;
        Ok(pushed)
    }

    async fn enter(&self, lease: Duration) -> Result<Session, Error> {
        self.sessions.enter(&self.writer, &self.clock, lease).await
    }

    async fn beat(&self, session: Session, lease: Duration) -> Result<Option<Vec<JobId>>, Error> {
        self.sessions.beat(&self.writer, &self.clock, session, lease).await
    }

    async fn leave(&self, session: Session) -> Result<(), Error> {
        self.sessions.leave(&self.writer, &self.clock, session).await
    }

    async fn turn(&self, session: Session, ended: &[Ended], claim: Option<&Claim>) -> Result<Turned, Error> {
        self.turn.turn(&self.writer, &self.clock, session, ended, claim).await
    }

    async fn held(&self, session: Session, queue: &str) -> Result<Vec<Claimed>, Error> {
        self.turn.held(&self.writer, session, queue).await
    }

    async fn sweep(&self, keep: &Keep) -> Result<Swept, Error> {
        self.sweep.sweep(&self.writer, &self.clock, keep).await
    }

    async fn job(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        self.operate.job(&self.reader, id).await
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<JobStatus>, Error> {
        self.operate.list(&self.counter, selection).await
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, Error> {
        self.operate.queues(&self.counter, &self.clock).await
    }

    async fn retry(&self, selection: &Selection) -> Result<u64, Error> {
        self.operate.retry(&self.writer, &self.clock, selection).await
    }

    async fn cancel(&self, selection: &Selection) -> Result<u64, Error> {
        self.operate.cancel(&self.writer, &self.clock, selection).await
    }

    async fn purge(&self, selection: &Selection) -> Result<u64, Error> {
        self.operate.purge(&self.writer, &self.clock, selection).await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<bool, Error> {
        self.operate.pause(&self.writer, queue, paused).await
    }

    async fn claim_key(&self, key: &str, until: SystemTime) -> Result<bool, Error> {
        self.ledger.claim(&self.writer, &self.clock, key, until).await
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), Error> {
        self.ledger.remember(&self.writer, key, value).await
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, Error> {
        self.ledger.recall(&self.reader, key).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.ledger.recall(&self.reader, "").await.map(drop)
    }

    async fn watch(&self, wake: &dyn Wake) {
        watch::watch(&self.writer, wake).await;
    }

    async fn close(&self) {
        self.reader.close().await;
        self.counter.close().await;
        // The last one to go puts the log into the file.
        self.writer.close().await;
    }
}

/// Returns the file of a URL such as `sqlite://queue.db`.
fn file(config: &Config) -> Result<PathBuf, Error> {
    let refused = |why: &str| Error::refused(format!("`{}` {why}", config.url));
    let options = SqliteConnectOptions::from_str(config.url.expose())
        .map_err(|error| refused("is no URL of a file for SQLite, such as `sqlite://queue.db`").with_source(error))?;
    let file = options.get_filename();
    let is_in_memory = config.url.expose().contains(":memory:") || config.url.expose().contains("mode=memory");
    if is_in_memory || file.as_os_str().is_empty() {
        return Err(refused("names no file: `memory://` keeps jobs in memory, `sqlite://queue.db` in a file"));
    }
    Ok(file.to_owned())
}

fn make_directory(file: &Path) -> Result<(), Error> {
    let Some(directory) = file.parent() else { return Ok(()) };
    fs::create_dir_all(directory).map_err(|error| {
        let (directory, file) = (directory.display(), file.display());
        let message = format!("the directory {directory} cannot be made, in which {file} is to be");
        Error::new(Kind::Unavailable, message).with_source(error)
    })
}
