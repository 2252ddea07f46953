//! The HTTP server.

use std::{
    fmt,
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming as Body;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use misc_core::{BoxError, Context, Handshake, Listener as _, Service, Stream};
use tracing::{debug, error, warn};

use crate::config::Config;

/// How long a client may take to send the head of a request.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves a tower service over HTTP/1.1 and HTTP/2, as a service of an app.
///
/// The service is any `tower::Service<http::Request<hyper::body::Incoming>>` that can be cloned: an axum `Router`,
/// or what tonic makes. Both protocol versions share one port; HTTP/2 is spoken to clients that begin with it
/// (prior knowledge).
///
/// When it shall stop it closes the listener, finishes the requests that are in flight, answers the last one on each
/// connection with `Connection: close`, and ends; what is still open at its stop bound is cut. A client has 30 s to send
/// the head of a request. A handler that panics costs its own connection, not the server.
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
#[derive(Clone)]
#[must_use = "a server does nothing until it is registered"]
pub struct Server<S> {
    config: Config,
    service: S,
}

impl<S> Server<S> {
    /// Serves `service` as `config` says; an address, such as `"127.0.0.1:8080"`, is a configuration.
    pub fn new(config: impl Into<Config>, service: S) -> Self {
        Self { config: config.into(), service }
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<S, B> Service for Server<S>
where
    S: tower_service::Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let mut incoming = ctx.listen(&self.config.listen).await?;
        let protocol = protocol();
        let mut pause = Pause::default();
        ctx.ready();
        while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
            let handshake = match accepted {
                Ok((handshake, _peer)) => handshake,
                Err(error) => {
                    pause.after(&ctx, &error).await;
                    continue;
                }
            };
            pause = Pause::default();
            let (protocol, service) = (protocol.clone(), TowerToHyperService::new(self.service.clone()));
            let server = ctx.clone();
            ctx.spawn(spare_others(async move {
                let Some(stream) = shake_hands(handshake).await else {
                    return;
                };
                let mut connection = pin!(protocol.serve_connection_with_upgrades(stream, service));
                let ended = tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = server.stopping() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = ended {
                    debug!(error, "a connection ended with an error");
                }
            }));
        }
        // Dropping the listener closes it; the connections are tasks of this service and finish by themselves.
        Ok(())
    }
}

fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    builder
}

/// Makes a connection ready to be served; a client that fails in this is gone.
async fn shake_hands(handshake: Handshake) -> Option<TokioIo<Stream>> {
    let stream = match handshake.await {
        Ok(stream) => stream,
        Err(error) => {
            debug!(%error, "a connection failed in its handshake");
            return None;
        }
    };
    if let Some(tcp) = stream.tcp() {
        // Without it the last bytes of a response may wait for an acknowledgement; a failure costs only that.
        drop(tcp.set_nodelay(true));
    }
    Some(TokioIo::new(stream))
}

/// Lets a panic end the connection in which it happens, and nothing else: a task's panic is its service's failure, but
/// one request must not stop a server.
async fn spare_others(connection: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    let caught = poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| connection.as_mut().poll(cx)));
        poll.map_or(Poll::Ready(Err(())), |poll| poll.map(Ok))
    });
    if caught.await.is_err() {
        // The panic hook has told what and where.
        error!("a handler panicked; its connection is closed, the others go on");
    }
}

/// Waits after failed accepts, so that a lack of descriptors does not become a busy loop.
#[derive(Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    async fn after(&mut self, ctx: &Context, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // These concern one client, which is gone.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        let pause = Duration::from_millis(10 << self.failures.min(6)).min(Duration::from_millis(500));
        self.failures = self.failures.saturating_add(1);
        warn!(service = ctx.name(), %error, ?pause, "cannot accept a connection; trying again");
        ctx.until_stopping(tokio::time::sleep(pause)).await.unwrap_or_default();
    }
}
