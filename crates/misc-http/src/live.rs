//! The connections that a server has.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use misc_core::{Address, Context, Counter, Gauge};
use serde::Serialize;
use tokio::sync::Notify;

use crate::connection::Connection;

/// What can be seen of a [`Server`](crate::Server) while it runs. Cheap to clone.
///
/// # Examples
/// ```
/// use misc_http::Server;
/// # #[cfg(feature = "axum")] {
/// # use misc_http::axum::Router;
/// let server = Server::new("127.0.0.1:0", Router::new());
/// let handle = server.handle();
/// assert_eq!((handle.address(), handle.connections(), handle.requests()), (None, 0, 0));
/// # }
/// ```
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Live>);

impl Handle {
    /// Returns the real address, with the port that the system chose; `None` before the server listens.
    ///
    /// [`misc_core::Handle::address`] waits for it.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.0.table().address.clone()
    }

    /// Returns how many connections are open, those that were upgraded included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.table().connections.len()
    }

    /// Returns how many requests are in flight: from their head until their connection has the last byte of their response,
    /// which may still be on its way to the client.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.0.table().connections.values().map(|connection| connection.state().in_flight() as usize).sum()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("address", &self.address()).field("seen", &self.0.look()).finish()
    }
}

/// The connections of one server.
#[derive(Default)]
pub(crate) struct Live {
    table: Mutex<Table>,
    /// Wakes when a connection has gone.
    gone: Notify,
    /// How many connections were cut since the server began to stop.
    cut: AtomicU64,
}

#[derive(Default)]
struct Table {
    address: Option<Address>,
    connections: HashMap<u64, Connection>,
    by_peer: HashMap<IpAddr, usize>,
    next: u64,
}

/// What an operator sees of a server in its status.
#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    connections: usize,
    requests: usize,
}

impl Live {
    pub(crate) fn look(self: &Arc<Self>) -> Seen {
        let handle = Handle(Arc::clone(self));
        Seen { connections: handle.connections(), requests: handle.requests() }
    }

    pub(crate) fn listens_on(&self, address: Address) {
        self.cut.store(0, Relaxed);
        self.table().address = Some(address);
    }

    /// Takes a connection in, unless its client has as many as it may have.
    pub(crate) fn enter(
        self: &Arc<Self>,
        connection: &Connection,
        per_peer: Option<usize>,
        meters: &Arc<Meters>,
    ) -> Option<Lease> {
        let mut table = self.table();
        let peer = connection.peer().ip().map(|address| address.ip()).filter(|_| per_peer.is_some());
        if let Some(peer) = peer {
            let count = table.by_peer.entry(peer).or_default();
            if per_peer.is_some_and(|most| *count >= most) {
                return None;
            }
            *count += 1;
        }
        let id = table.next;
        table.next += 1;
        table.connections.insert(id, connection.clone());
        drop(table);
        meters.opened.increment(1);
        meters.active.increment(1.0);
        Some(Lease { live: Arc::clone(self), meters: Arc::clone(meters), id, peer, why: OnceLock::new() })
    }

    /// Returns how many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.table().connections.len()
    }

    /// Asks every connection to end after what is in flight.
    pub(crate) fn drain(&self) {
        self.each(|connection| connection.state().drain());
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.each(|connection| connection.state().cut());
    }

    /// Returns how many connections were cut in the stop.
    pub(crate) fn cuts(&self) -> u64 {
        self.cut.load(Relaxed)
    }

    /// Waits until there are fewer than `most` connections.
    pub(crate) async fn fewer_than(&self, most: usize) {
        loop {
            let gone = self.gone.notified();
            if self.count() < most {
                return;
            }
            gone.await;
        }
    }

    fn each(&self, ask: impl Fn(&Connection)) {
        // Woken connections end on other threads, and leave the table: it is not held meanwhile.
        let all: Vec<_> = self.table().connections.values().cloned().collect();
        all.iter().for_each(ask);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection among the others, until it is dropped.
pub(crate) struct Lease {
    live: Arc<Live>,
    meters: Arc<Meters>,
    id: u64,
    peer: Option<IpAddr>,
    why: OnceLock<Why>,
}

impl Lease {
    /// Notes that the server closes the connection.
    pub(crate) fn closed(&self, why: Why) {
        if self.why.set(why).is_ok() {
            self.meters.closed(why).increment(1);
            if why == Why::Drain {
                self.live.cut.fetch_add(1, Relaxed);
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut table = self.live.table();
        let gone = table.connections.remove(&self.id);
        if let Some(peer) = self.peer
            && let Some(count) = table.by_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                table.by_peer.remove(&peer);
            }
        }
        drop(table);
        drop(gone);
        self.meters.active.decrement(1.0);
        self.live.gone.notify_waiters();
    }
}

/// Why a server has closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its client had too many.
    PeerLimit,
    /// The handshake or the head of a request took too long.
    HeaderTimeout,
    /// Nothing was asked for.
    IdleTimeout,
    /// Its client took nothing.
    WriteTimeout,
    /// The server had to stop while there was still something in flight.
    Drain,
}

/// The metrics of a server, resolved once.
pub(crate) struct Meters {
    active: Gauge,
    opened: Counter,
    closed: [Counter; 5],
}

impl Meters {
    pub(crate) fn new(ctx: &Context) -> Arc<Self> {
        let meter = ctx.meter().label("service", ctx.name());
        let closed = |reason: &str| {
            let help = "Connections that the server has closed, by the reason.";
            meter.label("reason", reason).counter("http_server_closed_connections_total", help)
        };
        Arc::new(Self {
            active: meter.gauge("http_server_active_connections", "Connections that are open."),
            opened: meter.counter("http_server_connections_total", "Connections that were accepted."),
            closed: ["peer_limit", "header_timeout", "idle_timeout", "write_timeout", "drain"].map(closed),
        })
    }

    pub(crate) fn closed(&self, why: Why) -> &Counter {
        &self.closed[why as usize]
    }
}
