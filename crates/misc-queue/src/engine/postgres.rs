//! Jobs in PostgreSQL, for processes of several hosts.
//!
//! Its clock is the clock of the store, and its notifications wake workers. A call is one statement wherever that can
//! be, which commits by itself: then there is one round trip, and no lock is held over a second one.

mod failed;
mod ledger;
mod operate;
mod push;
mod schema;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod transaction;
mod turn;
mod watch;

use std::{
    fmt,
    future::Future,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool, Postgres as Driver,
    postgres::{PgArguments, PgConnectOptions, PgConnection, PgPoolOptions},
    query::Query,
};
use tokio::time::timeout;

pub(crate) use self::transaction::{push_on, push_on_any};
use self::{
    failed::{Asked, Failed},
    ledger::Ledger,
    operate::Operating,
    push::{Columns, Pushing},
    session::Sessions,
    turn::Turning,
};
use super::{Claim, Claimed, Ended, Engine, NewJob, Session, Swept, Turned, Wake, tables::Tables};
use crate::{
    config::{Config, Keep},
    error::{Error, Kind},
    options::Pushed,
    status::{JobId, JobStatus, QueueStatus, Selection},
};

/// What else the server has to answer for, before nobody listens any more.
const GRACE: Duration = Duration::from_millis(500);
/// For how long a connection is taken to be alive after its last use.
const FRESH: Duration = Duration::from_millis(500);
/// How many connections are there before they are asked for: what is pushed, what is claimed, and a beat need one at once.
const READY: u32 = 3;

/// How long a store waits for them when it is opened.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// A statement, with the names of the tables in it.
type Sql = Arc<str>;

/// A store in PostgreSQL.
pub(crate) struct Postgres {
    pool: PgPool,
    options: PgConnectOptions,
    channel: String,
    /// Where it is, as far as that may be shown.
    place: String,
    timeout: Duration,
    pushing: Arc<Pushing>,
    turning: Arc<Turning>,
    sessions: Sessions,
    operating: Operating,
    ledger: Ledger,
}

impl Postgres {
    /// Connects, and makes the tables or brings them up to date.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        const OPEN: Asked = Asked::read("open the store");
        let tables = Tables::new(&config.prefix)?;
        let place = config.url.to_string();
        let options = options(config)?;
        // By itself, as a pool would try until the time is up and not say why it failed.
        let opened = within(OPEN, config.timeout + GRACE, async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let migrated = schema::migrate(&mut connection, &tables).await?;
            connection.close().await?;
            Ok(migrated)
        });
        opened.await.map_err(|failed| failed.into_error(OPEN, &place))??;
        let pushing = Arc::new(Pushing::new(&tables));
        let turning = Arc::new(Turning::new(&tables, &config.keep));
        let pool = pool(config, options.clone(), Arc::clone(&pushing), Arc::clone(&turning));
        // Those that do not come up in time are made when they are needed.
        let ready = join_all((0..READY.min(config.connections.get())).map(|_| pool.acquire()));
        timeout(READY_WITHIN, ready).await.ok();
        Ok(Self {
            pool,
            options,
            channel: tables.prefix().to_owned(),
            place,
            timeout: config.timeout,
            pushing,
            turning,
            sessions: Sessions::new(&tables),
            operating: Operating::new(&tables),
            ledger: Ledger::new(&tables),
        })
    }

    /// Does something on a connection, which is used again unless it was lost by that.
    async fn ask<T>(
        &self,
        asked: Asked,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        let connection = self.pool.acquire().await;
        let mut connection = connection.map_err(|error| Failed::from(error).into_error(asked, &self.place))?;
        let done = within(asked, self.timeout + GRACE, work(&mut connection)).await;
        done.map_err(|failed| {
            if failed.is_useless() {
                connection.close_on_drop();
            }
            failed.into_error(asked, &self.place)
        })
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // How to connect has a password in it.
        f.debug_struct("Postgres").field("place", &self.place).field("pool", &self.pool).finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for Postgres {
    fn system(&self) -> &'static str {
        "postgresql"
    }

    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        const PUSH: Asked = Asked::change("push jobs");
        let jobs = Columns::new(jobs)?;
        self.ask(PUSH, async |connection| self.pushing.push(connection, &jobs).await).await
    }

    async fn enter(&self, lease: Duration) -> Result<Session, Error> {
        const ENTER: Asked = Asked::change("begin a session");
        self.ask(ENTER, async |connection| self.sessions.enter(connection, lease).await).await
    }

    async fn beat(&self, session: Session, lease: Duration) -> Result<Option<Vec<JobId>>, Error> {
        const BEAT: Asked = Asked::change("keep a session");
        self.ask(BEAT, async |connection| self.sessions.beat(connection, session, lease).await).await
    }

    async fn leave(&self, session: Session) -> Result<(), Error> {
        const LEAVE: Asked = Asked::change("end a session");
        self.ask(LEAVE, async |connection| self.sessions.leave(connection, session).await).await
    }

    async fn turn(&self, session: Session, ended: &[Ended], claim: Option<&Claim>) -> Result<Turned, Error> {
        const TURN: Asked = Asked::change("end and claim jobs");
        let turn = async |connection: &mut PgConnection| self.turning.turn(connection, session, ended, claim).await;
        self.ask(TURN, turn).await
    }

    async fn held(&self, session: Session, queue: &str) -> Result<Vec<Claimed>, Error> {
        const HELD: Asked = Asked::read("name the running jobs");
        self.ask(HELD, async |connection| self.turning.held(connection, session, queue).await).await
    }

    async fn sweep(&self, keep: &Keep) -> Result<Swept, Error> {
        const SWEEP: Asked = Asked::change("sweep jobs");
        self.ask(SWEEP, async |connection| self.sessions.sweep(connection, keep).await).await
    }

    async fn job(&self, id: JobId) -> Result<Option<JobStatus>, Error> {
        const JOB: Asked = Asked::read("show a job");
        self.ask(JOB, async |connection| self.operating.job(connection, id).await).await
    }

    async fn list(&self, selection: &Selection) -> Result<Vec<JobStatus>, Error> {
        const LIST: Asked = Asked::read("list jobs");
        self.ask(LIST, async |connection| self.operating.list(connection, selection).await).await
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, Error> {
        const QUEUES: Asked = Asked::read("count jobs");
        self.ask(QUEUES, async |connection| self.operating.queues(connection).await).await
    }

    async fn retry(&self, selection: &Selection) -> Result<u64, Error> {
        const RETRY: Asked = Asked::change("retry jobs");
        self.ask(RETRY, async |connection| self.operating.retry(connection, selection).await).await
    }

    async fn cancel(&self, selection: &Selection) -> Result<u64, Error> {
        const CANCEL: Asked = Asked::change("cancel jobs");
        self.ask(CANCEL, async |connection| self.operating.cancel(connection, selection).await).await
    }

    async fn purge(&self, selection: &Selection) -> Result<u64, Error> {
        const PURGE: Asked = Asked::change("delete jobs");
        self.ask(PURGE, async |connection| self.operating.purge(connection, selection).await).await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<bool, Error> {
        const PAUSE: Asked = Asked::change("pause a queue or let it go on");
        self.ask(PAUSE, async |connection| self.operating.pause(connection, queue, paused).await).await
    }

    async fn claim_key(&self, key: &str, until: SystemTime) -> Result<bool, Error> {
        const CLAIM: Asked = Asked::change("claim a key");
        self.ask(CLAIM, async |connection| self.ledger.claim(connection, key, until).await).await
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), Error> {
        const REMEMBER: Asked = Asked::change("remember a value");
        self.ask(REMEMBER, async |connection| self.ledger.remember(connection, key, value).await).await
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, Error> {
        const RECALL: Asked = Asked::read("recall a value");
        self.ask(RECALL, async |connection| self.ledger.recall(connection, key).await).await
    }

    async fn ping(&self) -> Result<(), Error> {
        const PING: Asked = Asked::read("answer");
        self.ask(PING, async |connection| Ok(connection.ping().await?)).await
    }

    async fn watch(&self, wake: &dyn Wake) {
        watch::watch(&self.options, &self.channel, self.timeout, &self.place, wake).await;
    }

    async fn close(&self) {
        // Connections on which something is still done are closed by the runtime, then.
        timeout(self.timeout, self.pool.close()).await.unwrap_or_default();
    }
}

/// Waits no longer than that.
async fn within<T>(asked: Asked, limit: Duration, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(asked.late()))
}

/// Reads the URL, and says how the server shall run our statements: all of them find rows by an index, in a plan that is
/// made once, so that it does not matter what is known of a table that may have been empty a second ago.
fn options(config: &Config) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(config.url.expose()).map_err(|error| {
        // What is wrong with it is said without the text of it.
        Error::new(Kind::Refused, format!("{} is no URL of a database in PostgreSQL", config.url)).with_source(error)
    })?;
    let timeout = config.timeout.as_millis().clamp(1, i32::MAX as u128).to_string();
    let settings = [
        ("statement_timeout", &*timeout),
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
    ];
    Ok(options.options(settings).application_name("misc-queue").disable_statement_logging())
}

fn pool(config: &Config, options: PgConnectOptions, pushing: Arc<Pushing>, turning: Arc<Turning>) -> PgPool {
    PgPoolOptions::new()
        .max_connections(config.connections.get())
        .acquire_timeout(config.timeout)
        // A service that is idle is not to be late when it is asked.
        .idle_timeout(None)
        .max_lifetime(None)
        // A round trip, which is only of use where the server may have closed it meanwhile.
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for < FRESH {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            let (pushing, turning) = (Arc::clone(&pushing), Arc::clone(&turning));
            Box::pin(async move { rehearse(connection, &pushing, &turning).await })
        })
        .connect_lazy_with(options)
}

/// Does what comes most often, with nothing to do, so that its plans are made when somebody waits for it. Where that is
/// not to be had soon, as a table is locked, it is not had.
async fn rehearse(connection: &mut PgConnection, pushing: &Pushing, turning: &Turning) -> Result<(), sqlx::Error> {
    const BEGIN: &str = "BEGIN; SET LOCAL application_name = 'misc-queue rehearsal'; SET LOCAL statement_timeout = 200";
    connection.execute(BEGIN).await?;
    if pushing.rehearse(connection).await.is_ok() {
        turning.rehearse(connection).await.ok();
    }
    connection.execute("ROLLBACK").await?;
    Ok(())
}

/// Prepares a statement, once for each connection.
fn query(sql: &Sql) -> Query<'static, Driver, PgArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}
