//! The HTTP server.

use std::{fmt, future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use misc_core::{Address, BoxError, Context, Handshake, Incoming, Listener};
use tokio::{
    task::{coop::unconstrained, yield_now},
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_service::Service;
use tracing::warn;

use crate::{
    body::Body,
    config::Config,
    connection::Connection,
    handler::IntoService,
    live::{Handle, Live, Meters, Why},
    serve::{serve, spare_others},
};

/// Serves a tower service over HTTP/1.1 and HTTP/2, as a service of an app.
///
/// What it serves is any `tower::Service<http::Request<Body>>` that can be cloned, such as an axum `Router` or what
/// tonic makes, or a closure `async |request: Request<Body>| response`. Both versions of HTTP share one port, TCP or
/// Unix; HTTP/2 is spoken to clients that begin with it, as those do who have agreed on it by ALPN.
///
/// # Limits
/// A client can hold no more than [`Config`] allows: heads, bodies, idle connections and responses have their time and
/// their size. A handler that panics or fails is a 500, one that takes too long a 503; nothing else is harmed.
///
/// # Drain
/// When it shall stop, it closes the listener. Requests in flight finish. On HTTP/1.1 each response says
/// `Connection: close` from now on, and a connection that is idle may ask once more within
/// [`drain_idle`](Config::drain_idle), so that a client which asks at this very moment is answered; HTTP/2 has `GOAWAY` for
/// that. Responses without an end, and upgraded connections, should watch [`Connection::draining`]. What is left shortly before the
/// stop bound (15 s, `Spec::stop_within`) is cut, counted and logged, and the server ends in time.
///
/// # Metrics
/// `http_server_active_connections`, `http_server_connections_total` and `http_server_closed_connections_total`, which
/// has the reason why the server has closed one; by service. Requests are measured by
/// [`layers::standard`](crate::layers::standard).
///
/// # Examples
/// ```no_run
/// use misc_core::App;
/// use misc_http::Server;
/// # #[cfg(feature = "axum")]
/// use misc_http::axum::{Router, routing::get};
///
/// # #[cfg(feature = "axum")]
/// fn main() -> std::process::ExitCode {
///     misc_core::main(async || {
///         let routes = Router::new().route("/", get(async || "Hello!"));
///         Ok(App::new("shop").service("http", Server::new("127.0.0.1:8080", routes)))
///     })
/// }
/// # #[cfg(not(feature = "axum"))]
/// # fn main() {}
/// ```
///
/// The shortest one is a closure:
/// ```
/// use http::{Request, Response};
/// use misc_http::{Body, Server};
///
/// let echo = async |request: Request<Body>| Response::new(request.uri().path().to_owned());
/// let server = Server::new("127.0.0.1:8080", echo);
/// # drop(server);
/// ```
#[derive(Clone)]
#[must_use = "a server does nothing until it is registered"]
pub struct Server<S> {
    service: S,
    port: Port,
}

/// Where a server listens, and all it knows but for what it serves.
#[derive(Clone)]
struct Port {
    config: Arc<Config>,
    wrap: Option<Arc<Wrap>>,
    live: Arc<Live>,
}

type Wrap = dyn Fn(Incoming) -> Incoming + Send + Sync;

impl<S> Server<S> {
    /// Serves `service` as `config` says; an address, such as `"127.0.0.1:8080"`, is a configuration.
    pub fn new<Kind>(config: impl Into<Config>, service: impl IntoService<Kind, Service = S>) -> Self {
        let port = Port { config: Arc::new(config.into()), wrap: None, live: Arc::default() };
        Self { service: service.into_service(), port }
    }

    /// Puts another listener over that of the address, such as one for TLS; called again, over both.
    ///
    /// # Examples
    /// ```
    /// use misc_core::Incoming;
    /// # use misc_http::{Body, Server};
    /// # use http::{Request, Response};
    /// # let hello = async |_: Request<Body>| Response::new("Hello!".to_owned());
    ///
    /// // `misc_net::tls::Tls::listener` makes such a closure.
    /// let server = Server::new("127.0.0.1:8443", hello).over(|incoming: Incoming| incoming);
    /// # drop(server);
    /// ```
    pub fn over<L: Listener>(mut self, wrap: impl Fn(Incoming) -> L + Send + Sync + 'static) -> Self {
        let inner = self.port.wrap.take();
        self.port.wrap = Some(Arc::new(move |incoming| {
            let incoming = match &inner {
                Some(inner) => inner(incoming),
                None => incoming,
            };
            Incoming::from_listener(wrap(incoming))
        }));
        self
    }

    /// Returns a handle that shows the address, the connections and the requests of the server.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.port.live))
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.port.config).finish_non_exhaustive()
    }
}

impl<S, B> misc_core::Service for Server<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let Self { service, port } = self;
        let mut incoming = port.listen(&ctx).await?;
        let meters = Meters::new(&ctx);
        let live = Arc::clone(&port.live);
        ctx.inspect("http", move || live.look());
        ctx.ready();
        let (admits, of) = (port.clone(), ctx.clone());
        let admit = move |(handshake, peer)| {
            let (port, ctx) = (&admits, &of);
            let connection = Connection::new(peer, ctx.clone());
            let per_peer = port.config.connections_per_peer.map(usize::from);
            let Some(lease) = port.live.enter(&connection, per_peer, &meters) else {
                meters.closed(Why::PeerLimit).increment(1);
                return;
            };
            let served = serve(handshake, service.clone(), connection, Arc::clone(&port.config), lease);
            // Dropping the handle leaves the task running.
            drop(ctx.spawn(spare_others(served)));
        };
        let mut pause = Pause::default();
        while let Some(accepted) = ctx.until_stopping(port.accept(&mut incoming)).await {
            match accepted {
                Ok(accepted) => {
                    pause = Pause::default();
                    admit(accepted);
                }
                Err(error) => pause.after(&ctx, &error).await,
            }
        }
        // Closing the listener would reset those who have connected, and were not accepted so far.
        yield_now().await;
        for _ in 0..BACKLOG {
            match at_once(incoming.accept()).await {
                Some(Ok(accepted)) => admit(accepted),
                // It concerns one client, which is gone.
                Some(Err(error)) if is_of_client(&error) => {}
                _ => break,
            }
        }
        drop(incoming);
        port.drain(&ctx).await;
        Ok(())
    }
}

impl Port {
    async fn listen(&self, ctx: &Context) -> Result<Incoming, BoxError> {
        let incoming = ctx.listen(&self.config.listen).await?;
        self.live.listens_on(incoming.address());
        Ok(match &self.wrap {
            Some(wrap) => wrap(incoming),
            None => incoming,
        })
    }

    /// Accepts a connection, once there is room for one.
    async fn accept(&self, incoming: &mut Incoming) -> io::Result<(Handshake, Address)> {
        self.live.fewer_than(self.config.connections.get()).await;
        incoming.accept().await
    }

    /// Waits for what is in flight, and cuts what is left of it shortly before the server would be late.
    async fn drain(&self, ctx: &Context) {
        self.live.drain();
        let gone = self.live.fewer_than(1);
        match ctx.stop_deadline() {
            None => gone.await,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let spare = (left / 10).min(Duration::from_millis(500));
                tokio::select! {
                    () = gone => {}
                    () = sleep_until(deadline - spare) => self.cut(ctx, spare / 2).await,
                }
            }
        }
    }

    async fn cut(&self, ctx: &Context, within: Duration) {
        self.live.cut();
        // Those who do not let go in time are seen by the app, which drops them.
        drop(timeout(within, self.live.fewer_than(1)).await);
        let connections = self.live.cuts();
        if connections > 0 {
            warn!(
                service = ctx.name(),
                connections, "connections were cut: what was in flight took longer than the stop"
            );
        }
        let connections = self.live.count();
        if connections > 0 {
            let why = "whoever has them neither reads nor writes, and did not heed `Connection::draining`";
            warn!(service = ctx.name(), connections, "connections are still open: {why}");
        }
    }
}

/// How many connections wait to be accepted at most, as with the sockets of [`misc_core::Bind`]: those who come while a
/// server stops do not keep it from that.
const BACKLOG: usize = 1024;

/// Returns what a future has to give without waiting, even when the task has spent its budget.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(unconstrained(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits after failed accepts, so that a lack of descriptors does not become a busy loop.
#[derive(Default)]
struct Pause {
    failures: u32,
}

/// Tells whether it concerns one client, which is gone.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Pause {
    async fn after(&mut self, ctx: &Context, error: &io::Error) {
        if is_of_client(error) {
            // A listener that goes on like this does not keep its thread from others.
            return yield_now().await;
        }
        let pause = Duration::from_millis(10 << self.failures.min(6)).min(Duration::from_millis(500));
        self.failures = self.failures.saturating_add(1);
        warn!(service = ctx.name(), %error, ?pause, "cannot accept a connection; trying again");
        ctx.until_stopping(sleep(pause)).await.unwrap_or_default();
    }
}
