//! The store: what is open while workers run, and what they share.

mod drive;
mod lanes;
mod suspect;
mod wakes;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use misc_core::{BoxError, Context, Meter, Plan, Service};
use tokio::sync::watch;
use tracing::warn;

pub(crate) use self::suspect::Turn;
use self::{lanes::Lanes, suspect::Suspect, wakes::Wakes};
#[cfg(feature = "sqlite")]
use crate::clock::Clock;
use crate::{
    config::{Config, Overflow},
    engine::{self, Engine, NewJob, Session},
    error::{Error, Kind},
    health::{self, Unhealthy},
    opening::Opening,
    operator::Operator,
    options::Pushed,
    payload::Payload,
    status::QueueStatus,
    url::Url,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::{engine::tables::Tables, transaction::Target};

/// More than anybody waits for, and what can be added to any time: thirty years.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Where jobs are kept: one database, open while any service of it runs.
///
/// It is made before the app starts and costs nothing until then. The workers of its queues
/// ([`Opening::handler`](crate::Opening::handler)) open it, and the last one to stop closes it; a program that only
/// pushes runs [`service`](Self::service). Register them before whatever pushes, so that they stop after it. What is
/// asked for before it is open waits until it is, at most [`Config::timeout`]. A service whose store cannot be opened
/// fails; with `spec(worker).restart(Restart::default())` of misc-core it tries again until its start deadline.
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError};
/// use misc_queue::{Config, Job, Payload, Store};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderCreated { order: u64 }
///
/// #[derive(Serialize, Deserialize)]
/// struct Mail { to: String }
///
/// impl Payload for OrderCreated { const KIND: &'static str = "order.created"; }
/// impl Payload for Mail { const KIND: &'static str = "mail"; }
///
/// let store = Store::new(Config::from("memory://"));
/// let (mails, send_mails) = store.queue::<Mail>().concurrency(4).handler(async |mail: Job<Mail>| {
///     println!("to {}", mail.to);
///     Ok::<_, BoxError>(())
/// });
/// let (orders, notify) = store.queue::<OrderCreated>().handler(move |order: Job<OrderCreated>| {
///     let mails = mails.clone();
///     async move {
///         mails.push(Mail { to: format!("whoever made order {}", order.order) }).await?;
///         Ok::<_, BoxError>(())
///     }
/// });
/// let app = App::new("shop").service("mails", send_mails).service("orders", notify);
/// # drop((app, orders));
/// ```
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

/// What the handles on a store and its services share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    holders: Mutex<usize>,
    /// Held while the store is being opened or closed.
    changing: tokio::sync::Mutex<()>,
    phase: watch::Sender<Phase>,
    lanes: Lanes,
    pub(crate) wakes: Wakes,
    pub(crate) suspect: Suspect,
    /// Held to read by whoever ends and claims jobs, until it is known here what came of it, and to write by whoever
    /// compares what the store says with what is known here.
    pub(crate) turning: tokio::sync::RwLock<()>,
    /// What was counted last; `None` if that is too long ago, as counting has failed more than once since.
    counted: Mutex<Option<Vec<QueueStatus>>>,
    /// That of the app whose service has opened it first.
    pub(crate) meter: OnceLock<Meter>,
}

impl Shared {
    fn counted(&self, queues: Option<Vec<QueueStatus>>) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = queues;
    }

    /// Returns the queues as they were when they were last counted, unless that is too long ago.
    pub(crate) fn last_count(&self) -> Option<Vec<QueueStatus>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
enum Phase {
    NotYet,
    Open(Arc<Open>),
    Closed,
    /// As the last service of it was dropped: something may have been about to be stored.
    Dropped,
}

/// A store while it is open.
pub(crate) struct Open {
    pub(crate) engine: Arc<dyn Engine>,
    session: AtomicI64,
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    tables: Tables,
    #[cfg(feature = "sqlite")]
    clock: Clock,
}

impl Open {
    /// Returns the session of this process. It is another one after a lease was lost.
    pub(crate) fn session(&self) -> Session {
        Session(self.session.load(Ordering::Relaxed))
    }

    /// Returns what is to be known of the store to push in a transaction of the user.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn target(&self) -> Target<'_> {
        Target {
            system: self.engine.system(),
            tables: &self.tables,
            #[cfg(feature = "sqlite")]
            clock: &self.clock,
        }
    }

    fn renew(&self, session: Session) {
        self.session.store(session.0, Ordering::Relaxed);
    }
}

impl Store {
    /// Describes a store; nothing happens until a service of it starts.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        let mut config = config.into();
        for span in [&mut config.lease, &mut config.poll, &mut config.timeout] {
            *span = FAR.min(*span);
        }
        Self {
            shared: Arc::new(Shared {
                config,
                holders: Mutex::new(0),
                changing: tokio::sync::Mutex::new(()),
                phase: watch::Sender::new(Phase::NotYet),
                lanes: Lanes::new(),
                wakes: Wakes::default(),
                suspect: Suspect::default(),
                turning: tokio::sync::RwLock::default(),
                counted: Mutex::new(Some(Vec::new())),
                meter: OnceLock::new(),
            }),
        }
    }

    /// Describes a queue of it: finish with [`Opening::handler`](crate::Opening::handler), or
    /// [`Opening::pusher`](crate::Opening::pusher) where another program works.
    pub fn queue<T: Payload>(&self) -> Opening<T> {
        Opening::new(self.clone())
    }

    /// Returns a service that keeps the store open: for programs without a worker, which only push.
    #[must_use]
    pub fn service(&self) -> StoreService {
        StoreService { store: self.clone() }
    }

    /// Returns a handle for operators: list, retry, cancel, purge, pause.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.clone())
    }

    /// Returns a check for misc-health: the store answers, and no job had been due for longer than the limit when jobs
    /// were last counted.
    ///
    /// They are counted at every third [`Config::poll`], or more rarely if counting takes long. Jobs of a paused queue
    /// do not matter to it. It fails, too, while no service of the store runs in this process, and once they could not be
    /// counted twice in a row.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use misc_queue::{Config, Store};
    ///
    /// let store = Store::new(Config::from("memory://"));
    /// let healthy = store.healthy(Duration::from_secs(300)); // Health::new().check("queue", healthy)
    /// # drop(healthy);
    /// ```
    pub fn healthy(
        &self,
        limit: Duration,
    ) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send>> + Clone + Send + Sync + 'static {
        health::healthy(self.clone(), limit)
    }

    /// Opens it, unless it is open; it stays so until what this returns is released.
    pub(crate) async fn hold(&self) -> Result<Hold, Error> {
        let _changing = self.shared.changing.lock().await;
        let hold = Hold::new(self);
        if !matches!(*self.shared.phase.borrow(), Phase::Open(_)) {
            let open = self.open().await?;
            self.shared.phase.send_replace(Phase::Open(Arc::new(open)));
        }
        Ok(hold)
    }

    async fn open(&self) -> Result<Open, Error> {
        let config = &self.shared.config;
        if let Some(problem) = problems(config).into_iter().next() {
            return Err(Error::refused(problem));
        }
        // What connects to a database is large.
        let engine = Box::pin(engine::open(config)).await?;
        let session = engine.enter(config.lease).await?;
        Ok(Open {
            engine,
            session: AtomicI64::new(session.0),
            #[cfg(any(feature = "postgres", feature = "sqlite"))]
            tables: Tables::new(&config.prefix)?,
            #[cfg(feature = "sqlite")]
            clock: Clock::new(),
        })
    }

    /// Returns what is open at this moment.
    pub(crate) fn now_open(&self) -> Option<Arc<Open>> {
        match &*self.shared.phase.borrow() {
            Phase::Open(open) => Some(Arc::clone(open)),
            Phase::NotYet | Phase::Closed | Phase::Dropped => None,
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.shared.config.url
    }

    /// Returns what is open, waiting for it for a while.
    pub(crate) async fn opened(&self) -> Result<Arc<Open>, Error> {
        if let Phase::Open(open) = &*self.shared.phase.borrow() {
            return Ok(Arc::clone(open));
        }
        let mut phase = self.shared.phase.subscribe();
        let settled = phase.wait_for(|phase| !matches!(phase, Phase::NotYet));
        let waited = tokio::time::timeout(self.shared.config.timeout, settled).await;
        match waited.ok().and_then(Result::ok).as_deref() {
            Some(Phase::Open(open)) => Ok(Arc::clone(open)),
            Some(_) => Err(self.is_closed()),
            None => Err(Error::new(
                Kind::Closed,
                format!(
                    "the store {} is not open: register a worker of it, or `Store::service`, before what uses it",
                    self.shared.config.url
                ),
            )),
        }
    }

    fn is_closed(&self) -> Error {
        Error::new(Kind::Closed, format!("the store {} is closed", self.shared.config.url))
    }

    /// Waits until it is closed, and says of a push what that means.
    async fn until_closed(&self) -> Error {
        let mut phase = self.shared.phase.subscribe();
        let is_closed = |phase: &Phase| matches!(phase, Phase::Closed | Phase::Dropped);
        match phase.wait_for(is_closed).await.as_deref() {
            Ok(Phase::Dropped) => lanes::gone(),
            _ => self.is_closed(),
        }
    }

    /// Stores a job; durable when it returns.
    pub(crate) async fn push(&self, open: &Open, job: NewJob) -> Result<Pushed, Error> {
        let push = async {
            if open.engine.is_durable() {
                return self.shared.lanes.push(job).await;
            }
            let pushed = self.push_all(open, &[job]).await?;
            pushed.first().copied().ok_or_else(|| Error::refused("the store has returned no job"))
        };
        tokio::select! {
            biased;
            pushed = push => pushed,
            // It may have come too late for whoever looks last at what still waits.
            error = self.until_closed() => Err(error),
        }
    }

    /// Stores jobs of one queue, all of them or none.
    pub(crate) async fn push_all(&self, open: &Open, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let pushed = open.engine.push(jobs).await?;
        if let Some(job) = jobs.first() {
            self.shared.wakes.pushed(&job.queue);
        }
        Ok(pushed)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("url", &self.shared.config.url).finish_non_exhaustive()
    }
}

/// Keeps a store open for those who only push: see [`Store::service`].
#[derive(Debug, Clone)]
pub struct StoreService {
    store: Store,
}

impl Service for StoreService {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let Some(hold) = ctx.until_stopping(self.store.hold()).await.transpose()? else { return Ok(()) };
        let driver = hold.drive(&ctx);
        ctx.ready();
        ctx.stopping().await;
        hold.end(driver, &ctx).await;
        Ok(())
    }

    fn describe(&mut self, plan: &mut Plan) {
        describe(&self.store, plan);
    }
}

/// Tells the app, before it starts, what is wrong with the settings.
pub(crate) fn describe(store: &Store, plan: &mut Plan) {
    for problem in problems(&store.shared.config) {
        plan.problem(problem);
    }
}

/// Lists what is wrong with settings, each with what to do about it.
fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = engine::check(config) {
        problems.push(error.to_string());
    }
    for (name, span) in [("lease", config.lease), ("poll", config.poll), ("timeout", config.timeout)] {
        if span.is_zero() {
            problems.push(format!("`{name}` of the store {} is zero: set at least 1ms", config.url));
        }
    }
    if config.overflow != Overflow::default() && config.url.scheme() != "memory" {
        problems.push(format!("`overflow` is for `memory://`: the store {} has no bound", config.url));
    }
    problems
}

/// A reason for a store to be open.
pub(crate) struct Hold {
    store: Store,
    is_released: bool,
}

impl Hold {
    fn new(store: &Store) -> Self {
        *store.holders() += 1;
        Self { store: store.clone(), is_released: false }
    }

    /// Gives it up. The last one closes the store: what the process still has goes back.
    pub(crate) async fn release(mut self) {
        let store = self.store.clone();
        let _changing = store.shared.changing.lock().await;
        self.is_released = true;
        let Some(open) = store.let_go(Phase::Closed) else { return };
        store.shared.lanes.refuse(&store.shared.config.url).await;
        if let Err(error) = open.engine.leave(open.session()).await {
            warn!(error = %crate::error::one_line(&error), "the jobs of this process go back only when its lease ends");
        }
        open.engine.close().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_released {
            // The service was dropped: there is no time to close anything, and the lease ends by itself.
            drop(self.store.let_go(Phase::Dropped));
        }
    }
}

impl Store {
    fn holders(&self) -> std::sync::MutexGuard<'_, usize> {
        self.shared.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one holder off; returns what is to be closed if it was the last.
    fn let_go(&self, phase: Phase) -> Option<Arc<Open>> {
        let mut holders = self.holders();
        *holders -= 1;
        if *holders > 0 {
            return None;
        }
        self.shared.wakes.forget_left();
        let open = self.now_open()?;
        self.shared.phase.send_replace(phase);
        Some(open)
    }
}
