//! A call behind a breaker.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use misc_core::Verdict;
use pin_project_lite::pin_project;

use super::{
    core::Core,
    permit::{Held, text},
};
use crate::error::Error;

pin_project! {
    /// Asks to be let in when it is first polled, and judges the answer.
    pub(crate) struct Call<'a, F, J> {
        #[pin]
        future: F,
        core: &'a Core,
        held: Option<Held<&'a Core>>,
        // Taken when there is an answer.
        judge: Option<J>,
    }
}

impl<'a, F, J> Call<'a, F, J> {
    pub(crate) fn new(core: &'a Core, future: F, judge: J) -> Self {
        Self { future, core, held: None, judge: Some(judge) }
    }
}

impl<F, J, T, E> Future for Call<'_, F, J>
where
    F: Future<Output = Result<T, E>>,
    J: FnOnce(Result<&T, &E>) -> Verdict,
    E: fmt::Display,
{
    type Output = Result<T, Error<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.held.is_none() {
            *this.held = Some(Held::acquire(*this.core)?);
        }
        let answer = ready!(this.future.poll(cx));
        if let Some((held, judge)) = this.held.take().zip(this.judge.take()) {
            let said = || answer.as_ref().err().map_or_else(|| "the answer is a failure".into(), |error| text(error));
            held.settle(judge(answer.as_ref()), said);
        }
        Poll::Ready(answer.map_err(Error::inner_error))
    }
}
