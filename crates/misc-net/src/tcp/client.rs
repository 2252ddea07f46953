//! The client: one connection that is kept open.

mod config;
mod handle;

use std::{fmt, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use misc_core::{Address, BoxError, Context, Counter, Gauge, Service};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout, timeout_at},
};
use tracing::{Instrument as _, debug, info, info_span, warn};

use self::handle::Link;
pub use self::{config::ClientConfig, handle::ClientHandle};
use crate::{
    crew::cut_at,
    outcome::attend,
    stream::{Connection, Io, Peer, Traffic},
    tcp::backoff::Backoff,
};

/// How long a connection has to last to count as one that works.
const STABLE: Duration = Duration::from_secs(10);
/// What is shorter was closed at once.
const BRIEF: Duration = Duration::from_secs(1);

/// Keeps one connection to a server open, and gives each new one to a handler.
///
/// When the handler returns, fails or panics, or there is no connection, it connects again: after a delay chosen at
/// random up to 100 ms, a bound that doubles with each attempt up to 30 s. A connection that has lasted for 10 s sets
/// it back. The name of the server is looked up at each attempt; where it has several addresses, these are tried in
/// order. An attempt begins with the next one after a failure, or a connection of less than 1 s, and with the first again
/// after one that has lasted.
///
/// The service is ready once it is connected for the first time; with [`lazy`](Self::lazy), at once. It fails only when
/// [`ClientConfig::max_attempts`] says so, or the address is none. It belongs to those that keep an app running: where
/// it should not, register it as `spec(client).background()`.
///
/// When it shall stop, the handler is told by [`Connection::stopping`], and is cut half a second before the stop bound
/// (15 s, `Spec::stop_within`), or a tenth of what is left of it where that is less.
///
/// Metrics, by `service`: `net_client_connected`, `net_client_reconnects_total`, `net_client_connect_failures_total`,
/// and `net_client_io_bytes_total` (by `direction`, `receive` or `transmit`).
///
/// For requests that may go over several connections use a pool, such as that of an HTTP client.
///
/// # Examples
/// ```no_run
/// use misc_core::{App, spec};
/// use misc_net::tcp::{Client, Connection};
/// use tokio::io::{AsyncBufReadExt, BufReader};
///
/// fn main() -> std::process::ExitCode {
///     misc_core::main(async || {
///         let prices = Client::new("prices.example.org:7000", async |connection: Connection| {
///             let mut lines = BufReader::new(connection).lines();
///             while let Some(line) = lines.next_line().await? {
///                 println!("{line}");
///             }
///             Ok(())
///         });
///         Ok(App::new("shop").service("prices", prices))
///     })
/// }
/// ```
#[must_use = "a client does nothing until it is registered"]
pub struct Client<H> {
    config: ClientConfig,
    handler: Arc<H>,
    lazy: bool,
    link: Link,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Client>,
}

impl<H> Client<H> {
    /// Connects as `config` says, and gives each connection to `handler`; an address, such as `"127.0.0.1:7000"`, is a
    /// configuration.
    pub fn new<Fut>(config: impl Into<ClientConfig>, handler: H) -> Self
    where
        H: Fn(Connection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send,
    {
        Self {
            config: config.into(),
            handler: Arc::new(handler),
            lazy: false,
            link: Link::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Connects over TLS; [`Peer::certificates`] are those of the server.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls(mut self, tls: &crate::tls::Client) -> Self {
        self.tls = Some(tls.clone());
        self
    }

    /// Makes the service ready at once, for a server that the others can do without.
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Returns a handle that tells whether the client is connected.
    #[must_use]
    pub fn handle(&self) -> ClientHandle {
        self.link.handle()
    }

    /// Refuses at once what no attempt can make good.
    fn check_address(&self) -> Result<(), BoxError> {
        let address = &self.config.address;
        let text = address.to_string();
        let is_named =
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if address.ip().is_none() && !is_named {
            return Err(GaveUp::Address(address.clone()).into());
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            tls.name(address)?;
        }
        Ok(())
    }

    async fn connect(&self, attempt: u32) -> io::Result<(Io, Peer)> {
        let connect = async {
            let addresses = lookup_host(self.config.address.to_string()).await?.collect();
            let stream = TcpStream::connect(&*in_turn(addresses, attempt)).await?;
            stream.set_nodelay(true)?;
            if let Some(time) = self.config.keepalive {
                // Systems count whole seconds, Linux up to 32,767.
                let time = time.clamp(Duration::from_secs(1), Duration::from_secs(32_767));
                let interval = (time / 3).max(Duration::from_secs(1));
                let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval);
                SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
            }
            self.secure(stream).await
        };
        let too_late = |_| io::Error::new(io::ErrorKind::TimedOut, "it took longer than `connect_timeout`");
        timeout(self.config.connect_timeout, connect).await.map_err(too_late)?
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS there is a handshake")]
    async fn secure(&self, stream: TcpStream) -> io::Result<(Io, Peer)> {
        let peer = Peer::new(stream.peer_addr()?.into());
        Ok((Io::other(stream), peer))
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, stream: TcpStream) -> io::Result<(Io, Peer)> {
        let address = stream.peer_addr()?.into();
        let Some(tls) = &self.tls else {
            return Ok((Io::other(stream), Peer::new(address, None)));
        };
        let (stream, secured) = tls.connect(stream, &self.config.address).await?;
        Ok((Io::other(stream), Peer::new(address, Some(secured))))
    }
}

impl<H> Clone for Client<H> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            handler: Arc::clone(&self.handler),
            lazy: self.lazy,
            link: self.link.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        }
    }
}

impl<H> fmt::Debug for Client<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<H, Fut> Service for Client<H>
where
    H: Fn(Connection) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let metrics = Metrics::new(&ctx);
        let handle = self.handle();
        ctx.inspect("connected", move || handle.is_connected());
        self.check_address()?;
        let (mut backoff, mut failed) = (Backoff::default(), 0);
        // Which addresses were of no use since a connection has lasted: one that was closed at once is none either.
        let mut attempt = 0;
        if self.lazy {
            ctx.ready();
        }
        loop {
            let Some(connected) = ctx.until_stopping(self.connect(attempt)).await else {
                return Ok(());
            };
            match connected {
                Ok(transport) => {
                    info!(service = ctx.name(), address = %self.config.address, failed, "connected");
                    failed = 0;
                    let since = Instant::now();
                    self.attend(&ctx, transport, &metrics).await;
                    let lasted = since.elapsed();
                    if lasted >= STABLE {
                        (backoff, attempt) = (Backoff::default(), 0);
                    } else if lasted < BRIEF {
                        attempt += 1;
                    }
                }
                Err(error) => {
                    (failed, attempt) = (failed + 1, attempt + 1);
                    metrics.failures.increment(1);
                    if self.config.max_attempts.is_some_and(|most| failed >= most.get()) {
                        let address = self.config.address.clone();
                        return Err(GaveUp::Attempts { address, attempts: failed, source: error }.into());
                    }
                    self.log_failure(&ctx, &error, failed);
                }
            }
            let delay = backoff.delay();
            if ctx.until_stopping(sleep(delay)).await.is_none() {
                return Ok(());
            }
        }
    }
}

impl<H, Fut> Client<H>
where
    H: Fn(Connection) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    /// Runs the handler on a connection until it returns, or is cut at the stop of the service.
    async fn attend(&self, ctx: &Context, (io, peer): (Io, Peer), metrics: &Metrics) {
        let _connected = metrics.connected.track();
        let _up = self.link.up();
        if self.link.handle().reconnects() > 0 {
            metrics.reconnects.increment(1);
        }
        ctx.ready();
        let connection =
            Connection::new(io, peer.clone(), self.config.idle_timeout, metrics.traffic.clone(), ctx.clone());
        let ip = peer.address().ip();
        let span = info_span!(
            "connection",
            network.peer.address = ip.map(|peer| tracing::field::display(peer.ip())),
            network.peer.port = ip.map(|peer| peer.port()),
            network.transport = "tcp",
        );
        let mut handler =
            pin!(attend(async { (self.handler)(connection).await }, &peer, || peer.has_left()).instrument(span));
        tokio::select! {
            biased;
            () = ctx.stopping() => {}
            _ = &mut handler => return,
        }
        if timeout_at(cut_at(ctx), handler).await.is_err() {
            warn!(service = ctx.name(), %peer, "the connection did not end in time for the stop and was cut");
        }
    }

    /// Logs the first failure in a row for everybody, and the others for those who look for them.
    fn log_failure(&self, ctx: &Context, error: &io::Error, failed: u32) {
        let (service, address) = (ctx.name(), &self.config.address);
        if failed == 1 {
            warn!(service, %address, %error, "cannot connect; trying again until it succeeds");
        } else {
            debug!(service, %address, %error, failed, "cannot connect; trying again");
        }
    }
}

/// Begins with another address at each attempt: one that never answers takes up all the time of an attempt, and one that
/// closes what it has accepted is no use either.
fn in_turn(mut addresses: Vec<SocketAddr>, attempt: u32) -> Vec<SocketAddr> {
    let first = (attempt as usize).checked_rem(addresses.len()).unwrap_or(0);
    addresses.rotate_left(first);
    addresses
}

/// The handles of the metrics, resolved once.
struct Metrics {
    traffic: Traffic,
    connected: Gauge,
    reconnects: Counter,
    failures: Counter,
}

impl Metrics {
    fn new(ctx: &Context) -> Self {
        let meter = ctx.meter().label("service", ctx.name());
        Self {
            traffic: Traffic::new(&meter, "net_client_io_bytes_total", "Bytes received and sent by a client."),
            connected: meter.gauge("net_client_connected", "Whether a client is connected: 1, or 0."),
            reconnects: meter.counter("net_client_reconnects_total", "Connections of a client after its first."),
            failures: meter.counter("net_client_connect_failures_total", "Attempts to connect that have failed."),
        }
    }
}

/// Why a client does not try again.
#[derive(Debug, thiserror::Error)]
enum GaveUp {
    #[error("cannot connect to {address} in {attempts} attempts, as many as `max_attempts` allows")]
    Attempts { address: Address, attempts: u32, source: io::Error },
    #[error("`{0}` cannot be connected to: write `host:port`")]
    Address(Address),
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn an_address_that_never_answers_does_not_hide_the_others() {
        // Its backlog is full.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = socket.listen(0).unwrap();
        let _queued = TcpStream::connect(silent.local_addr().unwrap()).await.unwrap();
        let fine = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![silent.local_addr().unwrap(), fine.local_addr().unwrap()];
        let connect = async |attempt| {
            timeout(Duration::from_millis(200), TcpStream::connect(&*in_turn(addresses.clone(), attempt))).await
        };
        connect(0).await.unwrap_err();
        connect(1).await.unwrap().unwrap();
        connect(u32::MAX).await.unwrap().unwrap();
        assert!(in_turn(Vec::new(), 7).is_empty());
    }
}
