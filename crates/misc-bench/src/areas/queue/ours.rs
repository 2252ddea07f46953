//! misc-queue, as services of an app.

use std::{any::Any, num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use misc_core::App;
use misc_queue::{Config, Job, Queue, Store};
use tokio::runtime::Handle;

use super::{CONCURRENCY, Log, Order, Site, Subject};
use crate::Error;

pub(super) struct Misc {
    store: Store,
    queue: Queue<Order>,
}

impl Misc {
    pub(super) async fn open(site: &Site, jobs: usize) -> Result<Self, Error> {
        let mut config = Config::from(site.url());
        config.prefix = format!("{}_", site.name);
        config.capacity = NonZeroUsize::new(jobs.max(100_000)).ok_or("a queue has room")?;
        let store = Store::new(config);
        let queue = store.queue().pusher();
        start(App::new("pusher").service("store", store.service())).await;
        Ok(Self { store, queue })
    }
}

#[async_trait]
impl Subject for Misc {
    async fn fill(&self, orders: Vec<Order>) -> Result<(), Error> {
        self.queue.push_all(orders).await?;
        Ok(())
    }

    async fn push(&self, order: Order) -> Result<(), Error> {
        self.queue.push(order).await?;
        Ok(())
    }

    async fn work(&self, log: &Arc<Log>) -> Result<Box<dyn Any + Send>, Error> {
        let opening = self.store.queue().concurrency(CONCURRENCY);
        let (_, worker) = opening.handler_with(Arc::clone(log), async |log: Arc<Log>, _: Job<Order>| {
            log.begin();
            Ok::<_, Error>(())
        });
        start(App::new("worker").service("orders", worker)).await;
        Ok(Box::new(()))
    }
}

/// Runs an app until this process ends.
async fn start(app: App) {
    let app = app.without_signals();
    let handle = app.handle();
    Handle::current().spawn(app.run());
    handle.ready().await;
}
