//! The layer itself.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use misc_core::{BoxError, Meter};
use tokio::time::Duration;
use tower_layer::Layer;
use tower_service::Service;

use super::{body::ResponseBody, exchange::Exchange, future::ResponseFuture, metrics::Instruments};

/// Makes the layer that every service needs: ids, traces, metrics, deadlines, and no panic gets out.
///
/// `meter` is where the metrics go: that of the registry, or [`Context::meter`](misc_core::Context::meter). What the
/// layer does is said at [`Standard`].
///
/// # Examples
/// ```
/// # #[cfg(feature = "axum")]
/// # fn routes(meter: &misc_core::Meter) -> misc_http::axum::Router {
/// use std::time::Duration;
/// use misc_http::{axum::{Router, routing::get}, layers};
///
/// Router::new()
///     .route("/users/{id}", get(async || "a user"))
///     .layer(layers::standard(meter).timeout(Duration::from_secs(10)))
/// # }
/// ```
#[must_use = "a layer does nothing until it is put around a service"]
pub fn standard(meter: &Meter) -> Standard {
    let options = Options { timeout: None, trusts: true, span: true, access_log: false };
    Standard { instruments: Arc::new(Instruments::new(meter)), options }
}

/// What surrounds every handler, in one layer; [`standard`] makes it.
///
/// Give it to axum's `Router::layer` after the last route, or put it around any other service of `http` requests, such
/// as one of tonic's; it answers where the service inside does not, and adds no error of its own. In the order in which
/// they happen:
///
/// - **Request id.** See [`RequestId`](crate::RequestId).
/// - **Trace.** A valid `traceparent` makes the request a part of that trace
///   ([`TraceContext::current`](misc_core::TraceContext::current)); [`trace::inject`](crate::trace::inject) passes it on.
/// - **Deadline.** The soonest of [`timeout`](Self::timeout), the deadline around the call, and what the client says
///   (`x-envoy-expected-rq-timeout-ms`, `grpc-timeout`). A handler sees it as
///   [`Deadline::current`](misc_core::Deadline::current), and is dropped when it passes: the client gets a 503. It bounds
///   the time to the head of the response, not its body.
/// - **Span.** `request`, at level INFO and of target `misc_http`, with fields by OpenTelemetry's semantic conventions.
/// - **Metrics.** `http_server_request_duration_seconds`, `http_server_request_body_size_bytes` and
///   `http_server_response_body_size_bytes` by method, [route](crate::Route), status and `error_type`,
///   `http_server_active_requests` by method. `error_type` is empty unless a request has failed: `panic`, `timeout`,
///   `error` (of the service, or of the body of its response), `aborted` (its client was gone, or the server cut it), or
///   else the status, from 500 on. A request whose client is gone counts as 499, as in nginx. One lasts until
///   the head of its response, or, where the body's size is not known by then, until the end of the body. The size of a
///   request's body without a length is counted behind axum only.
/// - **Panics.** A handler that panics costs its client a 500, and says why to the log only. A body that panics ends
///   with an error, which cuts the response short.
/// - **Access log**, unless it is off, as it is [to begin with](Self::access_log).
///
/// Its own answers are [problems](crate::Problem), with the id of the request.
#[derive(Debug, Clone)]
pub struct Standard {
    instruments: Arc<Instruments>,
    options: Options,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    pub(crate) trusts: bool,
    pub(crate) span: bool,
    pub(crate) access_log: bool,
}

impl Standard {
    /// Sets how long a handler may take until the head of its response (as long as it likes).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Sets whether it counts what clients say of request ids, traces and deadlines (yes).
    ///
    /// Turn it off where strangers call without a proxy in between: else they choose which traces are recorded, and may
    /// give their requests ids that others have.
    #[must_use]
    pub fn trust_clients(mut self, trust: bool) -> Self {
        self.options.trusts = trust;
        self
    }

    /// Sets whether requests have a span (yes); where nobody listens to it, it costs next to nothing.
    #[must_use]
    pub fn span(mut self, span: bool) -> Self {
        self.options.span = span;
        self
    }

    /// Sets whether each request is logged when it has been served (no): at level INFO, of target `misc_http::access`.
    ///
    /// The path is logged, the query is not, since what is in one is often secret.
    #[must_use]
    pub fn access_log(mut self, access_log: bool) -> Self {
        self.options.access_log = access_log;
        self
    }
}

impl<S> Layer<S> for Standard {
    type Service = StandardService<S>;

    // Cheap, since a router of axum that has no state yet puts its layers around a handler for each request.
    fn layer(&self, inner: S) -> StandardService<S> {
        StandardService { inner, standard: self.clone() }
    }
}

/// A service with a [`Standard`] layer around it.
#[derive(Clone)]
pub struct StandardService<S> {
    inner: S,
    standard: Standard,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for StandardService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ReqB: Body + 'static,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let exchange = Exchange::begin(&self.standard.instruments, self.standard.options, &mut request);
        ResponseFuture::begin(exchange, &mut self.inner, request)
    }
}

impl<S> fmt::Debug for StandardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardService").field("standard", &self.standard).finish_non_exhaustive()
    }
}
