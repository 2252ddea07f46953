//! How many calls may be under way at once.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use misc_core::{Counter, Deadline, Gauge, Meter, Tracked, schema};
use misc_macros::Describe;
use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error::{Error, Rejection},
    refused::Refused,
};

/// Limits how many calls are under way at once, so that one slow target does not take all that a program has.
///
/// A call above the limit waits for its turn, first come, first served, for a bounded time and among a bounded number; then
/// it is rejected, with [`Error::is_full`]. So does one whose [`Deadline`] passes. Clones share the limit. By default
/// 1,000 calls may be under way, and as many more wait, for up to a second.
///
/// There are three ways in: [`call`](Self::call), [`acquire`](Self::acquire), whose slot is held as long as one likes, and
/// as a tower layer, which limits heads: a slot is given back when the response begins.
///
/// # Examples
/// ```
/// use misc_resilience::{Bulkhead, BulkheadConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = BulkheadConfig::default();
/// config.limit = 20;
/// let reports = Bulkhead::new("reports", config)?;
///
/// let pages = reports.call(async { Ok::<_, std::io::Error>(3) }).await?;
/// let slot = reports.acquire().await?; // given back when it is dropped
/// # drop(slot);
/// # assert_eq!(pages, 3);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Bulkhead(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    config: BulkheadConfig,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    meters: OnceLock<Meters>,
}

impl Bulkhead {
    /// Creates a bulkhead; `name` is that of the target in errors.
    ///
    /// # Errors
    /// [`Refused`] says of each setting that makes no sense why it does not.
    pub fn new(name: impl AsRef<str>, config: BulkheadConfig) -> Result<Self, Refused> {
        let name = name.as_ref();
        Refused::if_any(format_args!("bulkhead `{name}`"), config.problems())?;
        Ok(Self::made_of(name.into(), config))
    }

    pub(crate) fn made_of(name: Arc<str>, config: BulkheadConfig) -> Self {
        let slots = Arc::new(Semaphore::new(config.limit as usize));
        Self(Arc::new(Shared { name, config, slots, waiting: AtomicUsize::new(0), meters: OnceLock::new() }))
    }

    /// Shows it in metrics. The first meter counts.
    ///
    /// See the table of metrics in the crate's documentation.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        self.measure(meter);
        self
    }

    pub(crate) fn measure(&self, meter: &Meter) {
        if meter.is_enabled() {
            self.0.meters.get_or_init(|| Meters::resolve(&meter.label("name", &*self.0.name)));
        }
    }

    /// Makes a call when it may be made.
    ///
    /// # Errors
    /// The call's own error, or [`Error::is_full`] if it was not made.
    ///
    /// # Cancel safety
    /// As cancel safe as `call`. One that is dropped while it waits loses its place, and its slot goes to the next.
    pub async fn call<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, Error<E>> {
        let slot = self.acquire().await?;
        let end = call.await;
        drop(slot);
        end.map_err(Error::inner_error)
    }

    /// Waits for a slot, which is given back when it is dropped.
    ///
    /// # Errors
    /// [`Rejection`] if none was free in time, or too many were waiting already.
    ///
    /// # Cancel safety
    /// One that is dropped while it waits loses its place.
    pub async fn acquire(&self) -> Result<Slot, Rejection> {
        match self.0.now() {
            Some(slot) => Ok(slot),
            None => self.clone().queue(Deadline::current().map(Deadline::instant)).await,
        }
    }

    /// Takes a slot if one is free.
    ///
    /// # Errors
    /// [`Rejection`] if none is.
    pub fn try_acquire(&self) -> Result<Slot, Rejection> {
        self.0.now().ok_or_else(|| self.0.reject(Duration::ZERO))
    }

    /// Takes a slot if one is free, and counts nothing if none is.
    pub(crate) fn take(&self) -> Option<Slot> {
        self.0.now()
    }

    /// Waits for a slot among the others, until a deadline at most.
    pub(crate) async fn queue(self, deadline: Option<Instant>) -> Result<Slot, Rejection> {
        let Shared { config, slots, .. } = &*self.0;
        let began = Instant::now();
        let until = deadline.map_or(config.wait, |until| until.saturating_duration_since(began).min(config.wait));
        if until.is_zero() {
            return Err(self.0.reject(until));
        }
        let Some(place) = self.0.line_up() else {
            return Err(self.0.reject(Duration::ZERO));
        };
        let permit = tokio::time::timeout(until, Arc::clone(slots).acquire_owned()).await;
        drop(place);
        // It is never closed.
        match permit {
            Ok(Ok(permit)) => Ok(self.0.slot(permit)),
            _ => Err(self.0.reject(began.elapsed())),
        }
    }

    /// Returns how many calls are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.limit() - self.0.slots.available_permits()
    }

    /// Returns how many calls wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    /// Returns how many calls may be under way.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.config.limit as usize
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("name", &self.0.name)
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("waiting", &self.waiting())
            .finish()
    }
}

impl Shared {
    fn now(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        Some(self.slot(permit))
    }

    fn slot(&self, permit: OwnedSemaphorePermit) -> Slot {
        Slot { _permit: permit, _tracked: self.meters.get().map(|meters| meters.in_flight.track()) }
    }

    fn line_up(&self) -> Option<Place<'_>> {
        let most = self.config.waiting as usize;
        let more = |waiting| (waiting < most).then_some(waiting + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, more).ok().map(|_| Place(&self.waiting))
    }

    fn reject(&self, waited: Duration) -> Rejection {
        if let Some(meters) = self.meters.get() {
            meters.rejected.increment(1);
        }
        Rejection::full(Arc::clone(&self.name), self.config.limit as usize, waited)
    }
}

/// A place among those who wait.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The right to have one call under way; it is given back to its [`Bulkhead`] when it is dropped.
#[must_use = "a slot that is dropped is given back"]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    _tracked: Option<Tracked>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// The settings of a [`Bulkhead`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BulkheadConfig {
    /// How many calls may be under way at once (1,000).
    pub limit: u32,
    /// How many more may wait for their turn (1,000); with 0 a call above the limit is rejected at once.
    pub waiting: u32,
    /// How long one may wait (1 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub wait: Duration,
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        Self { limit: 1_000, waiting: 1_000, wait: Duration::from_secs(1) }
    }
}

impl BulkheadConfig {
    /// Says of each field that makes no sense why it does not.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.limit == 0 {
            problems.push("`limit` is 0, so no call would ever be made; use at least 1".to_owned());
        }
        problems
    }
}

struct Meters {
    in_flight: Gauge,
    rejected: Counter,
}

impl Meters {
    fn resolve(meter: &Meter) -> Self {
        Self {
            in_flight: meter.gauge("bulkhead_in_flight", "Calls under way."),
            rejected: meter
                .counter("bulkhead_rejected_total", "Calls that were not made, since too many were under way."),
        }
    }
}

impl<S> Layer<S> for Bulkhead {
    type Service = BulkheadService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService { bulkhead: self.clone(), inner }
    }
}

/// A service behind a [`Bulkhead`].
#[derive(Debug, Clone)]
pub struct BulkheadService<S> {
    bulkhead: Bulkhead,
    inner: S,
}

impl<S, Req> Service<Req> for BulkheadService<S>
where
    S: Service<Req> + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = BulkheadFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::inner_error)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if let Some(slot) = self.bulkhead.take() {
            return BulkheadFuture { queued: None, call: Some(self.inner.call(request)), slot: Some(slot) };
        }
        // The one that is ready, not its copy.
        let copy = self.inner.clone();
        let inner = mem::replace(&mut self.inner, copy);
        let deadline = Deadline::current().map(Deadline::instant);
        let turn = Box::pin(self.bulkhead.clone().queue(deadline));
        BulkheadFuture { queued: Some(Queued { turn, inner, request }), call: None, slot: None }
    }
}

pin_project! {
    /// The answer of a [`BulkheadService`].
    pub struct BulkheadFuture<S: Service<Req>, Req> {
        queued: Option<Queued<S, Req>>,
        #[pin]
        call: Option<S::Future>,
        slot: Option<Slot>,
    }
}

/// A request that waits for its turn.
struct Queued<S, Req> {
    turn: Pin<Box<dyn Future<Output = Result<Slot, Rejection>> + Send>>,
    inner: S,
    request: Req,
}

impl<S: Service<Req>, Req> Future for BulkheadFuture<S, Req> {
    type Output = Result<S::Response, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(queued) = this.queued {
            *this.slot = Some(ready!(queued.turn.as_mut().poll(cx))?);
            if let Some(Queued { mut inner, request, .. }) = this.queued.take() {
                this.call.set(Some(inner.call(request)));
            }
        }
        let call = this.call.as_mut().as_pin_mut().expect("it is not polled after its end");
        let end = ready!(call.poll(cx));
        this.call.set(None);
        *this.slot = None;
        Poll::Ready(end.map_err(Error::inner_error))
    }
}

impl<S: Service<Req>, Req> fmt::Debug for BulkheadFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadFuture").field("queued", &self.queued.is_some()).finish_non_exhaustive()
    }
}
