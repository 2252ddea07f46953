//! The HTTP client of the exporter: it blocks, as befits the SDK's own thread.

use std::{env, pin::Pin, sync::Arc, time::Duration};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;

use super::Reports;

/// How much of a response is read.
const RESPONSE_LIMIT: u64 = 4 << 20;
/// What the specification of OTLP has as the timeout.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client with TLS by rustls.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    reports: Arc<Reports>,
}

impl Client {
    /// Creates a client whose requests take no longer than `timeout`, or what the environment says, and who hears of their
    /// failures.
    pub(super) fn new(timeout: Option<Duration>, reports: Arc<Reports>) -> Self {
        let variables = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
        let set = variables.iter().find_map(|name| env::var(name).ok()?.parse().ok());
        let timeout = timeout.or(set.map(Duration::from_millis)).unwrap_or(TIMEOUT);
        let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).build();
        Self { agent: config.into(), reports }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.run(request);
        match &result {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => self.reports.trouble(format!("the answer is {}", response.status())),
            Err(error) => self.reports.trouble(error.to_string()),
        }
        result
    }

    fn run(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(head, &*body))?;
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
