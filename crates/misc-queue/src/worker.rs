//! The service that does the jobs of a queue.

mod bench;
mod meters;
mod slot;
mod turns;

use std::{fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use misc_core::{BoxError, Context, Plan, Service};
use serde::Serialize;

pub(crate) use self::bench::Bench;
use self::{meters::Meters, slot::Slots, turns::Turns};
use crate::{
    config::Work,
    job::Job,
    payload::Payload,
    store::{self, Store},
};

/// Does the jobs of one queue, as a service: see [`Opening::handler`](crate::Opening::handler).
///
/// It says ready once the store is open. When it shall stop it claims no more; jobs that run may be done within the time
/// that the service has to stop, but for its last second; what is not done by then, or was not begun, goes back at once
/// and is done by others, without counting as an attempt. A store that goes away makes it wait and go on by itself. It
/// fails only if the store cannot be opened, or is not one that this program can use.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    queue: Arc<str>,
    work: Work,
    handler: Arc<dyn Slot>,
}

/// A handler behind a type of its own, so that a worker has none.
trait Slot: Send + Sync {
    /// Runs jobs in a slot until there are no more.
    fn run(self: Arc<Self>, slots: Arc<Slots>, slot: usize) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

struct Handler<T, F> {
    handler: F,
    kind: PhantomData<fn(T)>,
}

impl<T, F, Fut, E> Slot for Handler<T, F>
where
    T: Payload,
    F: Fn(Job<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn run(self: Arc<Self>, slots: Arc<Slots>, slot: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { slots.run(slot, &self.handler).await })
    }
}

impl Worker {
    pub(crate) fn new<T, F, Fut, E>(store: Store, queue: Arc<str>, work: Work, handler: F) -> Self
    where
        T: Payload,
        F: Fn(Job<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self { store, queue, work, handler: Arc::new(Handler { handler, kind: PhantomData }) }
    }
}

impl Service for Worker {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let Some(hold) = ctx.until_stopping(self.store.hold()).await.transpose()? else { return Ok(()) };
        let driver = hold.drive(&ctx);
        let concurrency = self.work.concurrency.get();
        let bench = Arc::new(Bench::new(Arc::clone(&self.queue), concurrency));
        let meters = Meters::resolve(&ctx, &self.queue);
        let slots = Slots { bench: Arc::clone(&bench), work: self.work.clone(), stopping: ctx.token(), meters };
        let slots = Arc::new(slots);
        let run = |slot| ctx.spawn(Arc::clone(&self.handler).run(Arc::clone(&slots), slot));
        let tasks: Vec<_> = (0..concurrency).map(run).collect();
        self.show(&ctx, &bench);
        self.store.shared.wakes.worker(&bench);
        ctx.ready();
        Turns::new(&self.store, &bench, concurrency).run(&ctx).await;
        bench.close();
        for task in tasks {
            task.await.ok();
        }
        hold.end(driver, &ctx).await;
        Ok(())
    }

    fn describe(&mut self, plan: &mut Plan) {
        store::describe(&self.store, plan);
        if let Some(problem) = kind_problem(&self.queue) {
            plan.problem(problem);
        }
    }
}

impl Worker {
    fn show(&self, ctx: &Context, bench: &Arc<Bench>) {
        let (store, queue, bench) = (self.store.clone(), Arc::clone(&self.queue), Arc::downgrade(bench));
        let concurrency = self.work.concurrency.get();
        ctx.inspect("queue", move || {
            let counted = store.shared.last_count().into_iter().flatten().find(|status| *status.name == *queue);
            View {
                url: store.url().to_string(),
                concurrency,
                active: bench.upgrade().map_or(0, |bench| bench.busy()),
                counted,
            }
        });
    }
}

/// What is shown of a worker.
#[derive(Serialize)]
struct View {
    url: String,
    concurrency: usize,
    active: usize,
    #[serde(flatten)]
    counted: Option<crate::QueueStatus>,
}

/// Says what is wrong with the name of a queue.
fn kind_problem(kind: &str) -> Option<String> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = (1..=100).contains(&kind.len()) && kind.bytes().all(is_known);
    (!is_name).then(|| format!("the kind `{kind}` names no queue: it takes 1 to 100 letters, digits, `.`, `-` and `_`"))
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("queue", &self.queue).field("work", &self.work).finish_non_exhaustive()
    }
}
