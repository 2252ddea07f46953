//! What one puts around axum's routes without misc: layers of tower-http, and metrics by hand.

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::{Duration, Instant};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

use crate::Error;

/// Puts them around, the first outermost.
pub(super) fn layered(routes: Router, timeout: Duration) -> Result<Router, Error> {
    let metrics = Metrics::new(&Registry::new())?;
    Ok(routes.layer((
        SetRequestIdLayer::x_request_id(MakeRequestUuid),
        PropagateRequestIdLayer::x_request_id(),
        TraceLayer::new_for_http(),
        from_fn_with_state(metrics, measure),
        TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout),
        CatchPanicLayer::new(),
    )))
}

#[derive(Clone)]
struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    active: IntGauge,
}

impl Metrics {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let labels = ["method", "route", "status"];
        let this = Self {
            requests: IntCounterVec::new(Opts::new("http_requests_total", "Requests served."), &labels)?,
            seconds: HistogramVec::new(HistogramOpts::new("http_request_seconds", "How long they took."), &labels)?,
            active: IntGauge::new("http_requests_active", "Requests in flight.")?,
        };
        registry.register(Box::new(this.requests.clone()))?;
        registry.register(Box::new(this.seconds.clone()))?;
        registry.register(Box::new(this.active.clone()))?;
        Ok(this)
    }
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let (start, method) = (Instant::now(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    metrics.active.inc();
    let response = next.run(request).await;
    metrics.active.dec();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let status = response.status();
    let labels = [method.as_str(), route, status.as_str()];
    metrics.requests.with_label_values(&labels).inc();
    metrics.seconds.with_label_values(&labels).observe(start.elapsed().as_secs_f64());
    response
}
