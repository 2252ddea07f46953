//! A service that was written with `#[service]`, and what it shares with its tasks.

use std::{fmt, future::Future, ops::Deref, sync::Arc};

use misc_core::{BoxError, Context, Plan, Service};
use tokio::sync::oneshot;
use tracing::error;

use crate::{
    on_demand::{OnDemand, on_demand_with},
    opened::{Contexts, Current, Opened},
    run::Run,
    scheduler::Scheduler,
    task::Task,
    trigger::Trigger,
    work::Answer,
};

/// A service with its tasks: what `with_tasks()` of a [`#[service]`](macro@crate::service) gives beside their handle.
///
/// A clone is the same service, for [`restart`](misc_core::Spec::restart): its state stays what it was.
#[must_use = "it does nothing until it is registered: `App::service`"]
pub struct WithTasks<S> {
    this: This<S>,
    scheduler: Scheduler,
}

impl<S: Tasked> WithTasks<S> {
    /// Describes the tasks of a service; returns their handle, too.
    #[doc(hidden)]
    pub fn new(service: S) -> (S::Tasks, Self) {
        let this = This { service: Some(Arc::new(service)), opened: Arc::default() };
        let (scheduler, tasks) = this.tasks(&this);
        (tasks, Self { this, scheduler })
    }
}

impl<S> Clone for WithTasks<S> {
    fn clone(&self) -> Self {
        Self { this: self.this.clone(), scheduler: self.scheduler.clone() }
    }
}

impl<S: Tasked> Service for WithTasks<S> {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let Self { this, scheduler } = self;
        let mut contexts = Contexts::new(this.clone());
        S::contexts(&mut contexts);
        if !contexts.open(&ctx).await? {
            return Ok(());
        }
        match S::RUNS {
            true => run_beside(this, scheduler, ctx).await,
            false => scheduler.run(ctx).await,
        }
    }

    fn describe(&mut self, plan: &mut Plan) {
        self.scheduler.describe(plan);
    }
}

impl<S> fmt::Debug for WithTasks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithTasks").field("scheduler", &self.scheduler).finish_non_exhaustive()
    }
}

/// Runs the service's own `run` beside its tasks: it begins once those that run once have succeeded, and at a stop it ends
/// before the tasks do.
async fn run_beside<S: Tasked>(this: This<S>, scheduler: Scheduler, ctx: Context) -> Result<(), BoxError> {
    let (begin, begun) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let beside = {
        let ctx = ctx.clone();
        async move {
            if !matches!(ctx.until_stopping(begun).await, Some(Ok(()))) {
                return;
            }
            let result = this.current().scope(S::beside(this, ctx.clone())).await;
            if result.is_ok() {
                ctx.ready();
            }
            if let Err(Err(error)) = end.send(result) {
                error!(service = ctx.name(), error, "`run` has failed while the service stopped");
            }
        }
    };
    // A task of the service: its panic is that of the service, and when the tasks end the service, it is asked to stop.
    drop(ctx.spawn(beside));
    let mut begin = Some(begin);
    let ready = move || {
        // Refused only when it has ended.
        begin.take().map(|begin| begin.send(()));
    };
    let stop = async {
        // One that ends without a result has panicked, or never begun.
        let result = ended.await.unwrap_or(Ok(()));
        if result.is_ok() {
            ctx.stopping().await;
        }
        result
    };
    scheduler.drive(&ctx, ready, stop).await
}

/// Creates a task of a service.
///
/// Its bounds are said one by one, so that the compiler shows what is wrong in the method, and not that a closure is no work.
pub fn task<S, Fut>(
    name: &str,
    trigger: impl Into<Trigger>,
    this: &This<S>,
    work: impl Fn(This<S>, Run) -> Fut + Send + Sync + 'static,
) -> Task
where
    S: Send + Sync + 'static,
    Fut: Future<Output: Answer> + Send + 'static,
{
    Task::with(name, trigger, this.clone(), move |this: This<S>, run: Run| this.current().scope(work(this, run)))
}

/// Creates a task of a service that runs on demand.
pub fn on_demand<S, A, R, Fut>(
    name: &str,
    this: &This<S>,
    work: impl Fn(This<S>, A) -> Fut + Send + Sync + 'static,
) -> (OnDemand<A, R::Value>, Task)
where
    S: Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
    R: Returned<Value: Send + 'static>,
    Fut: Future<Output = R> + Send + 'static,
{
    on_demand_with(name, this.clone(), move |this: This<S>, argument| {
        let running = this.current().scope(work(this, argument));
        async move { running.await.into_result() }
    })
}

/// Describes the tasks of a service, as it was; for one that is registered by itself.
pub fn describe<S: Tasked>(service: &S, plan: &mut Plan) {
    let nobody = This { service: None, opened: Arc::default() };
    let (mut scheduler, _) = service.tasks(&nobody);
    scheduler.describe(plan);
}

/// What [`#[service]`](macro@crate::service) writes: which tasks and contexts there are, by the builders of this crate.
pub trait Tasked: Sized + Send + Sync + 'static {
    /// The handle of the tasks.
    type Tasks;

    /// There is a `run` beside the tasks.
    const RUNS: bool = false;

    /// Describes the tasks, and what they work on: `this` is the service once it runs.
    fn tasks(&self, this: &This<Self>) -> (Scheduler, Self::Tasks);

    /// Describes what is opened for them.
    fn contexts(contexts: &mut Contexts<Self>) {
        let _ = contexts;
    }

    /// Runs beside them.
    fn beside(this: This<Self>, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = (this, ctx);
        std::future::ready(Ok(()))
    }
}

/// A service, shared by its tasks.
pub struct This<S> {
    /// `None` where tasks are only described, and never run.
    service: Option<Arc<S>>,
    opened: Arc<Opened>,
}

impl<S> This<S> {
    /// Returns what makes work find what the service has opened.
    pub(crate) fn current(&self) -> Current {
        Current::new(&**self, &self.opened)
    }

    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }
}

impl<S> Deref for This<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.service.as_deref().expect("a service whose tasks run")
    }
}

impl<S> Clone for This<S> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), opened: Arc::clone(&self.opened) }
    }
}

impl<S> fmt::Debug for This<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("This").finish_non_exhaustive()
    }
}

/// What runs on demand, and what opens a context, returns.
#[diagnostic::on_unimplemented(
    message = "what runs on demand, or opens a context, cannot return `{Self}`",
    label = "this is no `Result`",
    note = "it returns a `Result`, with any error that converts into `BoxError`"
)]
pub trait Returned {
    /// What it is if it succeeds.
    type Value;

    /// Makes it a `Result`.
    ///
    /// # Errors
    /// The error that it is.
    fn into_result(self) -> Result<Self::Value, BoxError>;
}

impl<T, E: Into<BoxError>> Returned for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

impl Returned for () {
    type Value = ();

    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}
