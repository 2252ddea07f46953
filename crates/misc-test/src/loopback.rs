//! Real sockets for tests that run side by side.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use misc_core::{Bind, Request, Socket, SocketKind, Sockets};

/// Moves every port to one of the system's choice, on the loopback interface.
///
/// A fixed port stands for the same real one from then on. So a service that restarts has the port that it had, and two
/// that want the same one are refused it as ever.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    moved: Mutex<Vec<Moved>>,
}

#[derive(Debug, Clone, Copy)]
struct Moved {
    kind: SocketKind,
    from: SocketAddr,
    to: SocketAddr,
}

impl Sockets for Loopback {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        let Some(&from) = request.resolved().first() else {
            // A Unix socket is where its path says.
            return Bind.open(request);
        };
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let before = moved.iter().find(|moved| moved.kind == request.kind() && moved.is_for(from));
        let wanted: Vec<_> = match before {
            Some(moved) => vec![moved.to],
            None => request.resolved().iter().map(|&ip| SocketAddr::new(of_family(ip), 0)).collect(),
        };
        let socket = Bind.open(&request.at(&wanted))?;
        if let (None, Some(to)) = (before, address_of(&socket)?) {
            moved.push(Moved { kind: request.kind(), from, to });
        }
        Ok(socket)
    }
}

impl Moved {
    /// Tells whether `wanted` is the fixed address that was moved, or the one that it was moved to.
    fn is_for(&self, wanted: SocketAddr) -> bool {
        wanted.port() != 0 && (wanted == self.from || wanted == self.to)
    }
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
