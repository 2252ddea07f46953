//! The app: what belongs together, and runs and stops as one.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, time::Duration};
use tracing::error;

use crate::{
    context::Context,
    error::{BoxError, Refused},
    graph,
    handle::Handle,
    lifecycle::{Lifecycle, LifecycleLog, LifecycleMetrics},
    meter::Meter,
    plugin::Plugin,
    process::{Guard, Process},
    reload::Board,
    report::{Late, Report},
    run::panic_message,
    scope::{Lease, Place, Scope, Shared},
    service::{Plan, Service},
    sockets::{Bind, Sockets},
    supervisor::{Registration, Supervisor, run_group},
    sync::lock,
    trace::Tracer,
};

/// Services that start in order, run under supervision, and stop in reverse.
///
/// Services start in the order of their registration, each once the one before it is ready, unless
/// [`Spec::after`](crate::Spec::after) says otherwise; they stop in exactly the reverse order, resources last of all.
/// [`misc::main`](crate::main()) runs an app as a process; [`run`](Self::run) is for those with a runtime of their
/// own.
///
/// An app is a service, too: registered in another app it is a group, with a place in its order, one deadline, and
/// one failure policy. With [`factory`](crate::factory) and [`Spec::restart`](crate::Spec::restart) it restarts as a
/// whole.
///
/// # Examples
/// ```
/// use misc_core::{App, Context};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_core::Report> {
/// App::new("shop")
///     .service("import", async |ctx: Context| {
///         ctx.ready();
///         println!("importing");
///         Ok(())
///     })
///     .run()
///     .await
/// # }
/// ```
#[must_use = "an app does nothing until it runs"]
pub struct App {
    scope: Lease,
    registrations: Vec<Registration>,
    observers: Vec<Arc<dyn Lifecycle>>,
    kept: Kept,
    meter: Option<Meter>,
    sockets: Option<Arc<dyn Sockets>>,
    tracer: Option<Arc<dyn Tracer>>,
    stop_within: Duration,
    drain_delay: Duration,
    signals: bool,
}

impl App {
    /// Creates an app without services. The name is used in logs, errors and the status.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self {
            scope: Lease(Scope::new(name.as_ref())),
            registrations: Vec::new(),
            observers: Vec::new(),
            kept: Kept::default(),
            meter: None,
            sockets: None,
            tracer: None,
            stop_within: Duration::from_secs(25),
            drain_delay: Duration::ZERO,
            signals: true,
        }
    }

    /// Registers a service under a name that is unique in this app and contains no `/`.
    pub fn service(mut self, name: impl Into<String>, service: impl Service) -> Self {
        self.registrations.push(Registration::new(name.into(), service));
        self
    }

    /// Installs a plugin.
    pub fn with(self, plugin: impl Plugin) -> Self {
        plugin.install(self)
    }

    /// Adds an observer of all phase changes, those inside groups included.
    pub fn observe(mut self, observer: impl Lifecycle) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Keeps a value until everything has ended, on every path: a log guard, a temporary directory.
    ///
    /// Kept values are dropped last, the latest first; within 200 ms when the process must end at once.
    pub fn keep(self, value: impl Send + 'static) -> Self {
        self.kept.push(Box::new(value));
        self
    }

    /// Sets what metrics are recorded into (nothing).
    ///
    /// The core records `misc_service_transitions_total`, `misc_service_restarts_total`,
    /// `misc_service_failures_total`, `misc_service_start_duration_seconds` and
    /// `misc_service_stop_duration_seconds`, by service; the app itself has an empty `service`.
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Sets where sockets come from ([`Bind`]).
    pub fn sockets(mut self, sockets: impl Sockets) -> Self {
        self.sockets = Some(Arc::new(sockets));
        self
    }

    /// Sets what ties spans to traces that cross processes (nothing); an exporter of spans brings it.
    pub fn tracer(mut self, tracer: impl Tracer) -> Self {
        self.tracer = Some(Arc::new(tracer));
        self
    }

    /// Sets how long the whole stop may take, drain delay included (25 s).
    ///
    /// Keep it below what the outside grants: Kubernetes kills after 30 s. Of this time 3 s, or half of it when it is
    /// shorter than 6 s, are kept for closing resources. As a group, an app has this time or what
    /// the app around it has left, whichever is less.
    pub fn stop_within(mut self, total: Duration) -> Self {
        self.stop_within = total;
        self
    }

    /// Sets how long the app goes on serving after it was asked to stop and is no longer ready (0 s).
    ///
    /// Under Kubernetes set 5 s: SIGTERM and the removal from the endpoints happen at the same time, so requests
    /// still arrive for a while. Only an app that had been ready waits, and a group never does.
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = delay;
        self
    }

    /// Leaves the signals of the process, and its hard end, to somebody else.
    ///
    /// [`run`](Self::run) handles them otherwise, as [`misc::main`](crate::main()) does. A group never does.
    pub fn without_signals(mut self) -> Self {
        self.signals = false;
        self
    }

    /// Returns a handle on this app; requests that are made before it runs are carried out as soon as it does.
    ///
    /// Take it before the services that need it are made, such as a router with a page for the status.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.scope))
    }

    /// Runs until every service has ended or the app was stopped; for programs with a runtime of their own.
    ///
    /// Works on every tokio runtime with time and I/O enabled. SIGTERM, SIGINT and SIGHUP are handled, and the
    /// process ends hard (code 70) when the stop takes longer than it may; see [`misc::main`](crate::main()) and
    /// [`without_signals`](Self::without_signals). After the end the signals have no effect any more, since a process
    /// that has handled them once cannot go back. When a service still holds a thread after it was dropped, the hard
    /// end stays, for the runtime would wait for that thread.
    ///
    /// # Errors
    /// A [`Report`] of every failure and every late service; or of what is wrong with the registrations, all of it at
    /// once, and then nothing was started.
    ///
    /// # Cancel safety
    /// Weak: dropped, all services are dropped without being asked to stop, and resources are not closed. To stop
    /// use [`Handle::shutdown`].
    pub async fn run(self) -> Result<(), Report> {
        let guard = if self.signals { Some(Guard::new(Process::start()?)) } else { None };
        let kept = self.kept.clone();
        let process = guard.as_ref().and_then(Guard::process);
        let report = self.supervise(process, tokio::runtime::Handle::current()).await;
        kept.release();
        if let Some(guard) = guard.filter(|_| report.late().iter().any(Late::holds_a_thread)) {
            guard.stays();
        }
        report.into_result()
    }

    /// Runs the services around a piece of work: once all are ready the work begins, and at its end they stop.
    ///
    /// Returns what the work returns, or `None` when the app stopped first: by a signal, a request or its own end. An
    /// app without services is fine here. The work runs in the caller's task, beside the supervisor, so it must not
    /// block.
    ///
    /// # Errors
    /// As [`run`](Self::run); the result of the work is lost then.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// use misc_core::{App, Context};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), misc_core::Report> {
    /// let app = App::new("job").service("helper", async |ctx: Context| {
    ///     ctx.ready();
    ///     ctx.stopping().await;
    ///     Ok(())
    /// });
    /// let answer = app.run_until(async { 6 * 7 }).await?;
    /// assert_eq!(answer, Some(42));
    /// # Ok(()) }
    /// ```
    pub async fn run_until<F: Future>(self, work: F) -> Result<Option<F::Output>, Report> {
        let handle = self.handle();
        let work = async {
            if !handle.ready().await {
                return None;
            }
            tokio::select! {
                biased;
                output = work => Some(output),
                () = handle.stopping() => None,
            }
        };
        let idle = |ctx: Context| async move {
            ctx.ready();
            ctx.stopping().await;
            Ok(())
        };
        let app = if self.registrations.is_empty() { self.service("work", idle) } else { self };
        let mut run = pin!(app.run());
        let mut work = pin!(work);
        let mut output = None;
        let ended = loop {
            tokio::select! {
                biased;
                done = &mut work, if output.is_none() => {
                    output = Some(done);
                    handle.shutdown();
                }
                ended = &mut run => break ended,
            }
        };
        ended.map(|()| output.flatten())
    }

    /// Runs as the root of a tree, whose services run on `runtime`.
    pub(crate) async fn supervise(mut self, process: Option<Process>, runtime: tokio::runtime::Handle) -> Report {
        let problems = self.problems();
        if !problems.is_empty() {
            return self.refuse(problems);
        }
        let shared = Arc::new(Shared {
            root: Arc::clone(&self.scope.app),
            reloads: Board::default(),
            changed: watch::Sender::new(()),
            process,
            supervisors: tokio::runtime::Handle::current(),
        });
        let scope = Arc::clone(&self.scope);
        let meter = self.meter.take().unwrap_or_default();
        let sockets = self.sockets.take().unwrap_or_else(|| Arc::new(Bind));
        if meter.is_enabled() {
            self.observers.insert(0, Arc::new(LifecycleMetrics(meter.clone())));
        }
        self.observers.insert(0, Arc::new(LifecycleLog));
        scope.settle(Place {
            outer: None,
            total: self.stop_within,
            drain_delay: self.drain_delay,
            shared: Arc::clone(&shared),
            runtime,
            observers: self.observers.into(),
            meter,
            sockets,
            tracer: self.tracer.take(),
        });
        if let Some(process) = &shared.process {
            process.watch(Arc::clone(&scope), self.kept.clone());
        }
        let report = Supervisor::new(scope, self.registrations, self.kept).run().await;
        if !report.is_clean() {
            let (failures, late) = (report.failures().len(), report.late().len());
            error!(app = %shared.root, failures, late, "the app did not end cleanly");
        }
        report
    }

    /// Settles the scope of a group inside the app around it.
    fn settle_inside(&mut self, ctx: &Context) {
        let Some(outer) = ctx.run().scope.place() else {
            return;
        };
        let own = std::mem::take(&mut self.observers).into_iter();
        self.scope.settle(Place {
            outer: Some(Arc::clone(ctx.run())),
            total: self.stop_within,
            drain_delay: Duration::ZERO,
            shared: Arc::clone(&outer.shared),
            runtime: outer.runtime.clone(),
            observers: own.chain(outer.observers.iter().cloned()).collect(),
            meter: self.meter.take().unwrap_or_else(|| outer.meter.clone()),
            sockets: self.sockets.take().unwrap_or_else(|| Arc::clone(&outer.sockets)),
            tracer: self.tracer.take().or_else(|| outer.tracer.clone()),
        });
    }

    /// Says what is wrong with the app, before anything starts.
    fn problems(&self) -> Vec<String> {
        let mut problems = graph::problems(&self.registrations);
        if self.registrations.is_empty() {
            problems.push("it has no services; register one with `.service(name, ..)`".to_owned());
        }
        if self.stop_within.is_zero() {
            problems.push("the app's `stop_within` is zero, so every service would be late; raise it".to_owned());
        } else if self.drain_delay >= self.stop_within {
            problems.push(format!(
                "the app's `drain_delay` of {:?} leaves nothing of its `stop_within` of {:?}; raise the latter",
                self.drain_delay, self.stop_within
            ));
        }
        problems
    }

    fn refuse(self, problems: Vec<String>) -> Report {
        Report::refused(Refused { app: Arc::clone(&self.scope.app), problems })
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

impl Service for App {
    async fn run(mut self, ctx: Context) -> Result<(), BoxError> {
        let problems = self.problems();
        if !problems.is_empty() {
            // What a factory makes was checked the first time only.
            return Err(Refused { app: Arc::clone(&self.scope.app), problems }.into());
        }
        self.settle_inside(&ctx);
        let Self { scope, registrations, kept, .. } = self;
        let ended = run_group(&scope, registrations, kept.clone(), ctx).await;
        kept.release();
        ended
    }

    fn describe(&mut self, plan: &mut Plan) {
        plan.stop_within = Some(self.stop_within).filter(|time| !time.is_zero());
        let group = &self.scope.app;
        plan.problems.extend(self.problems().into_iter().map(|problem| format!("in group `{group}`: {problem}")));
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.registrations.iter().map(|registration| &registration.name).collect();
        f.debug_struct("App").field("name", &self.scope.app).field("services", &services).finish_non_exhaustive()
    }
}

/// Values that are dropped last: when asked to, or with the last share.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Values>);

#[derive(Default)]
struct Values(Mutex<Vec<Box<dyn Send>>>);

impl Kept {
    fn push(&self, value: Box<dyn Send>) {
        lock(&self.0.0).push(value);
    }

    /// Drops them, the latest first.
    pub(crate) fn release(&self) {
        self.0.release();
    }
}

impl Values {
    fn release(&self) {
        loop {
            // The lock is not held while a value is dropped.
            let Some(value) = lock(&self.0).pop() else {
                return;
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                error!(panic = panic_message(&*payload), "a kept value panicked when it was dropped");
            }
        }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}
