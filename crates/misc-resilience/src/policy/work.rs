//! What is attempted: a closure, or a service with a request.

use std::{
    fmt,
    future::Future,
    task::{Context, Poll},
};

use misc_core::Verdict;
use tower_service::Service;

use crate::{
    classify::{Again, Classify},
    retry::Attempt,
};

/// Something that can be attempted, once or more.
pub(crate) trait Work {
    type Output;
    type Error: fmt::Display;
    type Future: Future<Output = Result<Self::Output, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Begins an attempt, when it is ready.
    fn start(&mut self, attempt: Attempt) -> Self::Future;

    /// Tells whether it can be attempted once more.
    fn can_repeat(&self) -> bool;

    fn verdict(&self, end: Result<&Self::Output, &Self::Error>) -> Verdict;

    fn describe(&self, answer: &Self::Output) -> String;
}

/// A closure, which can be called as often as one likes.
pub(crate) struct Closure<'a, F, C> {
    pub(crate) make: F,
    pub(crate) classify: &'a C,
}

impl<F, Fut, C, T, E> Work for Closure<'_, F, C>
where
    F: FnMut(Attempt) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    E: fmt::Display,
{
    type Output = T;
    type Error = E;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn start(&mut self, attempt: Attempt) -> Fut {
        (self.make)(attempt)
    }

    fn can_repeat(&self) -> bool {
        true
    }

    fn verdict(&self, end: Result<&T, &E>) -> Verdict {
        self.classify.verdict(end)
    }

    fn describe(&self, answer: &T) -> String {
        self.classify.describe(answer)
    }
}

/// A request on its way to a service.
#[derive(Debug)]
pub(crate) struct Sending<S, Req, C, A> {
    pub(crate) service: S,
    /// The next one to send, if there is one.
    pub(crate) request: Option<Req>,
    pub(crate) classify: C,
    pub(crate) again: A,
}

impl<S, Req, C, A> Work for Sending<S, Req, C, A>
where
    S: Service<Req>,
    S::Error: fmt::Display,
    C: Classify<S::Response, S::Error>,
    A: Again<Req>,
{
    type Output = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn start(&mut self, attempt: Attempt) -> S::Future {
        let request = self.request.take().expect("an attempt has a request");
        if !attempt.is_last() {
            self.request = self.again.again(&request);
        }
        self.service.call(request)
    }

    fn can_repeat(&self) -> bool {
        self.request.is_some()
    }

    fn verdict(&self, end: Result<&S::Response, &S::Error>) -> Verdict {
        self.classify.verdict(end)
    }

    fn describe(&self, answer: &S::Response) -> String {
        self.classify.describe(answer)
    }
}
