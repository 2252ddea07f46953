//! Those who keep jobs and have them done.

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{Backend, Log, Order, Site, apalis, bare, ours};
use crate::Error;

pub(super) const BARE: &str = "bare";
pub(crate) const APALIS: &str = "apalis";
pub(crate) const MISC: &str = "misc";

/// A queue that is open.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    /// Stores jobs, as fast as it can.
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error>;

    /// Stores a job.
    async fn push(&self, order: Order) -> Result<(), Error>;

    /// Stores jobs that come from as many callers at the same time.
    async fn push_together(&self, orders: Vec<Order>) -> Result<(), Error> {
        try_join_all(orders.into_iter().map(|order| self.push(order))).await?;
        Ok(())
    }

    /// Does jobs for as long as what it returns is there.
    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error>;
}

/// Opens a queue for so many jobs, if it is one that has to know.
pub(crate) async fn open(contender: &str, site: &Site, jobs: u32) -> Result<Box<dyn Subject>, Error> {
    match (contender, site.backend) {
        (BARE, Backend::Memory) => Ok(Box::new(bare::Memory::new(jobs as usize + 1))),
        (BARE, Backend::Sqlite) => Ok(Box::new(bare::Sqlite::open(site).await?)),
        (BARE, Backend::Postgres) => Ok(Box::new(bare::Postgres::open(site).await?)),
        (APALIS, Backend::Memory) => Ok(Box::new(apalis::Memory::new())),
        (APALIS, Backend::Sqlite) => Ok(Box::new(apalis::Sqlite::open(site).await?)),
        (APALIS, Backend::Postgres) => Ok(Box::new(apalis::Postgres::open(site).await?)),
        (MISC, _) => Ok(Box::new(ours::Misc::open(site, jobs as usize + 1).await?)),
        _ => Err(format!("there is no contender `{contender}`").into()),
    }
}

/// Ends a task when it is dropped.
pub(super) struct Working(pub(super) tokio::task::JoinHandle<()>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}
