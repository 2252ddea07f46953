//! A breaker around a tower service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Breaker,
    core::Core,
    permit::{Held, text},
};
use crate::{
    classify::{ByStatus, Classify},
    error::{Error, Rejection},
};

/// Puts a [`Breaker`] around any tower service.
///
/// All services that it makes share the breaker. What their answers mean, a [`Classify`] says: [`ByStatus`] for HTTP, or a
/// closure, which may look at any type of answer.
///
/// # Examples
/// ```
/// use misc_resilience::{Breaker, BreakerConfig, Verdict};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Breaker::new("squares", BreakerConfig::default())?;
/// let judge = |answer: Result<&u64, &std::io::Error>| match answer {
///     Ok(_) => Verdict::Success,
///     Err(_) => Verdict::Failure,
/// };
/// let squares = ServiceBuilder::new()
///     .layer(breaker.layer().classify(judge))
///     .service(service_fn(async |number: u64| Ok::<_, std::io::Error>(number * number)));
/// assert_eq!(squares.oneshot(7).await?, 49);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = ByStatus> {
    core: Arc<Core>,
    classify: C,
}

impl BreakerLayer {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, classify: ByStatus }
    }
}

impl<C> BreakerLayer<C> {
    /// Sets what tells answers apart ([`ByStatus`]). It is cloned for each call.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> BreakerLayer<D> {
        BreakerLayer { core: self.core, classify }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let (core, classify) = (Arc::clone(&self.core), self.classify.clone());
        BreakerService { inner, core, classify, refusal: None }
    }
}

/// A service behind a [`Breaker`].
///
/// While the breaker is open the service is ready at once, whether or not what it protects is, and rejects. An error while
/// getting ready counts as that of a call.
///
/// A call is judged by its answer: for HTTP that is the head of the response. What becomes of the body after it is not seen.
/// Dropping the future of a call counts nothing.
#[derive(Debug)]
pub struct BreakerService<S, C = ByStatus> {
    inner: S,
    core: Arc<Core>,
    classify: C,
    /// Set if it is ready since the breaker is open; the inner service may not be.
    refusal: Option<Rejection>,
}

impl<S, C> BreakerService<S, C> {
    /// Returns the breaker.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        Breaker::from_core(Arc::clone(&self.core))
    }
}

impl<S: Clone, C: Clone> Clone for BreakerService<S, C> {
    fn clone(&self) -> Self {
        let (inner, core, classify) = (self.inner.clone(), Arc::clone(&self.core), self.classify.clone());
        // Nobody has asked the clone whether it is ready.
        Self { inner, core, classify, refusal: None }
    }
}

impl<S, C, Req> Service<Req> for BreakerService<S, C>
where
    S: Service<Req>,
    S::Error: fmt::Display,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = BreakerFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.refusal = self.core.shut();
        if self.refusal.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(self.inner.poll_ready(cx));
        Poll::Ready(result.map_err(|error| {
            if let Ok(held) = Held::acquire(&*self.core) {
                settle(held, &self.classify, Err(&error));
            }
            Error::inner_error(error)
        }))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if let Some(rejection) = self.refusal.take() {
            self.core.reject();
            return BreakerFuture::rejected(rejection);
        }
        match Held::acquire(Arc::clone(&self.core)) {
            Ok(held) => BreakerFuture::of(self.inner.call(request), held, self.classify.clone()),
            Err(rejection) => BreakerFuture::rejected(rejection),
        }
    }
}

pin_project! {
    /// The answer of a [`BreakerService`].
    #[derive(Debug)]
    pub struct BreakerFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F, C> {
        Called { #[pin] future: F, held: Option<Held<Arc<Core>>>, classify: C },
        Rejected { rejection: Option<Rejection> },
    }
}

impl<F, C> BreakerFuture<F, C> {
    fn of(future: F, held: Held<Arc<Core>>, classify: C) -> Self {
        Self { state: State::Called { future, held: Some(held), classify } }
    }

    fn rejected(rejection: Rejection) -> Self {
        Self { state: State::Rejected { rejection: Some(rejection) } }
    }
}

impl<F, C, Res, Err> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<Res, Err>>,
    C: Classify<Res, Err>,
    Err: fmt::Display,
{
    type Output = Result<Res, Error<Err>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Called { future, held, classify } => {
                let answer = ready!(future.poll(cx));
                if let Some(held) = held.take() {
                    settle(held, classify, answer.as_ref());
                }
                Poll::Ready(answer.map_err(Error::inner_error))
            }
            StateProjection::Rejected { rejection } => match rejection.take() {
                Some(rejection) => Poll::Ready(Err(rejection.into())),
                None => Poll::Pending,
            },
        }
    }
}

fn settle<B, C, Res, Err>(held: Held<B>, classify: &C, answer: Result<&Res, &Err>)
where
    B: std::ops::Deref<Target = Core>,
    C: Classify<Res, Err>,
    Err: fmt::Display,
{
    let said = || match answer {
        Ok(response) => text(&classify.describe(response)),
        Err(error) => text(error),
    };
    held.settle(classify.verdict(answer), said);
}
