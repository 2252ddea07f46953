//! The least that can be done: batches in a table, or a channel.

use std::{any::Any, sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::ConnectOptions as _;
use sqlx::{
    Connection as _, PgConnection, Row as _, SqliteConnection,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, Semaphore, mpsc},
    time::sleep,
};

use super::{CONCURRENCY, Log, Order, Site, Subject, subject::Working};
use crate::Error;

/// How many jobs share a transaction.
const BATCH: i64 = 500;
/// How long it is until it is looked again for jobs, if there are none.
const PAUSE: Duration = Duration::from_millis(1);

/// A channel, and a task for each job.
pub(super) struct Memory {
    sender: mpsc::Sender<Order>,
    receiver: std::sync::Mutex<Option<mpsc::Receiver<Order>>>,
}

impl Memory {
    pub(super) fn new(room: usize) -> Self {
        let (sender, receiver) = mpsc::channel(room);
        Self { sender, receiver: std::sync::Mutex::new(Some(receiver)) }
    }
}

#[async_trait]
impl Subject for Memory {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        for order in orders {
            self.sender.send(order).await?;
        }
        Ok(())
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        Ok(self.sender.send(order).await?)
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let receiver = self.receiver.lock().map_err(|_| "another worker has panicked")?.take();
        let mut receiver = receiver.ok_or("there is a worker already")?;
        let (log, room) = (Arc::clone(log), Arc::new(Semaphore::new(CONCURRENCY)));
        let work = async move {
            while let Some(order) = receiver.recv().await {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let log = Arc::clone(&log);
                Handle::current().spawn(async move {
                    log.begin();
                    drop((order, permit));
                });
            }
        };
        Ok(Box::new(Working(Handle::current().spawn(work))))
    }
}

/// A table in a file, with one connection for pushes and one for work.
pub(super) struct Sqlite {
    options: SqliteConnectOptions,
    pusher: Mutex<SqliteConnection>,
}

impl Sqlite {
    pub(super) async fn open(site: &Site) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(site.file())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut pusher = options.connect().await?;
        sqlx::raw_sql(
            "CREATE TABLE jobs (id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL) STRICT;
             CREATE INDEX available ON jobs (id) WHERE state = 0",
        )
        .execute(&mut pusher)
        .await?;
        Ok(Self { options, pusher: Mutex::new(pusher) })
    }
}

#[async_trait]
impl Subject for Sqlite {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        let mut pusher = self.pusher.lock().await;
        let mut transaction = pusher.begin().await?;
        for order in orders {
            let insert = sqlx::query("INSERT INTO jobs (payload) VALUES (?1)").bind(serde_json::to_string(&order)?);
            insert.execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        self.fill(vec![order]).await
    }

    async fn push_together(&self, orders: Vec<Order>) -> Result<(), Error> {
        self.fill(orders).await
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let (mut connection, log) = (self.options.connect().await?, Arc::clone(log));
        let work = async move {
            while let Ok(count) = sqlite_batch(&mut connection, &log).await {
                if count == 0 {
                    sleep(PAUSE).await;
                }
            }
        };
        Ok(Box::new(Working(Handle::current().spawn(work))))
    }
}

async fn sqlite_batch(connection: &mut SqliteConnection, log: &Log) -> Result<usize, Error> {
    let claim = "UPDATE jobs SET state = 1 WHERE id IN (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT ?1)
        RETURNING id, payload";
    let rows = sqlx::query(claim).bind(BATCH).fetch_all(&mut *connection).await?;
    let done = rows.iter().map(|row: &SqliteRow| run(row.try_get(0)?, row.try_get(1)?, log));
    let ids = serde_json::to_string(&done.collect::<Result<Vec<_>, Error>>()?)?;
    if !rows.is_empty() {
        let end = "UPDATE jobs SET state = 2 WHERE id IN (SELECT value FROM json_each(?1))";
        sqlx::query(end).bind(ids).execute(connection).await?;
    }
    Ok(rows.len())
}

/// A table in a server.
pub(super) struct Postgres {
    url: String,
    pusher: Mutex<PgConnection>,
}

impl Postgres {
    pub(super) async fn open(site: &Site) -> Result<Self, Error> {
        let url = site.url();
        let mut pusher = PgConnection::connect(&url).await?;
        sqlx::raw_sql(
            "DROP TABLE IF EXISTS jobs;
             CREATE TABLE jobs (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state SMALLINT NOT NULL DEFAULT 0,
                payload TEXT NOT NULL) WITH (fillfactor = 70);
             CREATE INDEX available ON jobs (id) WHERE state = 0",
        )
        .execute(&mut pusher)
        .await?;
        Ok(Self { url, pusher: Mutex::new(pusher) })
    }
}

#[async_trait]
impl Subject for Postgres {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        let payloads = orders.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let insert = sqlx::query("INSERT INTO jobs (payload) SELECT unnest($1::text[])").bind(payloads);
        insert.execute(&mut *self.pusher.lock().await).await?;
        Ok(())
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        self.fill(vec![order]).await
    }

    async fn push_together(&self, orders: Vec<Order>) -> Result<(), Error> {
        self.fill(orders).await
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let (mut connection, log) = (PgConnection::connect(&self.url).await?, Arc::clone(log));
        let work = async move {
            while let Ok(count) = postgres_batch(&mut connection, &log).await {
                if count == 0 {
                    sleep(PAUSE).await;
                }
            }
        };
        Ok(Box::new(Working(Handle::current().spawn(work))))
    }
}

async fn postgres_batch(connection: &mut PgConnection, log: &Log) -> Result<usize, Error> {
    let claim = "UPDATE jobs SET state = 1 WHERE id = ANY (ARRAY(
            SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
        RETURNING id, payload";
    let rows = sqlx::query(claim).bind(BATCH).fetch_all(&mut *connection).await?;
    let done = rows.iter().map(|row: &PgRow| run(row.try_get(0)?, row.try_get(1)?, log));
    let ids = done.collect::<Result<Vec<_>, Error>>()?;
    if !rows.is_empty() {
        sqlx::query("UPDATE jobs SET state = 2 WHERE id = ANY ($1)").bind(ids).execute(connection).await?;
    }
    Ok(rows.len())
}

/// Does a job.
fn run(id: i64, payload: &str, log: &Log) -> Result<i64, Error> {
    let _: Order = serde_json::from_str(payload)?;
    log.begin();
    Ok(id)
}
