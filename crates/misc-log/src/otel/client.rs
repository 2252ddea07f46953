//! The HTTP client of the exporter: it blocks, as befits the SDK's own thread.

use std::{env, pin::Pin, time::Duration};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;

/// How much of a response is read.
const RESPONSE_LIMIT: u64 = 4 << 20;
/// What the specification of OTLP has as the timeout.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client with TLS by rustls.
#[derive(Debug)]
pub(super) struct Client(Agent);

impl Client {
    /// Creates a client whose requests take no longer than `timeout`, or what the environment says.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        let variables = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
        let set = variables.iter().find_map(|name| env::var(name).ok()?.parse().ok());
        let timeout = timeout.or(set.map(Duration::from_millis)).unwrap_or(TIMEOUT);
        let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build();
        Self(config.into())
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(head, &*body))?;
        let (head, body) = response.into_parts();
        let body = body.into_with_config().limit(RESPONSE_LIMIT).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'a, 'async_trait>(&'a self, request: Request<Bytes>) -> Sending<'async_trait>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.send(request) })
    }
}
