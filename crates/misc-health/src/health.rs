//! The health of an app: what it is asked of, and who may ask.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, Context, Meter, Plugin, spec};
use tokio::time::{Instant, timeout};
use tracing::error;

use crate::{
    check::IntoCheck,
    endpoint::Endpoint,
    flight::Flight,
    liveness::{Alive, Liveness},
    phases::Phases,
    report::{Component, Report},
    service::{Observer, Owner, SERVICE},
    setup::{ALL, Group, LIVENESS, READINESS, STARTUP, Setup, lock},
};

/// The health of an app: a plugin that follows it, and runs checks when somebody asks.
///
/// Clones share everything, so an [`endpoint`](Self::endpoint) that was made before a check was added has that check,
/// too. Install it on the root app, before the services, so that it is among the last to stop; it adds a background
/// service called `health`, which owns the runs of checks and is idle otherwise; so an app without another service is
/// not refused, but runs until it is stopped. What does not make sense, such as two checks of one name or a group that
/// is not declared, is refused when the app starts: that service fails, and says all of it.
///
/// | group | healthy while |
/// | --- | --- |
/// | [`LIVENESS`] | every liveness check says so. Nothing else counts, neither the app's phase nor any other check |
/// | [`READINESS`] | the app is ready and has not been asked to stop, no service of it is missed, and no critical check fails. It is off from the very beginning of a stop, before the drain delay |
/// | [`STARTUP`] | the app was ready once, and no critical check that was put there fails |
/// | [`ALL`] | all of this |
/// | one's own | no critical check of it fails |
///
/// A service is missed when it was ready, has failed or is started again on request, and is not ready again. One that is
/// stopping without having failed is not, as nobody can tell yet whether it is to start again; nor is one that has ended
/// for good, be it that its work is done, that somebody has stopped it, or that its failure is ignored; nor is one that
/// was started at run time and never came up. To leave others out, see [`without_service`](Self::without_service).
///
/// Into the app's meter go `health_check_up` (0 or 1) and `health_check_duration_seconds`, by `check`, and
/// `health_group_up` by `group`; each is as of the last time that somebody asked. A check that begins to fail is logged
/// once, as a warning with its error, and so is its recovery.
///
/// # Examples
/// ```
/// use misc_core::App;
/// use misc_health::Health;
///
/// async fn ping_database() -> std::io::Result<()> {
///     Ok(())
/// }
///
/// let health = Health::new().check("db", ping_database);
/// let app = App::new("shop").with(health.clone());
/// let endpoint = health.endpoint(); // for any HTTP server that takes tower services
/// # drop((app, endpoint));
/// ```
///
/// To the watchdog of systemd it says whether the process is alive, where misc-upgrade's `Notify` speaks for the app:
///
/// ```
/// # use misc_health::Health;
/// # #[derive(Debug)]
/// # struct Notify;
/// # impl Notify {
/// #     fn from_env() -> Result<Self, std::fmt::Error> { Ok(Self) }
/// #     fn healthy_while<C, F: Future<Output = bool> + Send>(self, _: C, _: impl Fn(C) -> F) -> Self { self }
/// # }
/// # fn main() -> Result<(), std::fmt::Error> {
/// let health = Health::new().liveness("matcher", || true);
/// let notify = Notify::from_env()?.healthy_while(health.clone(), async |health: Health| health.is_live());
/// # drop((health, notify));
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
#[must_use = "install it: `App::with`"]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    setup: Mutex<Setup>,
    pub(crate) phases: Mutex<Phases>,
    /// The service that owns runs, while it is there.
    pub(crate) owner: Mutex<Option<Context>>,
}

impl Shared {
    /// Takes in nothing more, and says what is wrong with what there is.
    pub(crate) fn close(&self) -> Vec<String> {
        let mut setup = lock(&self.setup);
        let mut problems = setup.problems();
        if std::mem::replace(&mut setup.is_closed, true) {
            problems.push("`Health` was installed in another app before; make one for each".to_owned());
        }
        problems
    }
}

impl Health {
    /// Creates one without checks: it still knows whether the app lives and is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check under a name of its own: an async function, or one with options, see [`check`](crate::check()).
    ///
    /// By itself it is critical and counts for readiness.
    pub fn check(self, name: impl AsRef<str>, check: impl IntoCheck) -> Self {
        let flight = Flight::new(name.as_ref().into(), check.into_check());
        self.change(|setup| setup.checks.push(Arc::new(flight)))
    }

    /// Adds a liveness check, which says whether the process itself still works.
    ///
    /// It is made at once, in the task of whoever asks, so it must be quick: a look at a flag, or at when a loop has
    /// last come round. A panic counts as a failure. A process that is not alive is killed and started again, so ask
    /// nothing that a restart does not cure; for this reason the answer cannot be a future, see [`Alive`].
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// use misc_health::Health;
    ///
    /// let poisoned = Arc::new(AtomicBool::new(false));
    /// let health = Health::new().liveness("matcher", move || !poisoned.load(Ordering::Relaxed));
    /// assert!(health.is_live());
    /// ```
    pub fn liveness<A: Alive>(self, name: impl AsRef<str>, is_alive: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let liveness = Liveness::new(name.as_ref().into(), is_alive);
        self.change(|setup| setup.liveness.push(Arc::new(liveness)))
    }

    /// Declares a group of one's own, which is then found under `/health/<name>`; checks are put there by
    /// [`Check::groups`](crate::Check::groups).
    pub fn group(self, name: impl AsRef<str>) -> Self {
        self.change(|setup| setup.groups.push(Group::new(name.as_ref())))
    }

    /// Lets readiness ignore a service, by its path, and all that is inside it.
    ///
    /// For those that the app can do without for a while, such as one that only warms a cache.
    pub fn without_service(self, path: impl AsRef<str>) -> Self {
        lock(&self.shared.phases).ignore(path.as_ref());
        self
    }

    /// Sets how long an answer may take (800 ms), whatever the checks do.
    ///
    /// A check that needs longer goes on; until it ends, its last result is the answer. Keep it below the timeout of
    /// the probes, which is 1 s for a kubelet unless `timeoutSeconds` says otherwise.
    pub fn answers_within(self, time: Duration) -> Self {
        self.change(|setup| setup.answers_within = time)
    }

    fn change(self, change: impl FnOnce(&mut Setup)) -> Self {
        {
            let mut setup = lock(&self.shared.setup);
            if setup.is_closed {
                error!("health was set up further after the app had started, which is ignored");
            } else {
                change(&mut setup);
            }
        }
        self
    }

    /// Returns the HTTP endpoint: `/livez`, `/readyz`, `/startupz` and `/health`.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.clone())
    }

    /// Makes the liveness checks; returns whether all say that the process works.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let Some(group) = lock(&self.shared.setup).group(LIVENESS) else {
            return true;
        };
        let owner = lock(&self.shared.owner).clone();
        let meter = owner.as_ref().map(Context::meter);
        let report = Report::new(self.components_of_app(LIVENESS, meter));
        note(&group, &report, meter);
        report.is_healthy()
    }

    /// Returns whether the app can take work; the same as a [`report`](Self::report) on [`READINESS`] that is healthy.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn is_ready(&self) -> bool {
        self.report(READINESS).await.is_some_and(|report| report.is_healthy())
    }

    /// Returns the state of a group; `None` when there is no such group.
    ///
    /// It has the results of checks that are not too old and waits for runs of the others, for as long as an answer may
    /// take ([`answers_within`](Self::answers_within)).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Strict: a run that was begun goes on, for others who ask.
    pub async fn report(&self, group: &str) -> Option<Report> {
        let (group, checks, within) = {
            let setup = lock(&self.shared.setup);
            (setup.group(group)?, setup.members(group), setup.answers_within)
        };
        let asked = Instant::now();
        let owner = lock(&self.shared.owner).clone();
        let tickets: Vec<_> = checks.iter().map(|check| check.request(owner.as_ref())).collect();
        for (check, ticket) in checks.iter().zip(tickets) {
            if let Some(ticket) = ticket {
                // Too late, it has its last result to show.
                drop(timeout(within.saturating_sub(asked.elapsed()), check.ended(ticket)).await);
            }
        }
        // Looked at now, since a stop may have begun meanwhile.
        let meter = owner.as_ref().map(Context::meter);
        let mut components = self.components_of_app(&group.name, meter);
        components.extend(checks.iter().map(|check| {
            check.give_up_overdue(meter);
            check.component()
        }));
        let report = Report::new(components);
        note(&group, &report, meter);
        Some(report)
    }

    /// Returns what needs no waiting: the app, and the liveness checks.
    fn components_of_app(&self, group: &str, meter: Option<&Meter>) -> Vec<Component> {
        let phases = lock(&self.shared.phases);
        let mut components = match group {
            READINESS | ALL => vec![phases.readiness()],
            STARTUP => vec![phases.startup()],
            _ => Vec::new(),
        };
        drop(phases);
        if matches!(group, LIVENESS | ALL) {
            let liveness = lock(&self.shared.setup).liveness.clone();
            components.extend(liveness.iter().map(|check| check.component(meter)));
        }
        components
    }
}

/// Keeps the metric of a group.
fn note(group: &Group, report: &Report, meter: Option<&Meter>) {
    if let Some(meter) = meter {
        let help = "Whether a group of health checks was healthy (1) or not (0) when it was last asked for.";
        let make = || meter.label("group", &*group.name).gauge("health_group_up", help);
        group.up.get_or_init(make).set(if report.is_healthy() { 1.0 } else { 0.0 });
    }
}

impl Plugin for Health {
    fn install(self, app: App) -> App {
        let (observer, owner) = (Observer(Arc::clone(&self.shared)), Owner(self.shared));
        app.observe(observer).service(SERVICE, spec(owner).background())
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = lock(&self.shared.setup);
        let checks: Vec<_> = setup.checks.iter().map(|check| &*check.name).collect();
        let liveness: Vec<_> = setup.liveness.iter().map(|check| &*check.name).collect();
        f.debug_struct("Health").field("checks", &checks).field("liveness", &liveness).finish_non_exhaustive()
    }
}
