//! The same trivial services, run by each contender: up, until all are ready; then down, until all have ended.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError, Context, spec};
use tokio::{
    runtime::Runtime,
    sync::{Notify, oneshot},
};
use tokio_graceful_shutdown::{SubsystemBuilder, SubsystemHandle, Toplevel};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::Error;

/// Who runs the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// Tasks on a `TaskTracker` and one `CancellationToken`: the limit.
    Bare,
    /// misc's `App`, its services independent of each other.
    Free,
    /// misc's `App`, each service after the one before: the default.
    Chain,
    /// tokio-graceful-shutdown.
    Graceful,
}

impl Contender {
    /// All of them, the limit first.
    pub(super) const ALL: [Self; 4] = [Self::Bare, Self::Free, Self::Chain, Self::Graceful];

    /// Runs one service for each name, up and down; returns what `look` saw when all were up.
    ///
    /// All of it is one task of the runtime, as `misc::main` has it, so that spawning is as cheap as it can be.
    ///
    /// # Errors
    /// Those of the contender, which are not expected.
    pub(super) fn run<T: Send + 'static>(
        self,
        runtime: &Runtime,
        names: &Arc<[String]>,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let names = Arc::clone(names);
        let task = runtime.spawn(async move {
            match self {
                Self::Bare => Ok(bare(names.len(), look).await),
                Self::Free => free(&names, look).await,
                Self::Chain => chain(&names, look).await,
                Self::Graceful => graceful(names, look).await,
            }
        });
        runtime.block_on(task)?
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bare => "bare-tasks",
            Self::Free => "misc-free",
            Self::Chain => "misc-chain",
            Self::Graceful => "graceful-shutdown",
        })
    }
}

impl FromStr for Contender {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|contender| contender.to_string() == name);
        named.ok_or_else(|| format!("there is no contender `{name}`").into())
    }
}

async fn bare<T>(count: usize, look: impl FnOnce() -> T) -> T {
    let (tracker, stop, latch) = (TaskTracker::new(), CancellationToken::new(), Latch::new(count));
    for _ in 0..count {
        let (stop, latch) = (stop.clone(), Arc::clone(&latch));
        tracker.spawn(async move {
            latch.arrive();
            stop.cancelled().await;
        });
    }
    latch.wait().await;
    let seen = look();
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    seen
}

async fn free<T>(names: &[String], look: impl FnOnce() -> T) -> Result<T, Error> {
    let app = names.iter().fold(App::new("bench"), |app, name| app.service(name, spec(idle).after([])));
    up_and_down(app, look).await
}

async fn chain<T>(names: &[String], look: impl FnOnce() -> T) -> Result<T, Error> {
    let app = names.iter().fold(App::new("bench"), |app, name| app.service(name, idle));
    up_and_down(app, look).await
}

async fn up_and_down<T>(app: App, look: impl FnOnce() -> T) -> Result<T, Error> {
    let app = app.without_signals();
    let handle = app.handle();
    let drive = async {
        handle.ready().await;
        let seen = look();
        handle.shutdown().await?;
        Ok(seen)
    };
    let (ended, seen) = tokio::join!(app.run(), drive);
    ended.map_err(|report| report.to_string())?;
    seen
}

async fn idle(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

async fn graceful<T: Send + 'static>(
    names: Arc<[String]>,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (sender, seen) = oneshot::channel();
    let top = async move |top: &mut SubsystemHandle| {
        let latch = Latch::new(names.len());
        for name in &*names {
            let latch = Arc::clone(&latch);
            let idle = async move |subsystem: &mut SubsystemHandle| {
                latch.arrive();
                subsystem.on_shutdown_requested().await;
                Ok::<(), BoxError>(())
            };
            top.start(SubsystemBuilder::new(name, idle));
        }
        latch.wait().await;
        // Received below, unless the shutdown has failed.
        drop(sender.send(look()));
        top.request_shutdown();
    };
    Toplevel::<BoxError>::new(top).handle_shutdown_requests(Duration::from_secs(30)).await?;
    Ok(seen.await?)
}

/// Tells when all services of a contender that knows no readiness are ready.
struct Latch {
    missing: AtomicUsize,
    all: Notify,
}

impl Latch {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { missing: AtomicUsize::new(count), all: Notify::new() })
    }

    fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all.notify_one();
        }
    }

    async fn wait(&self) {
        self.all.notified().await;
    }
}
