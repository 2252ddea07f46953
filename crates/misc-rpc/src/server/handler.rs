//! What answers the calls of one procedure, whatever its types.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    answer::{Answer, Unwritable},
    params::Params,
};
use crate::fault::Fault;

/// Reads parameters, and begins a call with them.
pub(crate) type Handler = Box<dyn Fn(Params<'_>) -> Result<Running, String> + Send + Sync>;

/// A call under way.
pub(crate) type Running = Pin<Box<dyn Run>>;

/// A call under way, which writes its own answer.
pub(crate) trait Run: Send {
    /// Goes on with it; gives the code of its error once it has ended, if it has one.
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        answer: &mut Answer<'_>,
    ) -> Poll<Result<Option<i32>, Unwritable>>;
}

/// Erases the types of a function.
pub(crate) fn handler<P, T, E, Fut>(function: impl Fn(P) -> Fut + Send + Sync + 'static) -> Handler
where
    P: DeserializeOwned,
    T: Serialize + 'static,
    E: Fault,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    Box::new(move |params| {
        let future = function(params.read()?);
        Ok(Box::pin(Work { future }))
    })
}

pin_project! {
    struct Work<F> {
        #[pin]
        future: F,
    }
}

impl<F, T, E> Run for Work<F>
where
    F: Future<Output = Result<T, E>> + Send,
    T: Serialize,
    E: Fault,
{
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        answer: &mut Answer<'_>,
    ) -> Poll<Result<Option<i32>, Unwritable>> {
        Poll::Ready(match ready!(self.project().future.poll(cx)) {
            Ok(value) => answer.result(&value).map(|()| None),
            Err(fault) => answer.fault(&fault).map(Some),
        })
    }
}
