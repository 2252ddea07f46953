//! All parts around one call, in the right order.

mod config;
mod flow;
mod layer;
mod meters;
mod plan;
mod status;
mod work;

use std::{
    fmt,
    future::{Future, Ready},
    sync::Arc,
};

use misc_core::{App, BoxError, Context, Meter, Plugin, Service, spec};
use tower_layer::Layer;

pub use self::{
    config::PolicyConfig,
    layer::{PolicyFuture, PolicyLayer, PolicyService},
    status::{BulkheadStatus, PolicyStatus},
};
pub(crate) use self::{flow::Flow, plan::Plan, work::Closure};
use crate::{
    breaker::Breaker,
    budget::Budget,
    bulkhead::Bulkhead,
    classify::{ByStatus, Classify},
    error::{Error, Rejection},
    refused::Refused,
    retry::EveryError,
};

/// Everything that calls to one target need, in the one right order.
///
/// A call passes, from the outside to the inside:
///
/// | part | by default | why there |
/// | --- | --- | --- |
/// | deadline | 30 s, or the current [`Deadline`](misc_core::Deadline) if that is sooner | whoever waits, waits for all of it: turn, pauses, attempts |
/// | [`Bulkhead`] | 1,000 under way, 1,000 more wait up to 1 s | a call has one slot for all its attempts, so that retries do not queue behind new calls |
/// | [`Retry`](crate::Retry) within a [`Budget`] | 3 attempts; 20 % of all calls, and 10/s | each attempt asks the breaker anew; there is none if that is open for longer than the pause |
/// | [`Breaker`] | opens at 50 % failures of 100 calls, for 60 s | it sees each attempt, as the target does, and those that took too long |
/// | attempt timeout | 10 s | what hangs is a failure, and there is time for another attempt |
///
/// Cheap to clone; clones share all of it. Make one for each target: a host, a database. There are three ways in:
/// [`call`](Self::call), as a tower layer, and part by part. As a [`Plugin`] it is shown in what `ctx.inspect` has, and its
/// metrics are those of the app.
///
/// # Examples
/// ```
/// use misc_core::App;
/// use misc_resilience::Policy;
///
/// # async fn fetch(_: u64) -> Result<&'static str, std::io::Error> { Ok("Ada") }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_resilience::Error<std::io::Error>> {
/// let users = Policy::new("users");
/// let app = App::new("shop").with(users.clone());
/// let user = users.call(|| fetch(7)).await?;
/// # assert_eq!(user, "Ada");
/// # drop(app);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Policy<C = EveryError> {
    plan: Arc<Plan>,
    classify: C,
}

impl Policy {
    /// Creates the default policy; its name is that of the target in metrics, in the log, and in rejections.
    ///
    /// # Panics
    /// If the name is empty.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        Self::with_config(name, PolicyConfig::default()).expect("a policy has a name")
    }

    /// Creates a policy of settings.
    ///
    /// # Errors
    /// [`Refused`], with all settings that are nonsense, each with the reason.
    pub fn with_config(name: impl AsRef<str>, config: PolicyConfig) -> Result<Self, Refused> {
        let name = name.as_ref();
        config.check(name)?;
        let mut plan = Plan::new(name.into());
        plan.deadline = config.deadline;
        plan.bulkhead = config.bulkhead.map(|bulkhead| Bulkhead::made_of(Arc::clone(&plan.name), bulkhead));
        plan.budget = config.budget.as_ref().map(Budget::made_of);
        plan.breaker = config.breaker.map(|breaker| Breaker::new(name, breaker)).transpose()?;
        (plan.retry, plan.attempt_timeout) = (config.retry, config.attempt_timeout);
        Ok(Self { plan: Arc::new(plan), classify: EveryError })
    }
}

impl<C> Policy<C> {
    /// Shares a budget with others that call the same target, in place of its own.
    ///
    /// It holds for this policy and its later clones.
    #[must_use]
    pub fn budget(mut self, budget: &Budget) -> Self {
        let mut plan = Arc::unwrap_or_clone(self.plan);
        plan.budget = Some(budget.clone());
        self.plan = Arc::new(plan);
        self
    }

    /// Lets a [`Classify`], such as a closure, say what the end of an attempt means (any error may pass).
    ///
    /// It is for [`call`](Self::call); a layer has its own. See [`Retry::judge`](crate::Retry::judge).
    #[must_use]
    pub fn judge<D>(self, classify: D) -> Policy<D> {
        Policy { plan: self.plan, classify }
    }

    /// Shows it in metrics. The first meter counts, and as a plugin it has that of the app otherwise.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        self.plan.measure(meter);
        self
    }

    /// Makes a call, which may be made more than once.
    ///
    /// # Errors
    /// The last error of the call's own, or why there is none: [`Error::is_open`], [`Error::is_full`], [`Error::is_timeout`].
    ///
    /// # Cancel safety
    /// Dropping it drops the attempt, and gives back all that it has: its slot, its place among those who wait, the right to
    /// a retry. It counts nothing in the breaker, and is not tried again.
    pub async fn call<F, Fut, T, E>(&self, mut call: F) -> Result<T, Error<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        E: fmt::Display,
    {
        Flow::new(&*self.plan, Closure { make: |_| call(), classify: &self.classify }).await
    }

    /// Returns a layer that puts it around a tower service; by itself it reads answers and requests as [`ByStatus`] does.
    ///
    /// The policy is a layer, too, if that will do.
    #[must_use]
    pub fn layer(&self) -> PolicyLayer {
        PolicyLayer::new(Arc::clone(&self.plan))
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Returns its breaker, if it has one, to steer it or to listen to it.
    #[must_use]
    pub fn breaker(&self) -> Option<&Breaker> {
        self.plan.breaker.as_ref()
    }

    /// Returns its bulkhead, if it has one.
    #[must_use]
    pub fn bulkhead(&self) -> Option<&Bulkhead> {
        self.plan.bulkhead.as_ref()
    }

    /// Returns what there is to see. It is what to give to `ctx.inspect`, which it does itself as a plugin.
    #[must_use]
    pub fn status(&self) -> PolicyStatus {
        self.plan.status()
    }

    /// Returns a check for misc-health: an async closure that answers at once, as [`Breaker::healthy`] does; without a
    /// breaker it passes.
    ///
    /// # Examples
    /// ```
    /// use misc_resilience::Policy;
    ///
    /// # async fn check() -> Result<(), misc_resilience::Rejection> {
    /// let users = Policy::new("users");
    /// let healthy = users.healthy(); // Health::new().check("users", healthy)
    /// healthy().await
    /// # }
    /// ```
    pub fn healthy(&self) -> impl Fn() -> Ready<Result<(), Rejection>> + Clone + Send + Sync + 'static + use<C> {
        let breaker = self.plan.breaker.clone();
        move || breaker.as_ref().map_or_else(|| std::future::ready(Ok(())), |breaker| breaker.healthy()())
    }
}

impl<S, C> Layer<S> for Policy<C> {
    type Service = PolicyService<S, ByStatus, ByStatus>;

    fn layer(&self, inner: S) -> Self::Service {
        self.layer().layer(inner)
    }
}

impl<C> Plugin for Policy<C> {
    fn install(self, app: App) -> App {
        app.service(format!("policy-{}", self.name()), spec(Shown(self.plan)).background())
    }
}

impl<C> fmt::Debug for Policy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Shows a policy as a part of an app.
struct Shown(Arc<Plan>);

impl Service for Shown {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        self.0.measure(ctx.meter());
        ctx.inspect("policy", move || self.0.status());
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }
}
