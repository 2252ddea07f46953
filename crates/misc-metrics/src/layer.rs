//! A tower layer that measures requests.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::{
    counter::Counter,
    error::Error,
    gauge::{Gauge, GaugeGuard},
    histogram::Histogram,
    registry::Registry,
};

/// Counts and times the requests of any tower service.
///
/// Made by [`Registry::layer`] for a name such as `payments`, it records `{namespace}_payments_requests_total` by
/// `outcome` (`ok`; `error`; `cancelled`, when the future was dropped before its end),
/// `{namespace}_payments_duration_seconds` of all of them, and `{namespace}_payments_in_flight`. An HTTP response with
/// an error status is `ok` here: the service has answered.
///
/// # Examples
/// ```
/// use misc_metrics::Registry;
/// use tower_layer::Layer as _;
///
/// # fn main() -> Result<(), misc_metrics::Error> {
/// # #[derive(Clone)] struct Payments;
/// let metrics = Registry::new("shop");
/// let payments = metrics.layer("payments")?.layer(Payments);
/// # drop(payments);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RequestLayer {
    handles: Arc<Handles>,
}

/// The series of one layer, resolved once.
struct Handles {
    ok: Counter,
    error: Counter,
    cancelled: Counter,
    duration: Histogram,
    in_flight: Gauge,
}

impl RequestLayer {
    pub(crate) fn new(registry: &Registry, name: &str) -> Result<Self, Error> {
        let requests =
            registry.labels(["outcome"]).counter(&format!("{name}_requests_total"), "Requests, by outcome.")?;
        let duration = registry.histogram(&format!("{name}_duration_seconds"), "Duration of requests.")?;
        let in_flight = registry.gauge(&format!("{name}_in_flight"), "Requests that have not ended.")?;
        let [ok, error, cancelled] = ["ok", "error", "cancelled"].map(|outcome| requests.with([outcome]));
        Ok(Self { handles: Arc::new(Handles { ok, error, cancelled, duration, in_flight }) })
    }
}

impl<S> tower_layer::Layer<S> for RequestLayer {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, handles: Arc::clone(&self.handles) }
    }
}

impl fmt::Debug for RequestLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").finish_non_exhaustive()
    }
}

/// A service whose requests are measured; by a [`RequestLayer`].
#[derive(Clone)]
pub struct Measured<S> {
    inner: S,
    handles: Arc<Handles>,
}

impl<S, R> tower_service::Service<R> for Measured<S>
where
    S: tower_service::Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MeasuredFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // Begun before the call, which may do work of its own and may panic.
        let measured = Request::begin(&self.handles);
        MeasuredFuture { inner: self.inner.call(request), request: measured }
    }
}

impl<S: fmt::Debug> fmt::Debug for Measured<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").field("inner", &self.inner).finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a [`Measured`] service.
    ///
    /// # Cancel safety
    /// As that of the service inside; dropped, the request is counted as cancelled.
    #[derive(Debug)]
    pub struct MeasuredFuture<F> {
        #[pin]
        inner: F,
        request: Request,
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for MeasuredFuture<F> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        this.request.end(|handles| if result.is_ok() { &handles.ok } else { &handles.error });
        Poll::Ready(result)
    }
}

/// One request, which is cancelled unless it ends otherwise.
struct Request {
    /// What to record; nothing once it has ended.
    open: Option<(Arc<Handles>, GaugeGuard)>,
    started: Instant,
}

impl Request {
    fn begin(handles: &Arc<Handles>) -> Self {
        Self { open: Some((Arc::clone(handles), handles.in_flight.inc_guard())), started: Instant::now() }
    }

    fn end(&mut self, outcome: impl FnOnce(&Handles) -> &Counter) {
        if let Some((handles, _in_flight)) = self.open.take() {
            handles.duration.observe(self.started.elapsed().as_secs_f64());
            outcome(&handles).inc();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.end(|handles| &handles.cancelled);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("started", &self.started).field("ended", &self.open.is_none()).finish()
    }
}
