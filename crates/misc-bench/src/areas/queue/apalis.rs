//! apalis, woken by what is pushed, as its READMEs show.

use std::{any::Any, sync::Arc, time::Duration};

use ::apalis::prelude::{
    BackendExt as _, BoxDynError, Data, MemoryStorage, Strategy, TaskSink as _, WorkerBuilder, WorkerBuilderExt as _,
};
use apalis_postgres::{PgPool, PostgresStorage};
use apalis_sqlite::{SqlitePool, SqliteStorage, callback::HookCallbackListener};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::{CONCURRENCY, Log, Order, Site, Subject, subject::Working};
use crate::Error;

/// How often it looks for jobs although nobody has told it of one.
const POLL: Duration = Duration::from_millis(500);

async fn begin(_: Order, log: Data<Arc<Log>>) -> Result<(), BoxDynError> {
    log.begin();
    Ok(())
}

/// Starts a worker on a backend; each has a type of its own.
macro_rules! work {
    ($backend:expr, $log:expr) => {{
        let worker =
            WorkerBuilder::new("bench").backend($backend).data(Arc::clone($log)).concurrency(CONCURRENCY).build(begin);
        Ok(Box::new(Working(Handle::current().spawn(async move {
            worker.run().await.ok();
        }))))
    }};
}

/// A channel of its own.
pub(super) struct Memory(tokio::sync::Mutex<Option<MemoryStorage<Order>>>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(tokio::sync::Mutex::new(Some(MemoryStorage::new())))
    }
}

#[async_trait]
impl Subject for Memory {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        let mut storage = self.0.lock().await;
        Ok(storage.as_mut().ok_or("the worker has it")?.push_bulk(orders).await?)
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        self.fill(vec![order]).await
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let storage = self.0.lock().await.take().ok_or("there is a worker already")?;
        work!(storage, log)
    }
}

/// A table in a file.
pub(super) struct Sqlite {
    pool: SqlitePool,
    listener: HookCallbackListener,
}

impl Sqlite {
    pub(super) async fn open(site: &Site) -> Result<Self, Error> {
        let (pool, listener) = SqliteStorage::connect_with_callback(&format!("{}?mode=rwc", site.url()))?;
        SqliteStorage::setup(&pool).await?;
        Ok(Self { pool, listener })
    }

    fn storage(&self) -> SqliteStorage<Order> {
        let config = apalis_sqlite::Config::default().queue("orders").batch_size(CONCURRENCY);
        SqliteStorage::new(&self.pool).with_config(config)
    }
}

#[async_trait]
impl Subject for Sqlite {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        // More than that is more than a statement has room for.
        for orders in orders.chunks(500) {
            self.storage().push_bulk(orders.to_vec()).await?;
        }
        Ok(())
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        Ok(self.storage().push(order).await?)
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let strategy = Strategy::new().stream(self.listener.clone().ready_chunks(CONCURRENCY)).interval(POLL);
        work!(self.storage().poll_with_strategy(strategy), log)
    }
}

/// Tables in a server.
pub(super) struct Postgres {
    pool: PgPool,
    queue: String,
}

impl Postgres {
    pub(super) async fn open(site: &Site) -> Result<Self, Error> {
        let pool = PgPool::connect(&site.url()).await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self { pool, queue: site.name.clone() })
    }

    fn storage(&self) -> PostgresStorage<Order> {
        let config = apalis_postgres::Config::default().queue(&self.queue).batch_size(CONCURRENCY);
        PostgresStorage::new(&self.pool).with_config(config)
    }
}

#[async_trait]
impl Subject for Postgres {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        for orders in orders.chunks(500) {
            self.storage().push_bulk(orders.to_vec()).await?;
        }
        Ok(())
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        Ok(self.storage().push(order).await?)
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let strategy = Strategy::new().interval(POLL);
        work!(self.storage().with_pubsub().poll_with_strategy(strategy), log)
    }
}
