//! Resources: opened before, and closed after, everything that uses them.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    context::Context,
    error::BoxError,
    lifecycle::Phase,
    run,
    service::{Plan, Provider, Service},
};

/// Describes a resource by what it is opened from and how.
///
/// `input` is cloned for each opening and has exactly the type that `open` takes; `()` if it takes nothing, as in
/// `resource((), async |()| ..)`. It may itself be a [`Resource`]. What is opened is handed out as clones, so it is a
/// pool, a client, or an `Arc`. Finish with [`Opening::on_close`] or [`Opening::split`].
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError, Context, resource};
///
/// #[derive(Clone)]
/// struct Pool(String);
///
/// impl Pool {
///     async fn connect(url: String) -> Result<Self, BoxError> {
///         Ok(Self(url))
///     }
///     async fn close(&self) {}
/// }
///
/// let (db, db_service) = resource("db://shop".to_owned(), Pool::connect).on_close(Pool::close);
/// let app = App::new("shop").service("db", db_service).service("user", async move |ctx: Context| {
///     let pool = db.get().await?;
///     ctx.ready();
///     println!("connected to {}", pool.0);
///     Ok(())
/// });
/// # drop(app);
/// ```
pub fn resource<C, T, E, Fut>(input: C, open: impl Fn(C) -> Fut + Send + Sync + 'static) -> Opening<T>
where
    C: Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<BoxError>,
{
    Opening {
        open: Arc::new(move || {
            let opening = open(input.clone());
            Box::pin(async move { opening.await.map_err(Into::into) })
        }),
    }
}

type OpenFn<T> = dyn Fn() -> Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>> + Send + Sync;
type CloseResult<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;
type DynCloseFn<T> = dyn for<'a> Fn(&'a T) -> CloseResult<'a> + Send + Sync;

/// A resource that is described but not yet split into its handle and its service.
#[must_use = "call `on_close` or `split`, and register the driver"]
pub struct Opening<T> {
    open: Arc<OpenFn<T>>,
}

impl<T: Clone + Send + Sync + 'static> Opening<T> {
    /// Says how it is closed; returns the handle for its users and the service to register.
    ///
    /// `close` runs exactly once per opening, on every path out of the app except a hard end (a second signal, a
    /// wedged process, SIGKILL) and a dropped [`App::run`](crate::App::run). It returns `()` or a `Result`.
    ///
    /// # Examples
    /// ```
    /// # use misc_core::{BoxError, resource};
    /// # #[derive(Clone)] struct Pool;
    /// # impl Pool { async fn open(_: ()) -> Result<Self, BoxError> { Ok(Self) } async fn close(&self) {} }
    /// let (pool, driver) = resource((), Pool::open).on_close(Pool::close);
    /// let (other, other_driver) = resource((), Pool::open).on_close(async |pool: &Pool| {
    ///     println!("closing");
    ///     pool.close().await;
    /// });
    /// # drop((pool, driver, other, other_driver));
    /// ```
    pub fn on_close<F>(self, close: F) -> (Resource<T>, Driver<T>)
    where
        F: for<'a> CloseFn<'a, T> + Send + Sync + 'static,
    {
        self.build(Arc::new(move |value| {
            let closing = close.close(value);
            Box::pin(async move { closing.await.into_result() })
        }))
    }

    /// Closes it by dropping it; returns the handle for its users and the service to register.
    pub fn split(self) -> (Resource<T>, Driver<T>) {
        self.build(Arc::new(|_| Box::pin(std::future::ready(Ok(())))))
    }

    fn build(self, close: Arc<DynCloseFn<T>>) -> (Resource<T>, Driver<T>) {
        let cell = Arc::new(Cell { name: OnceLock::new(), slot: watch::Sender::new(Slot::Pending) });
        let provider =
            Provider { type_id: TypeId::of::<T>(), cell: Arc::clone(&cell) as _, provided: Arc::clone(&cell) as _ };
        let driver = Driver { open: self.open, close, cell: Arc::clone(&cell), provider: Some(provider) };
        (Resource { cell }, driver)
    }
}

impl<T> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening<{}>", type_name::<T>())
    }
}

/// A function that closes a `&T`: `async |pool: &Pool| pool.close().await`, or a method such as `Pool::close`.
///
/// Implemented for every such function; there is no need to implement it.
pub trait CloseFn<'a, T: 'a> {
    /// What closing returns: `()` or a `Result`.
    type Output: Closed;

    /// Closes the value.
    fn close(&self, value: &'a T) -> impl Future<Output = Self::Output> + Send + 'a;
}

impl<'a, T, F, Fut> CloseFn<'a, T> for F
where
    T: 'a,
    F: Fn(&'a T) -> Fut,
    Fut: Future<Output: Closed> + Send + 'a,
{
    type Output = Fut::Output;

    fn close(&self, value: &'a T) -> impl Future<Output = Self::Output> + Send + 'a {
        self(value)
    }
}

/// The result of a close function: `()` or a `Result`.
pub trait Closed {
    /// Returns the error, if closing has failed.
    ///
    /// # Errors
    /// The error of the close function.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Closed for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Closed for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// A handle on a resource, for those who use it. Cheap to clone.
pub struct Resource<T> {
    cell: Arc<Cell<T>>,
}

impl<T: Clone + Send + Sync + 'static> Resource<T> {
    /// Returns the open resource, waiting while it is not open yet or is being reopened.
    ///
    /// Call it for each use rather than keep the value: after a restart of the resource it returns the new one. The
    /// wait ends when the service that waits is asked to stop. To wait for less, put a `tokio::time::timeout` around it.
    ///
    /// # Errors
    /// [`Gone`] when the resource has stopped or failed, or was never registered, or the calling service is asked to
    /// stop meanwhile. A service that is asked to stop may return that error: it does not count as a failure then.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn get(&self) -> Result<T, Gone> {
        if let Slot::Open(value) = &*self.cell.slot.borrow() {
            return Ok(value.clone());
        }
        let waiting = run::current().map(|run| run.waits_for(self.cell.label()));
        let stopping = waiting.as_ref().map(run::Waiting::stopping);
        tokio::select! {
            biased;
            value = self.settled() => value,
            () = cancelled(stopping) => Err(self.cell.gone(Why::Unwanted)),
        }
    }

    /// Waits until it is open, or will not be.
    async fn settled(&self) -> Result<T, Gone> {
        let mut slot = self.cell.slot.subscribe();
        // Cannot fail: `self` holds the sender.
        let settled = slot.wait_for(|slot| !matches!(slot, Slot::Pending)).await;
        match settled.as_deref() {
            Ok(Slot::Open(value)) => Ok(value.clone()),
            Ok(Slot::Gone(why)) => Err(self.cell.gone(*why)),
            Ok(Slot::Pending) | Err(_) => Err(self.cell.gone(Why::Stopped)),
        }
    }

    pub(crate) fn of(cell: Arc<dyn Any + Send + Sync>) -> Option<Self> {
        cell.downcast().ok().map(|cell| Self { cell })
    }
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell) }
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource<{}>", type_name::<T>())
    }
}

/// The service that opens and closes a resource. Register it before those who use the resource.
///
/// With `spec(driver).restart(..)` a failed opening is tried again, for the first time within the start deadline.
#[must_use = "register it: `App::service(\"name\", driver)`"]
pub struct Driver<T> {
    open: Arc<OpenFn<T>>,
    close: Arc<DynCloseFn<T>>,
    cell: Arc<Cell<T>>,
    provider: Option<Provider>,
}

impl<T: Clone + Send + Sync + 'static> Service for Driver<T> {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let Some(opened) = ctx.until_stopping((self.open)()).await else {
            return Ok(());
        };
        let value = opened?;
        if self.cell.open(&ctx, &value) {
            ctx.ready();
            ctx.stopping().await;
        }
        (self.close)(&value).await
    }

    fn describe(&mut self, plan: &mut Plan) {
        plan.resource = true;
        plan.background = true;
        plan.provider = self.provider.take();
        let template = self.clone();
        plan.make = Some(Box::new(move || Box::new(template.clone())));
    }
}

/// A clone drives the same resource; it is for restarts, see [`Spec::restart`](crate::Spec::restart).
impl<T> Clone for Driver<T> {
    fn clone(&self) -> Self {
        let Self { open, close, cell, .. } = self;
        Self { open: Arc::clone(open), close: Arc::clone(close), cell: Arc::clone(cell), provider: None }
    }
}

impl<T> fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driver<{}>", type_name::<T>())
    }
}

/// A resource cannot be had (any more).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label} {}", .why.as_str())]
pub struct Gone {
    label: String,
    why: Why,
}

impl Gone {
    /// Tells whether the driver was dropped instead of being registered.
    #[must_use]
    pub fn is_unregistered(&self) -> bool {
        self.why == Why::Unregistered
    }

    /// Finds one in an error or its sources.
    pub(crate) fn is_in(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<Self>)
    }

    /// Tells whether the resource has failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.why == Why::Failed
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Unregistered,
    Stopped,
    Failed,
    Unwanted,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unregistered => "was never registered: pass its driver to `App::service`",
            Self::Stopped => "has been closed",
            Self::Failed => "has failed",
            Self::Unwanted => "was not open yet when the service that waits for it was asked to stop",
        }
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

/// The supervisor's side of a resource.
pub(crate) trait Provided: Send + Sync {
    /// Gives the resource the name of its service.
    fn name(&self, path: &Arc<str>);
    /// Follows its service; `again` when the service will be started again.
    fn follow(&self, phase: Phase, again: bool);
    /// Its service is gone for good; unless it ended before, nobody will ever open it.
    fn abandon(&self);
}

struct Cell<T> {
    name: OnceLock<Arc<str>>,
    slot: watch::Sender<Slot<T>>,
}

enum Slot<T> {
    Pending,
    Open(T),
    Gone(Why),
}

impl<T: Clone> Cell<T> {
    /// Hands the value out, unless it comes too late: when its service was given up, or starts again already.
    fn open(&self, ctx: &Context, value: &T) -> bool {
        self.slot.send_if_modified(|slot| {
            let wanted = matches!(slot, Slot::Pending) && !ctx.is_stopping();
            if wanted {
                *slot = Slot::Open(value.clone());
            }
            wanted
        })
    }
}

impl<T> Cell<T> {
    fn label(&self) -> String {
        match self.name.get() {
            Some(name) => format!("resource `{name}`"),
            None => format!("a resource of type `{}`", type_name::<T>()),
        }
    }

    fn gone(&self, why: Why) -> Gone {
        Gone { label: self.label(), why }
    }
}

impl<T: Send + Sync> Provided for Cell<T> {
    fn name(&self, path: &Arc<str>) {
        self.name.get_or_init(|| Arc::clone(path));
    }

    fn follow(&self, phase: Phase, again: bool) {
        let slot = match phase {
            // The driver itself puts the value in.
            Phase::Ready => return,
            Phase::Failed => Slot::Gone(Why::Failed),
            Phase::Stopped => Slot::Gone(Why::Stopped),
            Phase::Stopping if !again => Slot::Gone(Why::Stopped),
            _ => Slot::Pending,
        };
        self.slot.send_replace(slot);
    }

    fn abandon(&self) {
        let why = if self.name.get().is_some() { Why::Stopped } else { Why::Unregistered };
        if !matches!(*self.slot.borrow(), Slot::Gone(_)) {
            // What it replaces is dropped outside of the lock: it is the user's own.
            drop(self.slot.send_replace(Slot::Gone(why)));
        }
    }
}
