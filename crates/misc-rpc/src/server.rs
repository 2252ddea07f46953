//! The server: a service of requests over HTTP that answers calls.

mod answer;
mod batch;
mod call;
mod exchange;
mod future;
mod handler;
mod head;
mod limits;
mod meters;
mod params;
mod refused;
mod request;
mod shared;

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use misc_core::{BoxError, Meter};
use tower_service::Service;

pub use self::{future::ResponseFuture, limits::Limits, refused::Refused};
pub(crate) use self::{
    handler::{Handler, handler},
    shared::Table,
};
use crate::{methods::Methods, payload::Payload};
use shared::Shared;

/// Answers calls by JSON-RPC 2.0 over HTTP POST.
///
/// It is a tower service, which any router takes at a path of its own (axum's `route_service`), and any server alone, such
/// as the one of `misc-http`. It is cheap to clone, and all clones share their limits.
///
/// # Cancel safety
/// A call is a part of the future of its response, and of no task. Where that is dropped, since the caller has left, so is
/// the handler, at once.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::Meter;
/// use misc_rpc::{Methods, Never, Server};
///
/// # fn main() -> Result<(), misc_rpc::Refused> {
/// let methods = Methods::new().method("add", async |(left, right): (i64, i64)| Ok::<_, Never>(left + right));
/// let server = Server::new(methods)?.timeout(Duration::from_secs(10)).meter(&Meter::default()).title("sums", "1.0.0");
/// let router: axum::Router = axum::Router::new().route_service("/rpc", server);
/// # drop(router);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a server answers nobody until it is mounted in a router, or served"]
pub struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// Makes a server of methods.
    ///
    /// # Errors
    /// All that is wrong with them: names that are empty, there twice or JSON-RPC's own (`rpc.`), and what is missing of a
    /// contract.
    pub fn new(methods: Methods) -> Result<Self, Refused> {
        Refused::check(&methods)?;
        Ok(Self { shared: Arc::new(Shared::new(Table::new(methods))) })
    }

    /// Sets what callers can make it hold.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.shared_mut().options_mut().limits = limits;
        self
    }

    /// Sets how long a request may take (as long as it likes).
    ///
    /// A handler sees the soonest of this, the deadline around the service and what the caller says as
    /// [`Deadline::current`](misc_core::Deadline::current). When that passes it is dropped, and its caller is told so
    /// (-32001).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.shared_mut().options_mut().timeout = Some(timeout);
        self
    }

    /// Sets where the metrics go (nowhere).
    ///
    /// `rpc_server_call_duration_seconds` is a histogram by method, code of the error and kind of the error, of which the
    /// last two are empty when all went well; a method that there is not is `_OTHER`.
    pub fn meter(mut self, meter: &Meter) -> Self {
        self.shared_mut().set_meter(meter);
        self
    }

    /// Says what `rpc.discover` calls the whole, and which version it is (the name of the contract, `0.0.0`).
    pub fn title(mut self, title: impl Into<String>, version: impl Into<String>) -> Self {
        let info = &mut self.shared_mut().options_mut().info;
        info.title = title.into();
        info.version = version.into();
        self
    }

    /// Says what the whole is for (the documentation of the contract).
    pub fn docs(mut self, docs: impl Into<String>) -> Self {
        self.shared_mut().options_mut().info.description = docs.into();
        self
    }

    /// Says where it is called, for `rpc.discover` to tell: such as `https://shop.example/rpc`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.shared_mut().options_mut().info.url = Some(url.into());
        self
    }

    /// Sets whether `rpc.discover` is answered (yes).
    pub fn discover(mut self, discover: bool) -> Self {
        self.shared_mut().options_mut().discovers = discover;
        self
    }

    /// Sets whether it counts what callers say of traces and deadlines (yes).
    ///
    /// Turn it off where strangers call without a proxy in between: else they choose which traces are recorded.
    pub fn trust_clients(mut self, trust: bool) -> Self {
        self.shared_mut().options_mut().trusts = trust;
        self
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

impl<B> Service<Request<B>> for Server
where
    B: Body<Error: Into<BoxError>>,
{
    type Response = Response<Payload>;
    type Error = Infallible;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        ResponseFuture::new(Arc::clone(&self.shared), request)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}
