//! The service: one function from start to end.

use std::{
    any::{Any, TypeId},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use crate::{context::Context, error::BoxError, resource::Provided, restart::Restart, spec::OnFailure};

/// Something that starts, works until it is asked to stop, and cleans up.
///
/// One function holds a service's whole life: acquire, say [`ready`](Context::ready), work until
/// [`stopping`](Context::stopping), clean up, return. Its state is its local variables, so they are released in the
/// reverse order of their declaration, also when the future is dropped because it was late.
///
/// A closure `async |ctx: Context| { .. Ok(()) }` is a service, so is an [`App`](crate::App) (a group). What a
/// service may fail with, how long it may take and what it waits for is said at its registration, with
/// [`spec`](crate::spec()).
///
/// # Cancel safety
/// The future may be dropped at any await once [`Context::stop_deadline`] has passed. Clean up that must happen even
/// then belongs into a `Drop`.
///
/// # Examples
/// ```
/// use misc_core::{BoxError, Context, Service};
/// use std::time::Duration;
///
/// struct Heartbeat {
///     every: Duration,
/// }
///
/// impl Service for Heartbeat {
///     async fn run(self, ctx: Context) -> Result<(), BoxError> {
///         let mut beat = tokio::time::interval(self.every);
///         ctx.ready();
///         while ctx.until_stopping(beat.tick()).await.is_some() {
///             println!("alive");
///         }
///         Ok(())
///     }
/// }
/// # fn check(_: impl Service) {}
/// # check(Heartbeat { every: Duration::from_secs(1) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "this is not a service",
    note = "a service is a type that implements `Service`, or an async closure (or function) of this shape:\n\
            async |ctx: Context| {{\n    \
                ctx.ready();\n    \
                ctx.stopping().await;\n    \
                Ok(())\n\
            }}",
    note = "if yours has that shape: does it return `Result<(), BoxError>`, and is all that it holds across an `.await` \
            `Send`?",
    note = "write `service_fn(async |ctx| ..)` around the closure, and the compiler shows which line is at fault"
)]
pub trait Service: Send + 'static {
    /// Runs the service from its start to its end.
    ///
    /// # Errors
    /// Any error is a failure of the service: what follows is its [`OnFailure`](crate::OnFailure) or
    /// [`Restart`](crate::Restart) policy.
    fn run(self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Tells what is known before the start; the wrappers of this crate use it.
    #[doc(hidden)]
    fn describe(&mut self, plan: &mut Plan) {
        let _ = plan;
    }
}

#[diagnostic::do_not_recommend]
impl<F, Fut> Service for F
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        self(ctx).await
    }
}

pub(crate) type ServiceFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
pub(crate) type Make = Box<dyn FnMut() -> Box<dyn Runnable> + Send>;

/// The dyn-compatible twin of [`Service`].
pub(crate) trait Runnable: Send {
    fn run_boxed(self: Box<Self>, ctx: Context) -> ServiceFuture;
}

impl<S: Service> Runnable for S {
    fn run_boxed(self: Box<Self>, ctx: Context) -> ServiceFuture {
        Box::pin((*self).run(ctx))
    }
}

/// What is known of a service before it starts.
#[derive(Default)]
pub struct Plan {
    pub(crate) after: Option<Vec<String>>,
    pub(crate) start_within: Option<Duration>,
    pub(crate) stop_within: Option<Duration>,
    pub(crate) background: bool,
    pub(crate) resource: bool,
    pub(crate) from_factory: bool,
    pub(crate) on_failure: OnFailure,
    pub(crate) restart: Option<Restart>,
    pub(crate) make: Option<Make>,
    pub(crate) provider: Option<Provider>,
    pub(crate) problems: Vec<String>,
}

impl Plan {
    /// Refuses the app before anything starts, with a problem that says what to do about it.
    #[doc(hidden)]
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("after", &self.after).field("background", &self.background).finish_non_exhaustive()
    }
}

/// The resource that a service opens: found by type, told of its service's phases.
///
/// It goes from the driver to its plan to the supervisor; whoever drops it, the users of the resource are told.
pub(crate) struct Provider {
    pub(crate) type_id: TypeId,
    pub(crate) cell: Arc<dyn Any + Send + Sync>,
    pub(crate) provided: Arc<dyn Provided>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.provided.abandon();
    }
}
