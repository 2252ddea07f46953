//! Calls that are made again when they have failed.

mod config;
mod judge;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use misc_core::Meter;
use tower_layer::Layer;

pub use self::{
    config::{Delays, Jitter, RetryConfig},
    judge::{EveryError, Unless},
};
use crate::{
    budget::Budget,
    classify::{ByStatus, Classify},
    error::Error,
    policy::{Closure, Flow, Plan, PolicyLayer, PolicyService},
    refused::Refused,
};

/// Makes calls again that have failed, after pauses that grow, until they are too many or it is too late.
///
/// By default a call is made three times at most, with pauses of up to 100 ms and 200 ms, within 30 s in all. Who calls
/// [`call`](Self::call) has thereby said that it may be made more than once; as a tower layer it asks [`Again`](crate::Again),
/// and makes the rest once. A [`Budget`] keeps all calls to a target from being made three times when that is down: give each
/// target one.
///
/// - **What is tried again** is an error that may pass ([`Verdict::Transient`](misc_core::Verdict::Transient)), and one that took longer than
///   [`attempt_timeout`](Self::attempt_timeout). Every error is such a one, but for [`when`](Self::when),
///   [`give_up_on`](Self::give_up_on), and [`judge`](Self::judge). A panic, and a call that is dropped, are not tried again.
/// - **How long it waits** is up to [`RetryConfig::delays`], or longer if the target has said so (`Retry-After`).
/// - **When it ends.** Its own [`deadline`](Self::deadline) and the current [`Deadline`](misc_core::Deadline) hold, the sooner of
///   the two. It is over at once where the next pause would last longer. Each attempt runs under what is left, so that
///   whoever is called knows. At the end it gives the last error that a call had; [`Error::is_timeout`] only if none had one.
///
/// It is cheap to clone.
///
/// # Examples
/// ```
/// use std::{io, time::Duration};
/// use misc_resilience::{Budget, Retry};
///
/// # async fn fetch(_: u64) -> io::Result<&'static str> { Ok("Ada") }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), misc_resilience::Error<io::Error>> {
/// let retry = Retry::new()
///     .attempts(5)
///     .attempt_timeout(Duration::from_secs(1))
///     .deadline(Duration::from_secs(10))
///     .budget(&Budget::new())
///     .give_up_on(|error: &io::Error| error.kind() == io::ErrorKind::NotFound);
///
/// let user = retry.call(|_| fetch(7)).await?;
/// # assert_eq!(user, "Ada");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Retry<C = EveryError> {
    plan: Arc<Plan>,
    classify: C,
}

impl Retry {
    /// Creates the default one: three attempts within 30 s.
    #[must_use]
    pub fn new() -> Self {
        Self::made_of(RetryConfig::default())
    }

    /// Creates one of settings, within 30 s.
    ///
    /// # Errors
    /// [`Refused`] says of each setting that makes no sense why it does not.
    pub fn with_config(config: RetryConfig) -> Result<Self, Refused> {
        Refused::if_any("the retry", config.problems())?;
        Ok(Self::made_of(config))
    }

    fn made_of(config: RetryConfig) -> Self {
        let mut plan = Plan::new("".into());
        (plan.deadline, plan.retry) = (Some(Duration::from_secs(30)), Some(config));
        Self { plan: Arc::new(plan), classify: EveryError }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Retry<C> {
    /// Sets how often a call is made at most, the first time included (3); zero is as good as one.
    #[must_use]
    pub fn attempts(self, attempts: u32) -> Self {
        self.changed(|plan| plan.retry.get_or_insert_default().attempts = attempts)
    }

    /// Sets how long everything may take, the pauses included (30 s); `None` is as long as it takes.
    ///
    /// Without it a target that asks to be let alone for an hour is let alone for an hour.
    #[must_use]
    pub fn deadline(self, time: impl Into<Option<Duration>>) -> Self {
        let time = time.into();
        self.changed(|plan| plan.deadline = time)
    }

    /// Sets how long one attempt may take (as long as there is time).
    #[must_use]
    pub fn attempt_timeout(self, time: impl Into<Option<Duration>>) -> Self {
        let time = time.into();
        self.changed(|plan| plan.attempt_timeout = time)
    }

    /// Sets what limits the retries to a target, whoever calls it (nothing).
    #[must_use]
    pub fn budget(self, budget: &Budget) -> Self {
        self.changed(|plan| plan.budget = Some(budget.clone()))
    }

    /// Shows it in metrics. The first meter counts. A retry has no name, so the meter should have a label with that of the target:
    /// `meter.label("name", "users")`.
    #[must_use]
    pub fn meter(self, meter: &Meter) -> Self {
        self.plan.measure(meter);
        self
    }

    /// Tries again only what it would try again by now, and for which `passes` says so.
    #[must_use]
    pub fn when<E, F: Fn(&E) -> bool>(self, passes: F) -> Retry<Unless<C, impl Fn(&E) -> bool + use<C, E, F>>> {
        self.give_up_on(move |error: &E| !passes(error))
    }

    /// Tries no more when `is_final` says so of an error.
    #[must_use]
    pub fn give_up_on<E, F: Fn(&E) -> bool>(self, is_final: F) -> Retry<Unless<C, F>> {
        Retry { plan: self.plan, classify: Unless::new(self.classify, is_final) }
    }

    /// Lets a [`Classify`], such as a closure, say what the end of a call means, in place of all that was said before.
    ///
    /// It may look at answers, too, and say how long to wait.
    ///
    /// # Examples
    /// ```
    /// use std::{io, time::Duration};
    /// use misc_resilience::{Retry, Verdict};
    ///
    /// let retry = Retry::new().judge(|answer: Result<&u16, &io::Error>| match answer {
    ///     Ok(503) => Verdict::Transient(Some(Duration::from_secs(1))),
    ///     Ok(_) => Verdict::Success,
    ///     Err(_) => Verdict::Transient(None),
    /// });
    /// # drop(retry);
    /// ```
    #[must_use]
    pub fn judge<D>(self, classify: D) -> Retry<D> {
        Retry { plan: self.plan, classify }
    }

    /// Makes a call, and makes it again as long as it fails and that makes sense.
    ///
    /// # Errors
    /// The last error of the call's own, or [`Error::is_timeout`] if there was none in time.
    ///
    /// # Cancel safety
    /// Dropping it drops the attempt, and there is no other; what an attempt has done remains done.
    pub async fn call<F, Fut, T, E>(&self, call: F) -> Result<T, Error<E>>
    where
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        E: fmt::Display,
    {
        Flow::new(&*self.plan, Closure { make: call, classify: &self.classify }).await
    }

    /// Returns a layer that makes requests to a tower service again, as [`Again`](crate::Again) lets it; by itself, as
    /// [`ByStatus`] does.
    #[must_use]
    pub fn layer(&self) -> PolicyLayer {
        PolicyLayer::new(Arc::clone(&self.plan))
    }

    fn changed(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Arc::unwrap_or_clone(self.plan);
        change(&mut plan);
        self.plan = Arc::new(plan);
        self
    }
}

impl<S, C> Layer<S> for Retry<C> {
    type Service = PolicyService<S, ByStatus, ByStatus>;

    fn layer(&self, inner: S) -> Self::Service {
        self.layer().layer(inner)
    }
}

impl<C> fmt::Debug for Retry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("config", &self.plan.retry).finish_non_exhaustive()
    }
}

/// One of the times that a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    number: u32,
    of: u32,
}

impl Attempt {
    pub(crate) fn new(number: u32, of: u32) -> Self {
        Self { number, of }
    }

    /// Returns which one it is, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// Tells whether there is none after it.
    #[must_use]
    pub fn is_last(self) -> bool {
        self.number >= self.of
    }
}
