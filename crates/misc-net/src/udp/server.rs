//! The server of datagrams.

use std::{
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use misc_core::{BoxError, Context, Counter, Gauge, Service};
use socket2::SockRef;
use tokio::task::yield_now;
use tracing::{debug, warn};

use crate::{
    crew::Crew,
    outcome::attend,
    pause::Pause,
    stream::Traffic,
    udp::{
        config::{Config, Overflow},
        datagram::{Datagram, Outlet},
    },
};

/// How many datagrams are received in a row before the other tasks have their turn.
const BATCH: usize = 64;

/// Receives datagrams and gives each to a handler, in a task of its own.
///
/// So many are handled at once ([`Config::in_flight`]); what comes then is dropped, or waits ([`Config::overflow`]). A
/// handler's failure or panic is logged, and ends nothing else. Errors that replies to peers who are gone have brought
/// about (`ICMP port unreachable`) are passed over.
///
/// When the server shall stop it receives no more, and finishes what is handled. What is not finished half a second
/// before its stop bound (15 s, `Spec::stop_within`), or a tenth of what is left of it where that is less, is cut and
/// counted in one line of the log.
///
/// Metrics, by `service` and `transport` (`udp`): `net_server_datagrams_total`, `net_server_active_datagrams`,
/// `net_server_datagrams_dropped_total` (by `reason`, `overflow` or `too_long`), `net_server_io_bytes_total` (by
/// `direction`, `receive` or `transmit`), `net_server_datagrams_cut_total` and `net_server_handler_failures_total`.
///
/// # Examples
/// ```no_run
/// use misc_core::App;
/// use misc_net::udp::{Datagram, Server};
///
/// fn main() -> std::process::ExitCode {
///     misc_core::main(async || {
///         let echo = Server::new("127.0.0.1:7000", async |datagram: Datagram| {
///             datagram.reply(&datagram).await?;
///             Ok(())
///         });
///         Ok(App::new("shop").service("echo", echo))
///     })
/// }
/// ```
#[must_use = "a server does nothing until it is registered"]
pub struct Server<H> {
    config: Config,
    handler: Arc<H>,
}

impl<H> Server<H> {
    /// Gives each datagram to `handler`; an address, such as `"127.0.0.1:7000"`, is a configuration.
    ///
    /// What the handler needs it clones for each datagram: `move |datagram| count(datagram, totals.clone())`.
    pub fn new<Fut>(config: impl Into<Config>, handler: H) -> Self
    where
        H: Fn(Datagram) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send,
    {
        Self { config: config.into(), handler: Arc::new(handler) }
    }
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), handler: Arc::clone(&self.handler) }
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<H, Fut> Service for Server<H>
where
    H: Fn(Datagram) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let socket = ctx.bind_udp(&self.config.listen).await?;
        if let Some(size) = self.config.receive_buffer {
            // The system takes 32 bits, and no more than it allows anyway.
            SockRef::from(&socket).set_recv_buffer_size(size.get().min(i32::MAX as usize))?;
        }
        let meter = ctx.meter().label("service", ctx.name()).label("transport", "udp");
        let metrics = Metrics::new(&meter);
        let outlet = Arc::new(Outlet { socket, transmitted: metrics.traffic.transmit.clone() });
        let in_flight = Arc::new(AtomicUsize::new(0));
        let inspected = Arc::clone(&in_flight);
        ctx.inspect("datagrams", move || inspected.load(Ordering::Relaxed));
        let mut receiver = Receiver {
            crew: Crew::new(self.config.in_flight),
            // One byte more, to tell what is too long from what just fits.
            buffer: vec![0; usize::from(self.config.max_datagram.get()) + 1].into(),
            config: self.config,
            handler: self.handler,
            in_flight,
            metrics: Arc::new(metrics),
            outlet,
            ctx,
        };
        receiver.ctx.ready();
        receiver.receive().await;
        let Receiver { crew, ctx, metrics, .. } = receiver;
        let cut = crew.drain(&ctx).await;
        if cut > 0 {
            metrics.cut.increment(cut as u64);
            warn!(
                service = ctx.name(),
                datagrams = cut,
                "datagrams were not handled in time for the stop and were cut"
            );
        }
        Ok(())
    }
}

/// A server that runs.
struct Receiver<H> {
    config: Config,
    handler: Arc<H>,
    crew: Crew<()>,
    buffer: Box<[u8]>,
    in_flight: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    outlet: Arc<Outlet>,
    ctx: Context,
}

impl<H, Fut> Receiver<H>
where
    H: Fn(Datagram) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    /// Receives until the service shall stop.
    async fn receive(&mut self) {
        let mut pause = Pause::default();
        loop {
            let readable = tokio::select! {
                biased;
                () = self.ctx.stopping() => return,
                () = self.crew.ended() => continue,
                readable = self.outlet.socket.readable(), if self.takes() => readable,
            };
            match readable.and_then(|()| self.receive_batch()) {
                Ok(more) => {
                    pause.reset();
                    if more {
                        yield_now().await;
                    }
                }
                Err(error) => pause.after(&self.ctx, &error).await,
            }
        }
    }

    /// Tells whether a datagram would be taken from the system.
    fn takes(&self) -> bool {
        self.config.overflow == Overflow::Drop || self.crew.has_room()
    }

    /// Receives what has come already; returns whether there may be more.
    fn receive_batch(&mut self) -> io::Result<bool> {
        for _ in 0..BATCH {
            while self.crew.ended().now_or_never().is_some() {}
            if !self.takes() {
                return Ok(false);
            }
            match self.outlet.socket.try_recv_from(&mut self.buffer) {
                Ok((length, peer)) => self.take(length, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Handles the datagram in the buffer, unless it has to be dropped.
    fn take(&mut self, length: usize, peer: std::net::SocketAddr) {
        self.metrics.datagrams.increment(1);
        self.metrics.traffic.receive.increment(length as u64);
        if length == self.buffer.len() {
            debug!(%peer, "a datagram is dropped: it is longer than it may be");
            self.metrics.too_long.increment(1);
            return;
        }
        if !self.crew.has_room() {
            self.metrics.overflow.increment(1);
            return;
        }
        let bytes = Bytes::copy_from_slice(&self.buffer[..length]);
        let datagram = Datagram { bytes, peer, outlet: Arc::clone(&self.outlet) };
        let counted = InFlight::new(&self.in_flight, &self.metrics);
        let handler = Arc::clone(&self.handler);
        let task = self.ctx.spawn(async move {
            if !attend(async { handler(datagram).await }, &peer, || false).await {
                counted.metrics.handler_failures.increment(1);
            }
        });
        self.crew.add(task, ());
    }
}

/// Counts a datagram while it is handled.
struct InFlight {
    count: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl InFlight {
    fn new(count: &Arc<AtomicUsize>, metrics: &Arc<Metrics>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        metrics.active.increment(1.0);
        Self { count: Arc::clone(count), metrics: Arc::clone(metrics) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.metrics.active.decrement(1.0);
    }
}

/// The handles of the metrics, resolved once.
struct Metrics {
    traffic: Traffic,
    datagrams: Counter,
    active: Gauge,
    overflow: Counter,
    too_long: Counter,
    cut: Counter,
    handler_failures: Counter,
}

impl Metrics {
    fn new(meter: &misc_core::Meter) -> Self {
        let counter = |name, help| meter.counter(name, help);
        let dropped = |reason: &str| {
            let help = "Datagrams that were not given to a handler.";
            meter.label("reason", reason).counter("net_server_datagrams_dropped_total", help)
        };
        Self {
            traffic: Traffic::of_server(meter),
            datagrams: counter("net_server_datagrams_total", "Datagrams that were received."),
            active: meter.gauge("net_server_active_datagrams", "Datagrams that are handled now."),
            overflow: dropped("overflow"),
            too_long: dropped("too_long"),
            cut: counter("net_server_datagrams_cut_total", "Datagrams cut at the stop bound of their server."),
            handler_failures: counter("net_server_handler_failures_total", "Handlers that have failed or panicked."),
        }
    }
}
