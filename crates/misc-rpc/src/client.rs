//! Calls of procedures elsewhere.

pub(crate) mod answer;
mod builder;
mod config;
mod connector;
mod destination;
mod erased;
mod gather;
mod method;
mod metrics;
mod propagate;
mod request;
pub(crate) mod transport;
mod trust;
mod url;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use misc_core::{BoxError, Meter};
use tower_service::Service;

pub(crate) use self::{answer::BadAnswer, transport::chain};
pub use self::{
    builder::Builder,
    config::ClientConfig,
    method::{ClientMethod, MethodName},
    transport::{Transport, TransportError, TransportFuture},
    url::Url,
};
use self::{
    destination::{Destination, Peer},
    erased::Erased,
    request::Template,
    transport::Wire,
};
use crate::{contract::Procedure, payload::Payload};

/// Calls the procedures of one server, by JSON-RPC 2.0 over HTTP. Cheap to clone.
///
/// A [`Builder`] makes it of a URL, or of a [`ClientConfig`]; what `#[rpc]` makes of a trait is a client with a method for
/// each procedure, on top of this one. All clones share their connections, which are made when they are needed.
///
/// # Layers
/// A call goes through the [`layers`](Builder::layer) of the client, any of tower's that fit around a
/// `Service<http::Request<Payload>, Response = http::Response<Payload>>`: a policy that repeats and breaks, a header with
/// a token, a limit. The first one is the outermost. They find
/// - the name of the method among the extensions of a request ([`MethodName`]), and [`Idempotent`](crate::Idempotent) if
///   it is declared to be so, without which nothing should be sent twice;
/// - what an answer means among its extensions ([`Verdict`](crate::Verdict)) where the status of HTTP does not tell, since
///   that is 200 for all that a server of JSON-RPC says: what a procedure declares, wrong parameters and an unknown method are answers
///   (`Success`), an internal error is a `Failure`, a server that is busy (-32000) or late (-32001) is `Transient`;
/// - the deadline of the call as [`Deadline::current`](misc_core::Deadline::current), and its span as the current one.
///
/// What a layer gives as its error is the source of the [`Error`](crate::Error) that the caller gets, as it came.
///
/// # Deadlines and traces
/// A call ends after the [`timeout`](Builder::timeout) of the client, 30 s unless it says otherwise, with all that layers
/// do in that time, or at the [`Deadline`](misc_core::Deadline) of the work that it is a part of, whichever is sooner. What
/// is left of it goes into each request as it is sent (`x-envoy-expected-rq-timeout-ms`), and so does the
/// [`TraceContext`](misc_core::TraceContext) (`traceparent`, `tracestate`).
///
/// # Metrics and spans
/// Each call is measured by `rpc_client_call_duration_seconds`, a histogram with the labels of OpenTelemetry's conventions:
/// `rpc_system_name`, `rpc_method`, `server_address`, `server_port`, `rpc_response_status_code` (the code of the error;
/// empty if there is none) and `error_type` (the same, or `timeout`, `connect`, `transport`, `layer`, `answer`,
/// `cancelled`; `_OTHER` for what a method ends with after 32 others; empty if all went well). A call whose parameters
/// cannot be written is none, and not measured. Each has a span `call` of the target `misc_rpc`, which costs nothing unless
/// somebody listens.
///
/// # Cancel safety
/// A call is a part of the future that was asked for, and of no task: dropped, it is gone. The connection of HTTP/1.1 is
/// closed, or the stream of HTTP/2 reset, by which the server knows. What it has done until then is done.
///
/// Only connections have tasks, on the runtime that they were made on. They end with the last clone of the client, once
/// no call is under way.
///
/// # Examples
/// ```
/// use misc_rpc::{Client, Error, Fault, Methods, Procedure, Server};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// #[error("there is no user {id}")]
/// struct NoUser {
///     id: u64,
/// }
///
/// impl Fault for NoUser {}
///
/// const NAME: Procedure = Procedure::new("name").idempotent();
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = Server::new(Methods::new().method(NAME, async |(id,): (u64,)| {
/// #     if id == 7 { Ok("Ada") } else { Err(NoUser { id }) }
/// # }))?;
/// // Over the network that is `Client::builder("http://users:5000/rpc").build()?`.
/// let client = Client::over(server);
/// let name = client.method(NAME);
///
/// let found: String = name.call::<_, NoUser, _>(&(7,)).await?;
/// assert_eq!(found, "Ada");
///
/// let missing: Result<String, Error<NoUser>> = name.call(&(8,)).await;
/// let error = missing.expect_err("there is no such user");
/// assert_eq!(error.fault().map(|NoUser { id }| *id), Some(8));
/// assert_eq!(error.to_string(), "`name` of in-process failed: there is no user 8 (1)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What all clones of a client have in common.
struct Shared {
    target: Arc<str>,
    service: Box<dyn Erased>,
    template: Template,
    timeout: Option<Duration>,
    answer_size: usize,
    /// Whether anybody looks at the extensions of a request.
    has_layers: bool,
    meter: Meter,
    peer: Peer,
    last_id: AtomicU64,
}

impl Client {
    /// Begins a client of the server at a URL, or with all settings.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use misc_rpc::Client;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// # fn main() -> Result<(), misc_rpc::Refused> {
    /// let each_attempt = TimeoutLayer::new(Duration::from_secs(1));
    /// let client = Client::builder("http://users:5000/rpc").timeout(Duration::from_secs(3)).layer(each_attempt).build()?;
    /// assert_eq!(client.target(), "http://users:5000/rpc");
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(config: impl Into<ClientConfig>) -> Builder {
        Builder::new(config)
    }

    /// Creates a client of a service in this process, such as a [`Server`](crate::Server): for tests, and for calls that
    /// need not leave.
    ///
    /// Requests and answers are the same as over a network, and so are deadlines, traces and what becomes of a dropped
    /// call. [`Builder::over`] is the one for a client with layers.
    #[must_use]
    pub fn over<S, B>(service: S) -> Self
    where
        S: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        Builder::<Self>::new("").assemble(Wire::Local(Box::new(service)), Destination::local())
    }

    /// Returns what calls one method, given its name or its [`Procedure`].
    ///
    /// Keep it: it has the handles of its metrics, and the first bytes of its requests.
    #[must_use]
    pub fn method(&self, procedure: impl Into<Procedure>) -> ClientMethod {
        ClientMethod::new(self.clone(), &procedure.into())
    }

    /// Returns what it calls: a URL without user, password and query, or `in-process`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.shared.target
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.shared.target).finish_non_exhaustive()
    }
}
