//! Sockets that were inherited, and who has taken which.

use std::{
    fmt, io,
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{SocketAddr as UnixAddress, UnixListener},
    },
    sync::{Mutex, MutexGuard, PoisonError},
};

use misc_core::{Address, Request, Socket, SocketKind};
use rustix::net::{AddressFamily, SocketType, getsockname, sockopt};
use tracing::info;

use super::environment;
use crate::error::Unusable;

/// All sockets that were inherited.
///
/// The originals stay here and duplicates are handed out, so that a queue lives on while its service restarts.
#[derive(Debug)]
pub(super) struct Inherited(Mutex<Vec<Held>>);

#[derive(Debug)]
struct Held {
    name: String,
    socket: Original,
    address: Address,
    taker: Option<Taker>,
}

#[derive(Debug)]
enum Original {
    Tcp(TcpListener),
    Unix(UnixListener),
    Udp(UdpSocket),
}

/// Who has taken a socket, and for which address.
#[derive(Debug, PartialEq, Eq)]
struct Taker {
    service: String,
    address: Address,
}

impl Inherited {
    pub(super) fn from_env() -> Result<Self, Unusable> {
        Self::new(environment::take(|name| std::env::var_os(name))?)
    }

    pub(super) fn new(descriptors: impl IntoIterator<Item = (String, OwnedFd)>) -> Result<Self, Unusable> {
        let sockets = descriptors.into_iter().map(|(name, descriptor)| Held::new(name, descriptor));
        Ok(Self(Mutex::new(sockets.collect::<Result<_, _>>()?)))
    }

    /// Hands out the socket that fits, if there is one.
    pub(super) fn take(&self, request: &Request<'_>) -> io::Result<Option<Socket>> {
        let mut sockets = self.sockets();
        let Some(at) = find(&sockets, request)? else {
            return Ok(None);
        };
        let held = &mut sockets[at];
        let socket = held.socket.duplicate()?;
        held.taker = Some(Taker::of(request));
        let (service, name, address) = (request.service(), &held.name, &held.address);
        info!(service, %address, "socket taken from systemd as `{name}`");
        Ok(Some(socket))
    }

    /// Names the sockets that nobody has taken.
    pub(super) fn left(&self) -> Vec<String> {
        self.sockets().iter().filter(|held| held.taker.is_none()).map(ToString::to_string).collect()
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the socket that a request had before; else one of its name; else one of its address.
fn find(sockets: &[Held], request: &Request<'_>) -> io::Result<Option<usize>> {
    let taker = Taker::of(request);
    let before = |held: &Held| held.is_kind(request) && held.taker.as_ref() == Some(&taker);
    if let Some(at) = sockets.iter().position(before) {
        return Ok(Some(at));
    }
    let last = request.service().rsplit('/').next();
    for name in [Some(request.service()), last].into_iter().flatten() {
        if let Some(at) = find_named(sockets, name, request)? {
            return Ok(Some(at));
        }
    }
    Ok(sockets.iter().position(|held| held.is_free_for(request) && held.has_address_of(request)))
}

fn find_named(sockets: &[Held], name: &str, request: &Request<'_>) -> io::Result<Option<usize>> {
    let named = || sockets.iter().enumerate().filter(|(_, held)| held.name == name);
    if named().next().is_some() && !named().any(|(_, held)| held.is_kind(request)) {
        let names: Vec<_> = named().map(|(_, held)| held.to_string()).collect();
        return Err(wrong_kind(&names.join(", "), request));
    }
    let free = || named().filter(|(_, held)| held.is_free_for(request));
    let best = free().find(|(_, held)| held.has_address_of(request)).or_else(|| free().next());
    Ok(best.map(|(at, _)| at))
}

fn wrong_kind(passed: &str, request: &Request<'_>) -> io::Error {
    let (wanted, option) = match request.kind() {
        SocketKind::Datagram => ("a datagram socket", "ListenDatagram="),
        _ => ("a listener for connections", "ListenStream="),
    };
    let why = format!("systemd has passed {passed}, but {wanted} is needed; use {option} in the .socket unit");
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

impl Held {
    fn new(name: String, descriptor: OwnedFd) -> Result<Self, Unusable> {
        let unusable = |why| Unusable::new(format!("the descriptor `{name}`"), why);
        let failed = |error: io::Error| unusable("it is no socket that can be looked at").caused_by(error);
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
        Ok(Self { name, socket, address, taker: None })
    }

    fn is_kind(&self, request: &Request<'_>) -> bool {
        let datagram = matches!(self.socket, Original::Udp(_));
        datagram == (request.kind() == SocketKind::Datagram)
    }

    fn is_free_for(&self, request: &Request<'_>) -> bool {
        self.taker.is_none() && self.is_kind(request)
    }

    fn has_address_of(&self, request: &Request<'_>) -> bool {
        match self.address.ip() {
            Some(ip) => request.resolved().contains(&ip),
            None => self.address == *request.address(),
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

impl Taker {
    fn of(request: &Request<'_>) -> Self {
        Self { service: request.service().to_owned(), address: request.address().clone() }
    }
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
