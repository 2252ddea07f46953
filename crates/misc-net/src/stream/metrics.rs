//! What is measured of connections.

use misc_core::{Counter, Gauge, Histogram, Meter, Tracked};
use tokio::time::Instant;

/// The bytes that were received and sent.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    pub(crate) receive: Counter,
    pub(crate) transmit: Counter,
}

impl Traffic {
    pub(crate) fn new(meter: &Meter, name: &'static str, help: &'static str) -> Self {
        let of = |direction: &str| meter.label("direction", direction).counter(name, help);
        Self { receive: of("receive"), transmit: of("transmit") }
    }

    pub(crate) fn of_server(meter: &Meter) -> Self {
        Self::new(meter, "net_server_io_bytes_total", "Bytes received and sent by a server.")
    }
}

/// The handles of a server's metrics, resolved once.
pub(crate) struct Metrics {
    pub(crate) traffic: Traffic,
    pub(crate) frames: Counter,
    pub(crate) refused: Counter,
    pub(crate) handshake_failures: Counter,
    pub(crate) handler_failures: Counter,
    pub(crate) cut: Counter,
    connections: Counter,
    active: Gauge,
    duration: Histogram,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name, help| meter.counter(name, help);
        Self {
            traffic: Traffic::of_server(meter),
            frames: counter("net_server_frames_total", "Frames that a server has handled."),
            refused: counter("net_server_connections_refused_total", "Connections closed for their peer had too many."),
            handshake_failures: counter("net_server_handshake_failures_total", "Connections without a handshake."),
            handler_failures: counter("net_server_handler_failures_total", "Handlers that have failed or panicked."),
            cut: counter("net_server_connections_cut_total", "Connections cut at the stop bound of their server."),
            connections: counter("net_server_connections_total", "Connections that a server has accepted."),
            active: meter.gauge("net_server_active_connections", "Connections that are open."),
            duration: meter.histogram("net_server_connection_duration_seconds", "Time that connections were open."),
        }
    }

    /// Measures a connection until its end, however that comes.
    pub(crate) fn measure(&self) -> Measured {
        self.connections.increment(1);
        Measured { _active: self.active.track(), duration: self.duration.clone(), since: Instant::now() }
    }
}

/// Measures a connection while it lives.
pub(crate) struct Measured {
    _active: Tracked,
    duration: Histogram,
    since: Instant,
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.duration.record(self.since.elapsed().as_secs_f64());
    }
}
