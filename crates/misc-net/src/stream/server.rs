//! The server of connections.

use std::{
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use misc_core::{Address, BoxError, Context, Incoming, Listener, Service, Stream};
use tokio::time::timeout;
use tokio_util::codec::{Decoder, Encoder};
use tracing::{Instrument as _, debug, info_span, warn};

use crate::{
    crew::Crew,
    outcome::attend,
    pause::Pause,
    stream::{
        config::Config,
        connection::{Connection, Io},
        framed::Framed,
        metrics::{Measured, Metrics},
        peer::Peer,
        peers::{Counted, Peers},
    },
};

/// Accepts connections and gives each to a handler, in a task of its own.
///
/// One server serves TCP and Unix sockets: the address decides. `TCP_NODELAY` is set, unless [`over`](Self::over) wraps
/// the stream. A handler's failure or panic ends its own connection, and is logged.
///
/// When the server shall stop it closes its listener, and handlers are told by [`Connection::stopping`]. Half a second
/// before its stop bound (15 s, `Spec::stop_within`), or a tenth of what is left of it where that is less, the
/// connections that are still open are cut and counted in one line of the log, and the server ends without a failure.
///
/// Metrics, by `service` and `transport` (`tcp`, `unix`): `net_server_connections_total`,
/// `net_server_active_connections`, `net_server_connection_duration_seconds`, `net_server_io_bytes_total` (by
/// `direction`, `receive` or `transmit`), `net_server_frames_total`, `net_server_connections_refused_total`,
/// `net_server_connections_cut_total`, `net_server_handshake_failures_total` and `net_server_handler_failures_total`.
/// What a handler logs is in a span `connection` with `network.peer.address`, `network.peer.port` and
/// `network.transport`.
///
/// # Examples
/// ```no_run
/// use misc_core::App;
/// use misc_net::tcp::{Connection, Server};
///
/// fn main() -> std::process::ExitCode {
///     misc_core::main(async || {
///         let echo = Server::new("127.0.0.1:7000", async |connection: Connection| {
///             let (mut receive, mut send) = tokio::io::split(connection);
///             tokio::io::copy(&mut receive, &mut send).await?;
///             Ok(())
///         });
///         Ok(App::new("shop").service("echo", echo))
///     })
/// }
/// ```
#[must_use = "a server does nothing until it is registered"]
pub struct Server<S> {
    config: Config,
    serve: Arc<S>,
    over: Over,
    open: Arc<AtomicUsize>,
}

/// What is between the socket and the connections.
#[derive(Clone, Default)]
struct Over {
    wrap: Option<Arc<dyn Fn(Incoming) -> Incoming + Send + Sync>>,
    /// Kept apart while it is the last, since a [`Peer`] has what it has found out.
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
}

impl Over {
    fn listener(&self, incoming: Incoming) -> Incoming {
        let incoming = self.wrapped(incoming);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Incoming::from_listener(tls.over(incoming));
        }
        incoming
    }

    fn wrapped(&self, incoming: Incoming) -> Incoming {
        match &self.wrap {
            Some(wrap) => wrap(incoming),
            None => incoming,
        }
    }
}

impl<H> Server<H> {
    /// Gives each connection to `handler`; an address, such as `"127.0.0.1:7000"`, is a configuration.
    ///
    /// What the handler needs it clones for each connection: `move |connection| serve(connection, db.clone())`.
    pub fn new<Fut>(config: impl Into<Config>, handler: H) -> Self
    where
        H: Fn(Connection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send,
    {
        Self::serving(config.into(), handler)
    }
}

impl<C, H> Server<Framed<C, H>> {
    /// Cuts each connection into frames and gives these to `handler`, which may return a reply.
    ///
    /// The frames of one connection are handled one after the other, and replies are sent in that order. While a peer
    /// does not read its replies, no more of its frames are begun. What cannot be read or decoded ends the connection,
    /// as does a peer that leaves before its replies are sent, and is logged at the level of debug; an error of the
    /// handler ends it, too, with a warning, once the replies before it are sent.
    ///
    /// When the server shall stop, connections that wait for a frame are closed at once. One that has a frame in hand
    /// finishes it, sends the replies, and is closed.
    ///
    /// `codec` is cloned for each connection. It bounds how long a frame may be: most have an option for that.
    ///
    /// # Examples
    /// ```
    /// use misc_net::{codec::LinesCodec, tcp::{Peer, Server}};
    ///
    /// let codec = LinesCodec::new_with_max_length(1024);
    /// let shout = async |line: String, _: Peer| Ok(Some(line.to_uppercase()));
    /// let server = Server::framed("127.0.0.1:7000", codec, shout);
    /// ```
    pub fn framed<Fut, R>(config: impl Into<Config>, codec: C, handler: H) -> Self
    where
        C: Decoder + Encoder<R> + Clone + Send + Sync + 'static,
        H: Fn(C::Item, Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<R>, BoxError>> + Send,
    {
        Self::serving(config.into(), Framed { codec, handler })
    }
}

impl<S> Server<S> {
    fn serving(config: Config, serve: S) -> Self {
        Self { config, serve: Arc::new(serve), over: Over::default(), open: Arc::default() }
    }

    /// Serves over TLS, with the certificates of `tls`; [`Peer`] has those of the clients.
    ///
    /// It stands on what [`over`](Self::over) has made before, such as a proxy's protocol.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: &crate::tls::Tls) -> Self {
        self.over.tls = Some(tls.clone());
        self
    }

    /// Serves over whatever `wrap` makes of the listener: another transport, a proxy's protocol.
    ///
    /// Several add up, each over the one before, [`tls`](Self::tls) included; a [`Peer`] has certificates only where
    /// TLS is the last. Handshakes have the time of [`Config::handshake_timeout`] together. Setting `TCP_NODELAY` is
    /// left to `wrap`, which alone knows the stream ([`Stream::tcp`]).
    pub fn over<L: Listener>(mut self, wrap: impl Fn(Incoming) -> L + Send + Sync + 'static) -> Self {
        let below = std::mem::take(&mut self.over);
        self.over.wrap = Some(Arc::new(move |incoming| Incoming::from_listener(wrap(below.listener(incoming)))));
        self
    }

    /// Returns a handle that tells how many connections are open.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { open: Arc::clone(&self.open) }
    }
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            serve: Arc::clone(&self.serve),
            over: self.over.clone(),
            open: Arc::clone(&self.open),
        }
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<S: Serve> Service for Server<S> {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let incoming = ctx.listen(&self.config.listen).await?;
        let handle = self.handle();
        ctx.inspect("connections", move || handle.connections());
        let incoming = self.over.wrapped(incoming);
        #[cfg(feature = "tls")]
        if let Some(tls) = self.over.tls.clone() {
            accept(self, &ctx, tls.over(incoming)).await;
            return Ok(());
        }
        accept(self, &ctx, incoming).await;
        Ok(())
    }
}

/// Accepts connections until the service shall stop, and then sees to their end.
async fn accept<S: Serve, L: Listener<Io: Transport>>(server: Server<S>, ctx: &Context, mut listener: L) {
    let mut crew = Crew::new(server.config.connections);
    let mut peers = Peers::new(server.config.connections_per_peer);
    let mut pause = Pause::default();
    let shared = Arc::new(Shared::new(ctx, &listener.address(), server.config));
    ctx.ready();
    loop {
        let event = tokio::select! {
            biased;
            () = ctx.stopping() => break,
            counted = crew.ended() => Event::Ended(counted),
            accepted = listener.accept(), if crew.has_room() => Event::Accepted(accepted),
        };
        let (handshake, address) = match event {
            Event::Accepted(Ok(accepted)) => accepted,
            Event::Accepted(Err(error)) => {
                pause.after(ctx, &error).await;
                continue;
            }
            Event::Ended(counted) => {
                peers.leave(counted);
                continue;
            }
        };
        pause.reset();
        let Ok(counted) = peers.enter(&address) else {
            debug!(peer = %address, "a connection is refused: its peer has as many as it may");
            shared.metrics.refused.increment(1);
            continue;
        };
        let open = Open::new(&server.open, &shared);
        let span = shared.span(&address);
        let task = serve(Arc::clone(&shared), Arc::clone(&server.serve), handshake, address, open);
        crew.add(ctx.spawn(task.instrument(span)), counted);
    }
    drop(listener);
    shared.stopping.store(true, Ordering::Relaxed);
    let cut = crew.drain(ctx).await;
    if cut > 0 {
        shared.metrics.cut.increment(cut as u64);
        warn!(service = ctx.name(), connections = cut, "connections did not end in time for the stop and were cut");
    }
}

enum Event<A> {
    Accepted(io::Result<A>),
    Ended(Counted),
}

/// Serves one connection from its handshake to its end.
async fn serve<S, T, F>(shared: Arc<Shared>, serve: Arc<S>, handshake: F, address: Address, open: Open)
where
    S: Serve,
    T: Transport,
    F: Future<Output = io::Result<T>>,
{
    let too_late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"));
    let handshake = async { timeout(shared.config.handshake_timeout, handshake).await.unwrap_or_else(too_late) };
    let transport = match shared.ctx.until_stopping(handshake).await {
        Some(Ok(transport)) => transport,
        Some(Err(error)) => {
            debug!(peer = %address, %error, "a connection failed in its handshake");
            shared.metrics.handshake_failures.increment(1);
            return;
        }
        // Nothing was begun, so there is nothing to finish.
        None => return,
    };
    let (io, peer) = transport.ready(address);
    let (idle, traffic) = (shared.config.idle_timeout, shared.metrics.traffic.clone());
    let connection = Connection::new(io, peer.clone(), idle, traffic, shared.ctx.clone());
    if !attend(serve.serve(connection, &shared), &peer, || peer.has_left()).await {
        shared.metrics.handler_failures.increment(1);
    }
    drop(open);
}

/// What the connections of a running server have in common.
pub(crate) struct Shared {
    config: Config,
    pub(crate) metrics: Metrics,
    /// Read for each frame, where the context's own answer would be a lock.
    pub(crate) stopping: AtomicBool,
    transport: &'static str,
    ctx: Context,
}

impl Shared {
    fn new(ctx: &Context, address: &Address, config: Config) -> Self {
        let transport = if address.to_string().starts_with("unix:") { "unix" } else { "tcp" };
        let meter = ctx.meter().label("service", ctx.name()).label("transport", transport);
        let stopping = AtomicBool::new(false);
        Self { config, metrics: Metrics::new(&meter), stopping, transport, ctx: ctx.clone() }
    }

    /// Makes the span of a connection, as the semantic conventions of OpenTelemetry name its fields.
    fn span(&self, peer: &Address) -> tracing::Span {
        let ip = peer.ip();
        info_span!(
            "connection",
            network.peer.address = ip.map(|peer| tracing::field::display(peer.ip())),
            network.peer.port = ip.map(|peer| peer.port()),
            network.transport = self.transport,
        )
    }
}

/// What is done with a connection.
pub(crate) trait Serve: Send + Sync + 'static {
    fn serve(&self, connection: Connection, shared: &Shared) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl<H, Fut> Serve for H
where
    H: Fn(Connection) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    async fn serve(&self, connection: Connection, _: &Shared) -> Result<(), BoxError> {
        self(connection).await
    }
}

/// What a handshake gives.
pub(crate) trait Transport: Send + 'static {
    /// Makes it ready to be served.
    fn ready(self, address: Address) -> (Io, Peer);
}

impl Transport for Stream {
    fn ready(self, address: Address) -> (Io, Peer) {
        if let Some(tcp) = self.tcp() {
            // Without it the last bytes of a reply may wait for an acknowledgement; a failure costs only that.
            drop(tcp.set_nodelay(true));
        }
        (
            Io::Accepted(self),
            Peer::new(
                address,
                #[cfg(feature = "tls")]
                None,
            ),
        )
    }
}

/// Counts a connection while it lives.
struct Open {
    count: Arc<AtomicUsize>,
    _measured: Measured,
}

impl Open {
    fn new(count: &Arc<AtomicUsize>, shared: &Shared) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self { count: Arc::clone(count), _measured: shared.metrics.measure() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells how many connections a [`Server`] has; cheap to clone, and of use before the server runs and after.
#[derive(Debug, Clone)]
pub struct Handle {
    open: Arc<AtomicUsize>,
}

impl Handle {
    /// Returns how many connections are open now, handshakes included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}
