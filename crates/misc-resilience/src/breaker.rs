//! A circuit breaker: lets a service alone that has failed too often, until it is well again.

mod call;
pub(crate) mod config;
mod core;
mod layer;
mod machine;
mod meters;
mod moment;
mod permit;
mod rules;
mod shared;
mod state;
mod status;
mod window;

use std::{
    fmt,
    future::{Future, Ready},
    sync::Arc,
    time::Duration,
};

use misc_core::{Meter, Verdict};

use self::{call::Call, core::Core, machine::Order};
pub use self::{
    config::{BreakerConfig, Mode, Window},
    layer::{BreakerFuture, BreakerLayer, BreakerService},
    permit::Permit,
    state::BreakerState,
    status::{BreakerStatus, BreakerTransition},
};
use crate::{
    error::{Error, Rejection},
    refused::Refused,
};

/// Lets a service alone that has failed too often, until it is well again. Cheap to clone; clones are the same breaker.
///
/// Make one for each thing that fails by itself: a database, a host, rarely a whole API. It needs no task and no timer: what
/// is due by the clock, which is tokio's, is done when the next call begins or ends, or by the next look at it
/// ([`state`](Self::state), [`status`](Self::status), [`healthy`](Self::healthy)). So these never tell of a state that is
/// over, and metrics do so only while nobody calls, looks or [watches](Self::watch).
///
/// A timeout belongs inside of the call: one around it cancels the call, which then counts nothing.
///
/// A call counts in the state in which it has begun: what ends after a change of state counts nothing.
///
/// # Examples
/// ```
/// use misc_resilience::{Breaker, BreakerConfig};
///
/// # async fn fetch(_: u64) -> Result<String, std::io::Error> { Ok("Ada".to_owned()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Breaker::new("users", BreakerConfig::default())?;
/// match breaker.call(fetch(7)).await {
///     Ok(user) => println!("{user}"),
///     Err(error) if error.is_open() => println!("not asked: {error}"),
///     Err(error) => println!("asked in vain: {error}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Breaker {
    core: Arc<Core>,
}

impl Breaker {
    /// Creates a breaker; its name is that in metrics, in the log, and in rejections.
    ///
    /// # Errors
    /// [`Refused`], with all settings that are nonsense, each with the reason.
    pub fn new(name: impl AsRef<str>, config: BreakerConfig) -> Result<Self, Refused> {
        let name = name.as_ref();
        config.check(name)?;
        Ok(Self::from_core(Arc::new(Core::new(name, config))))
    }

    pub(crate) fn from_core(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Shows what it does in metrics. The first meter counts.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        self.core.measure(meter);
        self
    }

    /// Calls a listener at every change of state, in order and one at a time, after those that were there before.
    ///
    /// It is called by whoever has brought the change about, outside of any lock, so it may use the breaker; what takes
    /// long belongs into a task. A panic of it is logged.
    #[must_use]
    pub fn on_transition(self, listener: impl Fn(&BreakerTransition) + Send + Sync + 'static) -> Self {
        self.core.listeners().add(listener);
        self
    }

    /// Makes a call if the breaker lets it pass; every error counts as a failure.
    ///
    /// # Errors
    /// The call's own, or that the breaker has rejected it, for which the future was never polled.
    ///
    /// # Cancel safety
    /// That of the future. A call that is dropped counts nothing, and another one may probe in its place; so it is if the
    /// future panics.
    pub fn call<T, E: fmt::Display>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, Error<E>>> {
        self.call_if(future, |_| true)
    }

    /// Makes a call as [`call`](Self::call) does, but only those errors count for which `counts` says so.
    ///
    /// The others are ignored, as if there had been no call. If they show that the service works ("no such user"), use
    /// [`call_with`](Self::call_with), and let them be a [`Verdict::Success`].
    ///
    /// # Errors
    /// See [`call`](Self::call).
    ///
    /// # Cancel safety
    /// See [`call`](Self::call).
    ///
    /// # Examples
    /// ```
    /// use std::io::{Error, ErrorKind};
    /// use misc_resilience::{Breaker, BreakerConfig};
    ///
    /// # async fn open(_: &str) -> Result<(), Error> { Err(ErrorKind::NotFound.into()) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let disk = Breaker::new("disk", BreakerConfig::default())?;
    /// let opened = disk.call_if(open("notes"), |error| error.kind() != ErrorKind::NotFound).await;
    /// assert_eq!(opened.unwrap_err().into_inner().unwrap().kind(), ErrorKind::NotFound);
    /// assert_eq!(disk.status().calls, 0);
    /// # Ok(()) }
    /// ```
    pub fn call_if<T, E: fmt::Display>(
        &self,
        future: impl Future<Output = Result<T, E>>,
        counts: impl FnOnce(&E) -> bool,
    ) -> impl Future<Output = Result<T, Error<E>>> {
        self.call_with(future, |answer| match answer {
            Ok(_) => Verdict::Success,
            Err(error) if counts(error) => Verdict::Failure,
            Err(_) => Verdict::Ignored,
        })
    }

    /// Makes a call as [`call`](Self::call) does, and lets `judge` say what its end means.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    ///
    /// # Cancel safety
    /// See [`call`](Self::call).
    pub fn call_with<T, E: fmt::Display>(
        &self,
        future: impl Future<Output = Result<T, E>>,
        judge: impl FnOnce(Result<&T, &E>) -> Verdict,
    ) -> impl Future<Output = Result<T, Error<E>>> {
        Call::new(&self.core, future, judge)
    }

    /// Lets a call in that is made by hand; tell the [`Permit`] what became of it.
    ///
    /// # Errors
    /// [`Rejection`] if it does not pass.
    pub fn acquire(&self) -> Result<Permit, Rejection> {
        Permit::acquire(Arc::clone(&self.core))
    }

    /// Returns a layer that puts it around a tower service.
    #[must_use]
    pub fn layer(&self) -> BreakerLayer {
        BreakerLayer::new(Arc::clone(&self.core))
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.name()
    }

    /// Returns its state.
    ///
    /// What is due by the clock is done by this look.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.core.view().state
    }

    /// Returns its state, its rates and its last error. It is what to give to `ctx.inspect`.
    ///
    /// # Examples
    /// ```
    /// use misc_core::{BoxError, Context};
    /// use misc_resilience::Breaker;
    ///
    /// async fn service(ctx: Context, users: Breaker) -> Result<(), BoxError> {
    ///     ctx.inspect("breaker", move || users.status());
    ///     ctx.ready();
    ///     ctx.stopping().await;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> BreakerStatus {
        BreakerStatus::new(Arc::clone(self.core.name()), self.core.view())
    }

    /// Returns a check for misc-health: an async closure that answers at once.
    ///
    /// It fails while no call passes. When it is time to look again whether the service is well it passes, so that an
    /// instance that was taken out for it gets the calls that find out.
    ///
    /// # Examples
    /// ```
    /// use misc_resilience::{Breaker, BreakerConfig};
    ///
    /// # async fn check() -> Result<(), Box<dyn std::error::Error>> {
    /// let users = Breaker::new("users", BreakerConfig::default())?;
    /// let healthy = users.healthy(); // Health::new().check("users", healthy)
    /// healthy().await?;
    /// # Ok(()) }
    /// ```
    pub fn healthy(&self) -> impl Fn() -> Ready<Result<(), Rejection>> + Clone + Send + Sync + 'static {
        let core = Arc::clone(&self.core);
        move || std::future::ready(core.shut().map_or(Ok(()), Err))
    }

    /// Tells whether no call passes for longer than this.
    pub(crate) fn is_shut_for(&self, pause: Duration) -> bool {
        self.core.shut().is_some_and(|shut| shut.retry_after().is_none_or(|after| after > pause))
    }

    /// Makes what is due by the clock happen when it is due, also while nobody calls and nobody looks; never ends.
    ///
    /// It is not needed. With it, metrics and listeners do not have to wait for a call. It wakes only when there may be a
    /// change.
    ///
    /// # Cancel safety
    /// Strict.
    ///
    /// # Examples
    /// ```
    /// use misc_core::{BoxError, Context};
    /// use misc_resilience::Breaker;
    ///
    /// async fn service(ctx: Context, users: Breaker) -> Result<(), BoxError> {
    ///     ctx.spawn_until_stopping(users.watch());
    ///     ctx.ready();
    ///     ctx.stopping().await;
    ///     Ok(())
    /// }
    /// ```
    pub fn watch(&self) -> impl Future<Output = ()> + Send + use<> {
        let core = Arc::clone(&self.core);
        async move { core.watch().await }
    }

    /// Closes it and lets it begin anew, whatever its state is: its window is empty, and its last error forgotten.
    ///
    /// Calls that have begun before do not count.
    pub fn reset(&self) {
        self.core.order(Order::Reset);
    }

    /// Opens it as if by its rules, for who knows from elsewhere that the service is down. It looks again in time.
    pub fn trip(&self) {
        self.core.order(Order::Trip);
    }

    /// Rejects all calls until the [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.core.order(Order::ForceOpen);
    }

    /// Lets all calls pass, and takes none into its window, until the [`reset`](Self::reset).
    pub fn disable(&self) {
        self.core.order(Order::Disable);
    }

    /// Lets all calls pass, and takes them into its window, until the [`reset`](Self::reset): to try rules.
    pub fn metrics_only(&self) {
        self.core.order(Order::MetricsOnly);
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.name()).finish_non_exhaustive()
    }
}
