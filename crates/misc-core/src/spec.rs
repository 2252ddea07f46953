//! How a service is registered: what it waits for, its bounds, and what its failure means.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    context::Context,
    error::BoxError,
    restart::Restart,
    service::{Plan, Service},
    sync::lock,
};

/// What the failure of a service means for its app.
///
/// The third answer, to start it again, is [`Spec::restart`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// The app stops in order and reports the failure.
    #[default]
    Shutdown,
    /// The failure is logged, and the app goes on without the service.
    Ignore,
}

/// A service with options; made by [`spec`], [`factory`] or [`service_fn`].
#[derive(Debug)]
#[must_use = "a spec does nothing until it is registered"]
pub struct Spec<S> {
    service: S,
    after: Option<Vec<String>>,
    start_within: Option<Duration>,
    stop_within: Option<Duration>,
    background: bool,
    on_failure: Option<OnFailure>,
    restart: Option<(Restart, CloneFn<S>)>,
}

type CloneFn<S> = fn(&S) -> S;

/// Wraps a service, so that options can be set.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, Restart, spec};
/// use std::time::Duration;
///
/// let poll = async |ctx: Context| {
///     ctx.ready();
///     ctx.stopping().await;
///     Ok(())
/// };
/// let app = App::new("shop")
///     .service("poll", spec(poll).after([]).stop_within(Duration::from_secs(5)).restart(Restart::default()));
/// # drop(app);
/// ```
pub fn spec<S: Service>(service: S) -> Spec<S> {
    Spec {
        service,
        after: None,
        start_within: None,
        stop_within: None,
        background: false,
        on_failure: None,
        restart: None,
    }
}

/// Wraps a closure that makes a fresh service for each start, so that what is not `Clone` can be restarted.
///
/// Around an [`App`](crate::App) it makes a group that restarts as one.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, Restart, factory};
///
/// # async fn consume(ctx: Context) -> Result<(), misc_core::BoxError> { Ok(()) }
/// let group = || App::new("orders").service("consumer", consume);
/// let app = App::new("shop").service("orders", factory(group).restart(Restart::default()));
/// # drop(app);
/// ```
pub fn factory<S: Service>(make: impl FnMut() -> S + Send + 'static) -> Spec<Factory<S>> {
    spec(Factory { make: Arc::new(Mutex::new(make)), first: None })
}

/// Wraps an async closure, with better help from the compiler than the bare closure gets.
///
/// The type of `ctx` is inferred, and a value that keeps the future from being `Send` is named.
///
/// # Examples
/// ```
/// use misc_core::{App, service_fn};
///
/// let app = App::new("shop").service("idle", service_fn(async |ctx| {
///     ctx.ready();
///     ctx.stopping().await;
///     Ok(())
/// }));
/// # drop(app);
/// ```
pub fn service_fn<F, Fut>(run: F) -> Spec<F>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    spec(run)
}

impl<S> Spec<S> {
    /// Replaces the one registered just before as what this service waits for.
    ///
    /// `.after([])` starts it at once. It stops before all that it names. Takes an array or a `Vec` of `&str`.
    pub fn after<'a>(mut self, names: impl AsRef<[&'a str]>) -> Self {
        self.after = Some(names.as_ref().iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Sets how long it may take to be ready (30 s).
    pub fn start_within(mut self, time: Duration) -> Self {
        self.start_within = Some(time);
        self
    }

    /// Sets how long it may take to stop before it is dropped (15 s).
    ///
    /// It never gets more than what the app has left for stopping.
    pub fn stop_within(mut self, time: Duration) -> Self {
        self.stop_within = Some(time);
        self
    }

    /// Lets the app end while this service still runs.
    pub fn background(mut self) -> Self {
        self.background = true;
        self
    }

    /// Sets what its failure means for the app ([`OnFailure::Shutdown`]).
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = Some(on_failure);
        self
    }

    /// Starts the service again after a failure, from a clone of this value.
    ///
    /// It also retries the first start, within the time of [`start_within`](Self::start_within). A service that is
    /// not `Clone` is restarted with [`factory`].
    pub fn restart(mut self, policy: Restart) -> Self
    where
        S: Restartable,
    {
        self.restart = Some((policy, S::clone));
        self
    }
}

impl<S: Service> Service for Spec<S> {
    // Not an `async fn`: its future would carry the whole spec, twice, for as long as the service runs.
    fn run(self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.service.run(ctx)
    }

    fn describe(&mut self, plan: &mut Plan) {
        self.service.describe(plan);
        plan.after = self.after.take().or(plan.after.take());
        plan.start_within = self.start_within.or(plan.start_within);
        plan.stop_within = self.stop_within.or(plan.stop_within);
        plan.background |= self.background;
        plan.on_failure = self.on_failure.unwrap_or(plan.on_failure);
        if let Some((policy, clone)) = self.restart.take() {
            let first = clone(&self.service);
            plan.make = Some(Box::new(move || Box::new(clone(&first))));
            plan.restart = Some(policy);
        }
    }
}

/// A service that can be started again from a clone: anything that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be started again: derive `Clone` for it, or have each start make a fresh one with \
               `factory(|| ..).restart(..)`"
)]
pub trait Restartable: Clone {}

#[diagnostic::do_not_recommend]
impl<S: Clone> Restartable for S {}

/// Makes a fresh service for each start; see [`factory`].
pub struct Factory<S> {
    make: Arc<Mutex<dyn FnMut() -> S + Send>>,
    first: Option<S>,
}

impl<S> Clone for Factory<S> {
    fn clone(&self) -> Self {
        Self { make: Arc::clone(&self.make), first: None }
    }
}

impl<S> std::fmt::Debug for Factory<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}

impl<S: Service> Service for Factory<S> {
    async fn run(mut self, ctx: Context) -> Result<(), BoxError> {
        let service = self.first.take().unwrap_or_else(|| self.make_one());
        service.run(ctx).await
    }

    fn describe(&mut self, plan: &mut Plan) {
        let mut first = self.make_one();
        first.describe(plan);
        plan.from_factory = true;
        self.first = Some(first);
        let template = self.clone();
        plan.make = Some(Box::new(move || Box::new(template.clone())));
    }
}

impl<S> Factory<S> {
    fn make_one(&self) -> S {
        (lock(&self.make))()
    }
}
