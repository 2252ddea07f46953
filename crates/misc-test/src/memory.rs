//! Sockets that exist in memory only.

use std::{
    future::{Ready, ready},
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use misc_core::{Address, Incoming, Listener, Request, Socket, SocketKind, Sockets};
use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

use crate::connection::Connection;

/// How many connections may wait to be accepted, as with the sockets of [`misc_core::Bind`].
const BACKLOG: usize = 1024;
/// How many bytes may be on their way in one direction.
const BUFFER: usize = 64 * 1024;
/// The first of the ports that stand for port 0.
const FIRST_PORT: u16 = 49152;
/// How many these are: all that follow.
const PORTS: usize = (u16::MAX - FIRST_PORT) as usize + 1;

/// Listeners and connections in memory, so that servers run on a paused clock.
///
/// [`TestApp`](crate::TestApp) brings them on a paused clock by itself. Clones are one network, which two apps may
/// share.
///
/// They behave as real ones where services can tell: an address in use is refused (`0.0.0.0` has the port on all
/// addresses), one that nobody listens on refuses connections, port 0 becomes some port, one side may end its half of a
/// connection, a reader that does not read holds up the writer after 64 KiB. They know no resets: whoever drops its end
/// has ended it. Datagram sockets are not there: they need the real clock.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, Listener};
/// use misc_test::MemorySockets;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), misc_core::Report> {
/// let network = MemorySockets::new();
/// let app = App::new("shop").sockets(network.clone()).service("greeter", async |ctx: Context| {
///     let mut incoming = ctx.listen(&"127.0.0.1:7".into()).await?;
///     ctx.ready();
///     let (handshake, _) = incoming.accept().await?;
///     tokio::io::AsyncWriteExt::write_all(&mut handshake.await?, b"hello").await?;
///     Ok(())
/// });
/// let handle = app.handle();
/// let client = async {
///     handle.ready().await;
///     let mut text = String::new();
///     network.connect(&"127.0.0.1:7".into()).await?.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     std::io::Result::Ok(())
/// };
/// let (ended, asked) = tokio::join!(app.without_signals().run(), client);
/// asked?;
/// ended
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemorySockets(Arc<Mutex<Network>>);

#[derive(Debug, Default)]
struct Network {
    open: Vec<Open>,
    /// Where to look for the next free port, counted from the first one.
    chosen: usize,
}

/// A listener, as clients see it.
#[derive(Debug)]
struct Open {
    address: Address,
    backlog: Backlog,
}

type Backlog = mpsc::Sender<(DuplexStream, Address)>;

impl MemorySockets {
    /// Creates a network of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to a listener.
    ///
    /// # Errors
    /// `ConnectionRefused` when nobody listens there, and who does elsewhere.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn connect(&self, address: &Address) -> io::Result<Connection> {
        let wanted = resolve(address).await?;
        let found = wanted.iter().find_map(|wanted| self.network().client_of(wanted));
        let (backlog, peer) = found.unwrap_or_else(|| Err(self.refused(address)))?;
        let (client, server) = duplex(BUFFER);
        backlog.send((server, peer)).await.map_err(|_| self.refused(address))?;
        Ok(Connection::new(client))
    }

    fn refused(&self, address: &Address) -> io::Error {
        let open: Vec<_> = self.network().open.iter().map(|open| open.address.to_string()).collect();
        let all = if open.is_empty() { "nowhere".to_owned() } else { format!("on {}", open.join(", ")) };
        let text = format!("nobody listens on {address} in memory, but {all}");
        io::Error::new(ErrorKind::ConnectionRefused, text)
    }

    /// Returns the network without those that are closed.
    fn network(&self) -> MutexGuard<'_, Network> {
        let mut network = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        network.open.retain(|open| !open.backlog.is_closed());
        network
    }
}

impl Sockets for MemorySockets {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        if request.kind() != SocketKind::Stream {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "there are no datagrams in memory: test this service on the real clock, in a `#[tokio::test]` without \
                 `start_paused`",
            ));
        }
        let mut network = self.network();
        let address = match request.resolved().first() {
            Some(&ip) => Address::from(network.with_port(ip)?),
            None => request.address().clone(),
        };
        if network.find(&address).is_some() {
            return Err(ErrorKind::AddrInUse.into());
        }
        let (backlog, connections) = mpsc::channel(BACKLOG);
        network.open.push(Open { address: address.clone(), backlog });
        Ok(Socket::Other(Incoming::from_listener(MemoryListener { address, connections })))
    }
}

impl Network {
    fn find(&self, wanted: &Address) -> Option<&Open> {
        self.open.iter().find(|open| overlap(&open.address, wanted))
    }

    /// Returns the way to a listener, and the address that a client of it has.
    fn client_of(&mut self, wanted: &Address) -> Option<io::Result<(Backlog, Address)>> {
        let backlog = self.find(wanted)?.backlog.clone();
        let peer = match wanted.ip() {
            Some(_) => self.with_port((Ipv4Addr::LOCALHOST, 0).into()).map(Address::from),
            None => Ok(Address::from("unix:")),
        };
        Some(peer.map(|peer| (backlog, peer)))
    }

    fn with_port(&mut self, mut address: SocketAddr) -> io::Result<SocketAddr> {
        if address.port() == 0 {
            address.set_port(self.choose_port()?);
        }
        Ok(address)
    }

    /// Chooses a port that nobody listens on: the next one, so that one that was just closed stays away for a while.
    fn choose_port(&mut self) -> io::Result<u16> {
        let mut taken = vec![false; PORTS];
        for port in self.open.iter().filter_map(|open| open.address.ip()?.port().checked_sub(FIRST_PORT)) {
            taken[usize::from(port)] = true;
        }
        let free = (0..PORTS).map(|more| (self.chosen + more) % PORTS).find(|&port| !taken[port]);
        let in_use = || io::Error::new(ErrorKind::AddrInUse, "every port is in use");
        let free = free.ok_or_else(in_use)?;
        self.chosen = free + 1;
        Ok(FIRST_PORT + u16::try_from(free).expect("a port is 16 bits"))
    }
}

/// The server's side of an [`Open`]; its end closes that.
struct MemoryListener {
    address: Address,
    connections: mpsc::Receiver<(DuplexStream, Address)>,
}

impl Listener for MemoryListener {
    type Io = DuplexStream;
    type Handshake = Ready<io::Result<DuplexStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        match self.connections.recv().await {
            Some((stream, peer)) => Ok((ready(Ok(stream)), peer)),
            // The network is gone, and with it whoever could connect.
            None => std::future::pending().await,
        }
    }

    fn address(&self) -> Address {
        self.address.clone()
    }
}

/// Tells whether two addresses cannot both be listened on, or one reaches the other.
fn overlap(one: &Address, other: &Address) -> bool {
    let same_port = match (one.ip(), other.ip()) {
        (Some(one), Some(other)) => {
            one.port() == other.port() && (one.ip().is_unspecified() || other.ip().is_unspecified())
        }
        _ => false,
    };
    one == other || same_port
}

/// Finds the addresses that a name stands for, as a client does.
async fn resolve(address: &Address) -> io::Result<Vec<Address>> {
    let text = address.to_string();
    if address.ip().is_some() || text.starts_with("unix:") {
        return Ok(vec![address.clone()]);
    }
    Ok(tokio::net::lookup_host(text).await?.map(Address::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(port: u16) -> Open {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into();
        Open { address, backlog: mpsc::channel(1).0 }
    }

    #[test]
    fn the_last_free_port_is_found_and_then_all_are_in_use() {
        let mut network = Network::default();
        let free = 60_000;
        network.open = (FIRST_PORT..=u16::MAX).filter(|port| *port != free).map(open).collect();
        for _ in 0..2 {
            assert_eq!(network.choose_port().expect("one is free"), free);
        }
        network.open.push(open(free));
        assert_eq!(network.choose_port().expect_err("none is").kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn ports_are_chosen_in_turn() {
        let mut network = Network { open: vec![open(FIRST_PORT)], chosen: PORTS - 1 };
        let chosen = [(); 2].map(|()| network.choose_port().expect("there are enough"));
        assert_eq!(chosen, [u16::MAX, FIRST_PORT + 1]);
    }
}
