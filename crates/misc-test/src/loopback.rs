//! Real sockets for tests that run side by side.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use misc_core::{Address, Bind, Request, Socket, SocketKind, Sockets};
use tokio::net::TcpSocket;

/// Moves every port to one of the system's choice, on the loopback interface. Clones are the same.
///
/// A fixed port stands for the same real one from then on. So a service that restarts has the port that it had, and two
/// that want the same one are refused it as ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loopback(Arc<Mutex<Vec<Moved>>>);

#[derive(Debug)]
struct Moved {
    kind: SocketKind,
    asked: Address,
    from: SocketAddr,
    to: SocketAddr,
    _reserved: Option<TcpSocket>,
}

impl Loopback {
    /// Returns where the listener really is that was asked for at an address, or is there.
    ///
    /// # Errors
    /// `ConnectionRefused` when there is none, rather than to meet somebody else.
    pub(crate) fn real(&self, address: &Address) -> io::Result<Address> {
        if address.to_string().starts_with("unix:") {
            return Ok(address.clone());
        }
        let moved = self.moved();
        let listeners = || moved.iter().filter(|moved| moved.kind == SocketKind::Stream);
        let is_it = |moved: &&Moved| moved.asked == *address || address.ip().is_some_and(|ip| moved.is_for(ip));
        match listeners().find(is_it) {
            Some(moved) => Ok(moved.to.into()),
            None => {
                let asked: Vec<_> = listeners().map(|moved| moved.asked.to_string()).collect();
                let asked = if asked.is_empty() { "none".to_owned() } else { asked.join(", ") };
                let text = format!("no service has asked for this address; those that were asked for: {asked}");
                Err(io::Error::new(ErrorKind::ConnectionRefused, text))
            }
        }
    }

    fn moved(&self) -> MutexGuard<'_, Vec<Moved>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets for Loopback {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        let Some(&from) = request.resolved().first() else {
            // A Unix socket is where its path says.
            return Bind.open(request);
        };
        let mut moved = self.moved();
        let before = moved.iter().find(|moved| moved.kind == request.kind() && moved.is_for(from));
        if let Some(&Moved { to, .. }) = before {
            let explained = |error: io::Error| {
                let text = format!("{error} ({from} is {to} in this test)");
                io::Error::new(error.kind(), text)
            };
            return Bind.open(&request.at(&[to])).map_err(explained);
        }
        let fresh: Vec<_> = request.resolved().iter().map(|&ip| SocketAddr::new(of_family(ip), 0)).collect();
        let reserved = if is_fixed_listener(request) { fresh.iter().find_map(|&ip| reserve(ip).ok()) } else { None };
        let wanted = reserved.as_ref().and_then(|socket| socket.local_addr().ok()).map_or(fresh, |ip| vec![ip]);
        let socket = Bind.open(&request.at(&wanted))?;
        if let Some(to) = address_of(&socket)? {
            let (kind, asked) = (request.kind(), request.address().clone());
            moved.push(Moved { kind, asked, from, to, _reserved: reserved });
        }
        Ok(socket)
    }
}

impl Moved {
    /// Tells whether `wanted` is the fixed address that was moved, or the one that it was moved to.
    fn is_for(&self, wanted: SocketAddr) -> bool {
        wanted.port() != 0 && (overlap(wanted, self.from) || wanted == self.to)
    }
}

/// Tells whether two addresses cannot both be listened on: `0.0.0.0` has a port on all addresses of its family, and
/// `[::]` of both.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: SocketAddr, one: SocketAddr| all.ip().is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one.port() == other.port() && (one.ip() == other.ip() || covers(one, other) || covers(other, one))
}

fn is_fixed_listener(request: &Request<'_>) -> bool {
    request.kind() == SocketKind::Stream && request.resolved().iter().all(|ip| ip.port() != 0)
}

/// Takes a port and never listens on it, so that nobody else is given it while its service restarts.
#[cfg(target_os = "linux")]
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Elsewhere the listener could not be bound beside such a socket.
#[cfg(not(target_os = "linux"))]
fn reserve(_: SocketAddr) -> io::Result<TcpSocket> {
    Err(ErrorKind::Unsupported.into())
}

/// Returns the loopback address of the same family.
pub(crate) fn of_family(address: SocketAddr) -> IpAddr {
    if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

fn address_of(socket: &Socket) -> io::Result<Option<SocketAddr>> {
    match socket {
        Socket::Tcp(listener) => listener.local_addr().map(Some),
        Socket::Udp(socket) => socket.local_addr().map(Some),
        _ => Ok(None),
    }
}
