//! One socket that was inherited: what it is, and whom it suits.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{SocketAddr as UnixAddress, UnixListener},
    },
};

use misc_core::{Address, Request, Socket, SocketKind};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketType, getsockname, sockopt},
};

use crate::error::Unusable;

/// A socket, and who has taken it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) address: Address,
    socket: Original,
    taker: Option<Taker>,
}

/// Why a socket suits a request, the best reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    NameAndAddress,
    Address,
    /// The unit decides the address.
    Name,
}

#[derive(Debug)]
enum Original {
    Tcp(TcpListener),
    Unix(UnixListener),
    Udp(UdpSocket),
}

#[derive(Debug)]
struct Taker {
    service: String,
    address: Address,
    fit: Fit,
    /// Until its run has ended.
    holds: bool,
}

impl Held {
    pub(super) fn new(name: String, descriptor: OwnedFd) -> Result<Self, Unusable> {
        let unusable = |why| Unusable::new(format!("the descriptor `{name}`"), why);
        let failed = |error: io::Error| unusable("it is no socket that can be looked at").caused_by(error);
        fcntl_setfd(&descriptor, FdFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
        let family = getsockname(&descriptor).map(|address| address.address_family());
        let kind = sockopt::socket_type(&descriptor).map_err(|error| failed(error.into()))?;
        let is_ip = matches!(family, Ok(AddressFamily::INET | AddressFamily::INET6));
        if kind == SocketType::STREAM && !listens(&descriptor) {
            return Err(unusable("it is a connection or not listening yet; set Accept=no in the .socket unit"));
        }
        let socket = match kind {
            SocketType::STREAM if is_ip => Original::Tcp(descriptor.into()),
            SocketType::STREAM if family == Ok(AddressFamily::UNIX) => Original::Unix(descriptor.into()),
            SocketType::DGRAM if is_ip => Original::Udp(descriptor.into()),
            _ => {
                return Err(unusable("a service listens on TCP, UDP and Unix stream sockets; remove it from the unit"));
            }
        };
        let address = socket.address().map_err(failed)?;
        Ok(Self { name, address, socket, taker: None })
    }

    /// Tells whether it has the name and the kind that are asked for.
    pub(super) fn is_meant(&self, request: &Request<'_>) -> bool {
        self.name == request.service() && self.is_kind(request)
    }

    pub(super) fn is_kind(&self, request: &Request<'_>) -> bool {
        let datagram = matches!(self.socket, Original::Udp(_));
        datagram == (request.kind() == SocketKind::Datagram)
    }

    /// Tells whether nobody has ever taken it.
    pub(super) fn is_left(&self) -> bool {
        self.taker.is_none()
    }

    /// Says why it suits a request; `only` when nothing else is meant for that.
    pub(super) fn fit(&self, request: &Request<'_>, only: bool) -> Option<Fit> {
        let is_held = self.taker.as_ref().is_some_and(|taker| taker.holds);
        let is_at = self.has_address_of(request) || request.resolved().iter().any(|asked| self.is_everywhere(*asked));
        match (self.name == request.service(), is_at) {
            _ if is_held || !self.is_kind(request) => None,
            (true, true) => Some(Fit::NameAndAddress),
            (false, true) => Some(Fit::Address),
            (true, false) => (only || asks_for_any_port(request)).then_some(Fit::Name),
            (false, false) => None,
        }
    }

    /// Tells whether it has the very address that is asked for.
    pub(super) fn has_address_of(&self, request: &Request<'_>) -> bool {
        match self.address.ip() {
            Some(ip) => request.resolved().contains(&ip),
            None => self.address == *request.address(),
        }
    }

    /// Tells whether both stand for all addresses, 0.0.0.0 or `[::]`, and the port is the same.
    fn is_everywhere(&self, asked: SocketAddr) -> bool {
        let all = |address: SocketAddr| address.ip().is_unspecified();
        self.address.ip().is_some_and(|passed| all(passed) && all(asked) && passed.port() == asked.port())
    }

    /// Returns the other address for which the service that asks holds it by its name alone.
    pub(super) fn guessed_for(&self, request: &Request<'_>) -> Option<&Address> {
        let guessed = |taker: &&Taker| taker.holds && taker.fit == Fit::Name && taker.address != *request.address();
        self.taker.as_ref().filter(|_| self.is_meant(request)).filter(guessed).map(|taker| &taker.address)
    }

    pub(super) fn take(&mut self, request: &Request<'_>, fit: Fit) -> io::Result<Socket> {
        let socket = self.socket.duplicate()?;
        let (service, address) = (request.service().to_owned(), request.address().clone());
        self.taker = Some(Taker { service, address, fit, holds: true });
        Ok(socket)
    }

    pub(super) fn free(&mut self, service: &str) {
        if let Some(taker) = self.taker.as_mut().filter(|taker| taker.service == service) {
            taker.holds = false;
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.socket {
            Original::Tcp(_) => "TCP",
            Original::Unix(_) => "a Unix listener",
            Original::Udp(_) => "UDP",
        };
        write!(f, "`{}` ({kind}, {})", self.name, self.address)
    }
}

impl Original {
    fn duplicate(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Socket::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Socket::Unix),
            Self::Udp(socket) => socket.try_clone().map(Socket::Udp),
        }
    }

    fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::from),
            Self::Unix(listener) => listener.local_addr().map(|address| unix_address(&address)),
            Self::Udp(socket) => socket.local_addr().map(Address::from),
        }
    }
}

/// Tells whether the system, and so the unit, may choose the port.
pub(super) fn asks_for_any_port(request: &Request<'_>) -> bool {
    request.resolved().iter().any(|address| address.port() == 0)
}

/// Writes the address of a Unix socket as a configuration would.
fn unix_address(address: &UnixAddress) -> Address {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(address) {
        return Address::from(format!("unix:@{}", String::from_utf8_lossy(name)));
    }
    let path = address.as_pathname().map(|path| path.display().to_string());
    Address::from(format!("unix:{}", path.unwrap_or_default()))
}

#[cfg(not(target_vendor = "apple"))]
fn listens(socket: impl AsFd) -> bool {
    sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// The system does not tell.
#[cfg(target_vendor = "apple")]
fn listens(_socket: impl AsFd) -> bool {
    true
}
