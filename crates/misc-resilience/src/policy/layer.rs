//! A policy around a tower service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{flow::Flow, plan::Plan, work::Sending};
use crate::{
    classify::{Again, ByStatus, Classify},
    error::Error,
};

/// Puts a [`Policy`](crate::Policy) or a [`Retry`](crate::Retry) around any tower service.
///
/// All services that it makes share what the policy has: its breaker, its bulkhead, its budget. What answers mean a
/// [`Classify`] says, and which requests may be made more than once an [`Again`]: [`ByStatus`] is both for HTTP.
///
/// # Examples
/// ```
/// use misc_resilience::{Policy, Verdict};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let judge = |answer: Result<&u64, &std::io::Error>| match answer {
///     Ok(_) => Verdict::Success,
///     Err(_) => Verdict::Transient(None),
/// };
/// let layer = Policy::new("squares").layer().classify(judge).again(|number: &u64| Some(*number));
/// let squares = ServiceBuilder::new()
///     .layer(layer)
///     .service(service_fn(async |number: u64| Ok::<_, std::io::Error>(number * number)));
/// assert_eq!(squares.oneshot(7).await?, 49);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PolicyLayer<C = ByStatus, A = ByStatus> {
    plan: Arc<Plan>,
    classify: C,
    again: A,
}

impl PolicyLayer {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, classify: ByStatus, again: ByStatus }
    }
}

impl<C, A> PolicyLayer<C, A> {
    /// Sets what tells answers apart ([`ByStatus`]). It is cloned for each call.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> PolicyLayer<D, A> {
        PolicyLayer { plan: self.plan, classify, again: self.again }
    }

    /// Sets what says which requests may be made more than once ([`ByStatus`]), and makes them. It is cloned for each call.
    #[must_use]
    pub fn again<B>(self, again: B) -> PolicyLayer<C, B> {
        PolicyLayer { plan: self.plan, classify: self.classify, again }
    }
}

impl<S, C: Clone, A: Clone> Layer<S> for PolicyLayer<C, A> {
    type Service = PolicyService<S, C, A>;

    fn layer(&self, inner: S) -> Self::Service {
        let (plan, classify, again) = (Arc::clone(&self.plan), self.classify.clone(), self.again.clone());
        PolicyService { inner, plan, classify, again }
    }
}

impl<C, A> fmt::Debug for PolicyLayer<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer").field("name", &self.plan.name).finish_non_exhaustive()
    }
}

/// A service behind a [`Policy`](crate::Policy) or a [`Retry`](crate::Retry).
///
/// It is always ready: a clone of the inner service gets ready within each attempt, so that its waiting is bounded by the
/// deadlines, its errors are those of the attempt, and an open breaker does not wait for it.
///
/// What was never sent, since the inner service did not get ready, can be sent again, whatever it is.
///
/// A call is judged by its answer: for HTTP that is the head of the response. What becomes of the body after it is not seen,
/// and neither holds it a slot nor bounds a deadline it. An answer that is followed by another attempt is kept, with its body,
/// until that one has ended, since it is the answer if there is none better.
#[derive(Clone)]
pub struct PolicyService<S, C = ByStatus, A = ByStatus> {
    inner: S,
    plan: Arc<Plan>,
    classify: C,
    again: A,
}

impl<S, C, A, Req> Service<Req> for PolicyService<S, C, A>
where
    S: Service<Req> + Clone,
    S::Error: fmt::Display,
    C: Classify<S::Response, S::Error> + Clone,
    A: Again<Req> + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = PolicyFuture<S, C, A, Req>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (service, classify, again) = (self.inner.clone(), self.classify.clone(), self.again.clone());
        let sending = Sending { service, request: Some(request), classify, again };
        PolicyFuture { flow: Flow::new(Arc::clone(&self.plan), sending) }
    }
}

impl<S: fmt::Debug, C, A> fmt::Debug for PolicyService<S, C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService")
            .field("name", &self.plan.name)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The answer of a [`PolicyService`].
    pub struct PolicyFuture<S, C, A, Req>
    where
        S: Service<Req>,
        S::Error: fmt::Display,
        C: Classify<S::Response, S::Error>,
        A: Again<Req>,
    {
        #[pin]
        flow: Flow<Arc<Plan>, Sending<S, Req, C, A>>,
    }
}

impl<S, C, A, Req> Future for PolicyFuture<S, C, A, Req>
where
    S: Service<Req>,
    S::Error: fmt::Display,
    C: Classify<S::Response, S::Error>,
    A: Again<Req>,
{
    type Output = Result<S::Response, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().flow.poll(cx)
    }
}

impl<S, C, A, Req> fmt::Debug for PolicyFuture<S, C, A, Req>
where
    S: Service<Req>,
    S::Error: fmt::Display,
    C: Classify<S::Response, S::Error>,
    A: Again<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flow.fmt(f)
    }
}
