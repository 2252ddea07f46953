//! What a task does: an async closure, and what it may return.

use std::{future::Future, pin::Pin};

use misc_core::BoxError;

use crate::run::Run;

/// The work of a task: an async closure or function, called for each run.
///
/// It takes nothing or a [`Run`], and returns an [`Answer`]. With an input (a pool, a client, an `Arc`), of which each
/// run gets a clone, it takes that first: see [`Task::with`](crate::Task::with). Implemented for every such function;
/// there is no need to implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the work of a task",
    label = "this is not the work of a task",
    note = "it is an async closure or function, `async || ..` or `async |run: Run| ..`, whose future is `Send`, and \
            that returns `()`, `Next`, `Result<(), E>` or `Result<Next, E>`",
    note = "one that has something to keep gets it as an input: `Task::with(name, trigger, pool, async |pool: Pool| ..)` \
            or `.task_with(..)`"
)]
pub trait Work<Input, Shape>: Send + Sync + 'static {
    /// Begins a run.
    fn begin(&self, input: Input, run: Run) -> impl Future<Output = Result<Next, BoxError>> + Send + 'static;
}

/// No input.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Nothing;

#[diagnostic::do_not_recommend]
impl<F, Fut> Work<Nothing, fn()> for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer> + Send + 'static,
{
    fn begin(&self, _: Nothing, _: Run) -> impl Future<Output = Result<Next, BoxError>> + Send + 'static {
        let work = self();
        async move { work.await.into_next() }
    }
}

#[diagnostic::do_not_recommend]
impl<F, Fut> Work<Nothing, fn(Run)> for F
where
    F: Fn(Run) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer> + Send + 'static,
{
    fn begin(&self, _: Nothing, run: Run) -> impl Future<Output = Result<Next, BoxError>> + Send + 'static {
        let work = self(run);
        async move { work.await.into_next() }
    }
}

/// The work of a task that has an input; see [`Work`].
#[diagnostic::do_not_recommend]
impl<I, F, Fut> Work<I, fn(I)> for F
where
    I: Clone + Send + Sync + 'static,
    F: Fn(I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer> + Send + 'static,
{
    fn begin(&self, input: I, _: Run) -> impl Future<Output = Result<Next, BoxError>> + Send + 'static {
        let work = self(input);
        async move { work.await.into_next() }
    }
}

#[diagnostic::do_not_recommend]
impl<I, F, Fut> Work<I, fn(I, Run)> for F
where
    I: Clone + Send + Sync + 'static,
    F: Fn(I, Run) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer> + Send + 'static,
{
    fn begin(&self, input: I, run: Run) -> impl Future<Output = Result<Next, BoxError>> + Send + 'static {
        let work = self(input, run);
        async move { work.await.into_next() }
    }
}

/// What the work of a task may return: `()`, [`Next`], or a `Result` of one of them.
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    note = "it returns `()`, `Next`, `Result<(), E>` or `Result<Next, E>`, with any error that converts into `BoxError`"
)]
pub trait Answer {
    /// Says what comes next, or that the run has failed.
    ///
    /// # Errors
    /// The error of the work.
    fn into_next(self) -> Result<Next, BoxError>;
}

impl Answer for () {
    fn into_next(self) -> Result<Next, BoxError> {
        Ok(Next::Continue)
    }
}

impl Answer for Next {
    fn into_next(self) -> Result<Next, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> Answer for Result<(), E> {
    fn into_next(self) -> Result<Next, BoxError> {
        self.map(|()| Next::Continue).map_err(Into::into)
    }
}

impl<E: Into<BoxError>> Answer for Result<Next, E> {
    fn into_next(self) -> Result<Next, BoxError> {
        self.map_err(Into::into)
    }
}

/// What comes after a run that has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Next {
    /// The schedule goes on.
    #[default]
    Continue,
    /// The task is done for good: it does not run again.
    Finish,
    /// The scheduler stops, as a service that has done its work.
    StopService,
    /// The app is asked to stop, the groups around the scheduler included.
    StopApp,
}

pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<Next, BoxError>> + Send>>;
pub(crate) type DynWork = dyn Fn(Run) -> Attempt + Send + Sync;

/// Erases the type of some work.
pub(crate) fn erase<I, Shape, W>(input: I, work: W) -> Box<DynWork>
where
    I: Clone + Send + Sync + 'static,
    W: Work<I, Shape>,
{
    Box::new(move |run| Box::pin(work.begin(input.clone(), run)))
}
