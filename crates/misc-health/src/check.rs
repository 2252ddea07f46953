//! What a check is: how it is made, how long it may take, and what its failure means.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use misc_core::BoxError;

use crate::{damping::Thresholds, report::Reason, setup::READINESS};

/// One check of something that the app needs; made by [`check`] or [`check_with`].
///
/// A check answers with `Ok` or with an error. It is made when a probe asks and the last result is too old; probes that
/// come meanwhile share that run, and it goes on when they hang up. There is never more than one run of a check. One
/// that panics has failed.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_health::{Health, READINESS, check};
///
/// async fn ping_cache() -> std::io::Result<()> {
///     Ok(())
/// }
///
/// let cache = check(ping_cache)
///     .informative()
///     .within(Duration::from_millis(300))
///     .cached_for(Duration::from_secs(5))
///     .fails_after(3)
///     .recovers_after(2)
///     .groups([READINESS, "deep"]);
/// let health = Health::new().group("deep").check("cache", cache);
/// # drop(health);
/// ```
#[must_use = "a check does nothing until it is added: `Health::check`"]
pub struct Check {
    run: Box<Run>,
    pub(crate) critical: bool,
    pub(crate) within: Duration,
    pub(crate) cached_for: Duration,
    pub(crate) thresholds: Thresholds,
    pub(crate) groups: Vec<Arc<str>>,
}

type Run = dyn Fn() -> Answer + Send + Sync;

/// One run: it fails with a reason, since the error itself is of no use to anybody any more.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<(), Reason>> + Send>>;

/// Makes a check of an async function without arguments, or of a closure `|| async { .. }`.
///
/// A closure that has something to keep is clumsy here: use [`check_with`].
///
/// # Examples
/// ```
/// use misc_health::check;
///
/// async fn disk_has_space() -> Result<(), &'static str> {
///     Err("less than 1 GiB is left")
/// }
/// let disk = check(disk_has_space).informative();
/// # drop(disk);
/// ```
pub fn check<F, Fut, E>(run: F) -> Check
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    Check {
        run: Box::new(move || {
            let answer = run();
            Box::pin(async move { answer.await.map_err(|error| Reason::withheld(one_line(&*error.into()))) })
        }),
        critical: true,
        within: Duration::from_millis(700),
        cached_for: Duration::from_secs(1),
        thresholds: Thresholds::NONE,
        groups: vec![READINESS.into()],
    }
}

/// Makes a check of an async closure that takes a clone of `input` each time.
///
/// The input is a pool, a client, or a [`Resource`](misc_core::Resource). A check of a resource may simply wait for it:
/// while it is not open, the check runs out of time.
///
/// # Examples
/// ```
/// use misc_core::{BoxError, Resource, resource};
/// use misc_health::{Health, check_with};
///
/// #[derive(Clone)]
/// struct Pool;
///
/// impl Pool {
///     async fn open(_: ()) -> Result<Self, BoxError> {
///         Ok(Self)
///     }
///     async fn ping(&self) -> Result<(), BoxError> {
///         Ok(())
///     }
/// }
///
/// let (db, _db_service) = resource((), Pool::open).split();
/// let health = Health::new().check("db", check_with(db, async |db: Resource<Pool>| db.get().await?.ping().await));
/// # drop(health);
/// ```
pub fn check_with<C, F, Fut, E>(input: C, run: F) -> Check
where
    C: Clone + Send + Sync + 'static,
    F: Fn(C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    check(move || run(input.clone()))
}

impl Check {
    /// Lets a failure be a warning: the status is `warn` and the answer is still 200.
    pub fn informative(mut self) -> Self {
        self.critical = false;
        self
    }

    /// Sets how long a run may take before it is dropped and has failed (700 ms).
    ///
    /// A probe waits no longer than [`Health::answers_within`](crate::Health::answers_within) has it: a check that may
    /// take longer than that goes on, and the probe gets the result before. What a run has handed to another thread,
    /// such as by `spawn_blocking`, is not dropped with it: give that a timeout of its own.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Sets for how long a result is good for further probes (1 s); zero makes each probe run the check anew.
    pub fn cached_for(mut self, time: Duration) -> Self {
        self.cached_for = time;
        self
    }

    /// Sets how many runs in a row must fail before a working check counts as failing (1).
    ///
    /// Until then it is a warning. The very first run decides alone: what never worked is not given credit.
    pub fn fails_after(mut self, runs: u32) -> Self {
        self.thresholds.failures = runs;
        self
    }

    /// Sets how many runs in a row must succeed before a failing check counts as working again (1).
    pub fn recovers_after(mut self, runs: u32) -> Self {
        self.thresholds.recoveries = runs;
        self
    }

    /// Sets the groups that it belongs to ([`READINESS`]).
    ///
    /// The others are [`STARTUP`](crate::STARTUP) and those of one's own, see [`Health::group`](crate::Health::group).
    /// With none at all, it is only part of `/health`. Takes an array or a `Vec` of `&str`.
    pub fn groups<'a>(mut self, groups: impl AsRef<[&'a str]>) -> Self {
        self.groups = groups.as_ref().iter().map(|&group| group.into()).collect();
        self
    }

    /// Begins a run.
    pub(crate) fn begin(&self) -> Answer {
        (self.run)()
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("critical", &self.critical)
            .field("within", &self.within)
            .field("cached_for", &self.cached_for)
            .field("thresholds", &self.thresholds)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// Anything that [`Health::check`](crate::Health::check) takes: a [`Check`], or what [`check`] makes one of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a health check",
    label = "this is not a health check",
    note = "a check is an async function without arguments, or a closure `|| async {{ .. }}`, that returns \
            `Result<(), E>` and whose future is `Send`",
    note = "for one that needs something write `check_with(pool, async |pool: Pool| ..)`, for one with options \
            `check(ping).within(..)`"
)]
pub trait IntoCheck {
    /// Makes it a check, with the default options if it has none.
    fn into_check(self) -> Check;
}

impl IntoCheck for Check {
    fn into_check(self) -> Check {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<F, Fut, E> IntoCheck for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn into_check(self) -> Check {
        check(self)
    }
}

/// Writes an error and its sources.
pub(crate) fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
