//! What a service opens for its tasks and closes after them: the `#[context]`s of a `#[service]`.

use std::{
    any::Any,
    fmt,
    future::Future,
    ptr,
    sync::{Arc, Mutex},
};

use misc_core::{BoxError, CloseFn, Context, Gone, Resource, Started, resource};

use crate::{engine::lock, with_tasks::This};

tokio::task_local! {
    static CURRENT: Current;
}

/// The service that the current task works for.
pub(crate) struct Current {
    /// Where it is, which tells it from others of its type.
    service: usize,
    opened: Arc<Opened>,
}

impl Current {
    pub(crate) fn new<S>(service: &S, opened: &Arc<Opened>) -> Self {
        Self { service: ptr::from_ref(service).addr(), opened: Arc::clone(opened) }
    }

    /// Runs a future for the service, so that it finds what that has opened.
    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }
}

/// What is open, or about to be, by name.
#[derive(Default)]
pub(crate) struct Opened(Mutex<Vec<(&'static str, Handle)>>);

/// A `Resource<Held<T>>`.
type Handle = Arc<dyn Any + Send + Sync>;

impl Opened {
    fn find<T: Send + Sync + 'static>(&self, name: &str) -> Option<Resource<Held<T>>> {
        let opened = lock(&self.0);
        let (_, handle) = opened.iter().find(|(known, _)| *known == name)?;
        handle.downcast_ref().cloned()
    }
}

/// Returns what a service has opened under a name.
///
/// # Errors
/// [`NotOpen`].
pub async fn opened<S, T>(service: &S, name: &'static str) -> Result<T, NotOpen>
where
    T: Clone + Send + Sync + 'static,
{
    let service = ptr::from_ref(service).addr();
    let not_open = |why| NotOpen { name, why };
    let found = CURRENT.try_with(|current| match current.service == service {
        true => current.opened.find::<T>(name).ok_or(Why::Later),
        false => Err(Why::Another),
    });
    let handle = found.unwrap_or(Err(Why::Outside)).map_err(not_open)?;
    handle.get().await.map(|Held(value)| value).map_err(|gone| not_open(Why::Gone(gone)))
}

/// The `#[context]`s of a service, in their order.
pub struct Contexts<S> {
    this: This<S>,
    all: Vec<(&'static str, Handle, Start)>,
}

type Start = Box<dyn FnOnce(&Context) -> Started + Send>;

impl<S: Send + Sync + 'static> Contexts<S> {
    pub(crate) fn new(this: This<S>) -> Self {
        Self { this, all: Vec::new() }
    }

    /// Adds one, by how it is opened and closed.
    pub fn add<T, E, Fut, C>(
        &mut self,
        name: &'static str,
        open: impl Fn(This<S>) -> Fut + Send + Sync + 'static,
        close: C,
    ) where
        T: Clone + Send + Sync + 'static,
        E: Into<BoxError>,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        C: for<'a> CloseFn<'a, T> + Send + Sync + 'static,
    {
        let open = move |this: This<S>| {
            let opening = this.current().scope(open(this));
            async move { opening.await.map(Held) }
        };
        let (handle, driver) = resource(self.this.clone(), open).on_close(CloseHeld(close));
        self.all.push((name, Arc::new(handle), Box::new(move |ctx| ctx.start(name, driver))));
    }

    /// Opens them, one after the other, as children of the service: they close when all else of it has ended.
    ///
    /// Returns whether they are open; they are not when the service shall stop before that.
    pub(crate) async fn open(self, ctx: &Context) -> Result<bool, BoxError> {
        let Self { this, all } = self;
        lock(&this.opened().0).clear();
        for (name, handle, start) in all {
            lock(&this.opened().0).push((name, handle));
            match ctx.until_stopping(start(ctx)).await {
                Some(Ok(())) => {}
                Some(Err(error)) if !ctx.is_stopping() => return Err(error.into()),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl<S> fmt::Debug for Contexts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|(name, ..)| name)).finish()
    }
}

/// A value that [`Context::get`] does not find by its type: it is the service's own.
#[derive(Clone)]
struct Held<T>(T);

struct CloseHeld<C>(C);

impl<'a, T: 'a, C: CloseFn<'a, T>> CloseFn<'a, Held<T>> for CloseHeld<C> {
    type Output = C::Output;

    fn close(&self, value: &'a Held<T>) -> impl Future<Output = Self::Output> + Send + 'a {
        self.0.close(&value.0)
    }
}

/// What a `#[context]` opens cannot be had.
///
/// A service that is asked to stop may return it: that is no failure then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOpen {
    name: &'static str,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Outside,
    Another,
    Later,
    Gone(Gone),
}

impl NotOpen {
    /// Tells whether it was asked for outside of the running service: not in one of its tasks, nor in its `run`.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(self.why, Why::Outside | Why::Another)
    }

    /// Tells whether it has been closed, or has failed.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.why, Why::Gone(_))
    }
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context `{}` ", self.name)?;
        f.write_str(match self.why {
            Why::Outside => "is open while its service runs, in the tasks of the service and in its `run`: not here",
            Why::Another => "is that of the service that runs here, and this is another one, or a clone of it",
            Why::Later => "is not open yet: contexts are opened in the order in which they are written; move it up",
            Why::Gone(_) => "cannot be had",
        })
    }
}

impl std::error::Error for NotOpen {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Gone(gone) => Some(gone),
            Why::Outside | Why::Another | Why::Later => None,
        }
    }
}
