//! What a server can serve.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use tower_service::Service;

use crate::body::Body;

/// Makes a tower service of what [`Server::new`](crate::Server::new) is given: a tower service, or a closure.
///
/// `Kind` tells the two apart; it is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "this is no service of requests",
    note = "serve a `tower::Service<http::Request<misc_http::Body>>`, such as an axum `Router<()>`, or a closure of \
            this shape:\n\
            async |request: Request<Body>| Response::new(\"Hello!\".to_owned())"
)]
pub trait IntoService<Kind> {
    /// The service.
    type Service;

    /// Makes the service.
    fn into_service(self) -> Self::Service;
}

/// The kind of a tower service.
#[derive(Debug)]
pub struct Tower(Infallible);

/// The kind of a closure.
#[derive(Debug)]
pub struct Closure(Infallible);

impl<S: Service<Request<Body>> + 'static> IntoService<Tower> for S {
    type Service = S;

    fn into_service(self) -> S {
        #[cfg(feature = "axum")]
        let this = with_state(self);
        #[cfg(not(feature = "axum"))]
        let this = self;
        this
    }
}

/// Gives a router its state, which it has none of. Else it would build its handlers anew for each request.
#[cfg(feature = "axum")]
fn with_state<S: 'static>(mut service: S) -> S {
    if let Some(router) = (&mut service as &mut dyn std::any::Any).downcast_mut::<axum::Router>() {
        *router = std::mem::take(router).with_state(());
    }
    service
}

impl<F, Fut, B> IntoService<Closure> for F
where
    F: Fn(Request<Body>) -> Fut,
    Fut: Future<Output = Response<B>>,
{
    type Service = Handler<F>;

    fn into_service(self) -> Handler<F> {
        Handler(self)
    }
}

/// A closure as a tower service.
#[derive(Debug, Clone)]
pub struct Handler<F>(F);

impl<F, Fut, B> Service<Request<Body>> for Handler<F>
where
    F: Fn(Request<Body>) -> Fut,
    Fut: Future<Output = Response<B>>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answering<Fut>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering<Fut> {
        Answering { future: (self.0)(request) }
    }
}

pin_project_lite::pin_project! {
    /// The response of a closure, in the making.
    #[derive(Debug)]
    pub struct Answering<Fut> {
        #[pin]
        future: Fut,
    }
}

impl<Fut: Future> Future for Answering<Fut> {
    type Output = Result<Fut::Output, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(ready!(self.project().future.poll(cx))))
    }
}
