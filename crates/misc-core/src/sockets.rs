//! Sockets: opened by name through a provider that can be replaced, with the real address published.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::listener::Incoming;

/// Where to listen: `host:port`, `unix:/path` or, on Linux, `unix:@abstract-name`.
///
/// The text is checked when the socket is opened, so that the error names the service. Port 0 lets the system choose;
/// [`Handle::address`](crate::Handle::address) tells which it was.
///
/// # Examples
/// ```
/// use misc_core::Address;
///
/// let address = Address::from("127.0.0.1:8080");
/// assert_eq!(address.to_string(), "127.0.0.1:8080");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Address(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Ip(SocketAddr),
    /// A Unix socket, a host name, or nonsense.
    Text(Box<str>),
}

impl Address {
    /// Returns the address as an IP address and a port, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<SocketAddr> {
        match self.0 {
            Kind::Ip(address) => Some(address),
            Kind::Text(_) => None,
        }
    }

    /// Returns the path of a Unix socket, if it is one in the file system.
    #[must_use]
    pub fn unix_path(&self) -> Option<PathBuf> {
        self.unix_name().filter(|name| !name.starts_with('@')).map(PathBuf::from)
    }

    fn unix_name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Ip(_) => None,
            Kind::Text(text) => text.strip_prefix("unix:"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Ip(address) => address.fmt(f),
            Kind::Text(text) => f.write_str(text),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Ip(address))
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.parse().map_or_else(|_| Kind::Text(text.into()), Kind::Ip))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// Opens the sockets of an app.
///
/// The default binds them. Another one may take them from a service manager, from the process before an upgrade, or
/// from a test; services need not know.
///
/// # Examples
/// ```
/// use misc_core::{Address, App, Bind, Request, Socket, Sockets};
///
/// /// Moves everything to ports the system chooses.
/// struct AnyPort;
///
/// impl Sockets for AnyPort {
///     fn open(&self, request: &Request<'_>) -> std::io::Result<Socket> {
///         let port_0 = ["127.0.0.1:0".parse().expect("an address")];
///         Bind.open(&request.at(&port_0))
///     }
/// }
/// let app = App::new("shop").sockets(AnyPort);
/// # drop(app);
/// ```
pub trait Sockets: Send + Sync + 'static {
    /// Opens one socket.
    ///
    /// A socket that is handed over may be in blocking mode; it is always set to non-blocking.
    ///
    /// # Errors
    /// What keeps it from being opened; the caller adds the names of the service and the address.
    fn open(&self, request: &Request<'_>) -> io::Result<Socket>;
}

/// What kind of socket is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketKind {
    /// A listener for connections (TCP, or a Unix stream socket).
    Stream,
    /// A datagram socket (UDP).
    Datagram,
}

/// One service's wish for a socket.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub(crate) service: &'a str,
    pub(crate) kind: SocketKind,
    pub(crate) address: &'a Address,
    pub(crate) resolved: &'a [SocketAddr],
}

impl<'a> Request<'a> {
    /// Returns the path of the service that asks.
    #[must_use]
    pub fn service(&self) -> &'a str {
        self.service
    }

    /// Returns the kind of the socket.
    #[must_use]
    pub fn kind(&self) -> SocketKind {
        self.kind
    }

    /// Returns the address as configured.
    #[must_use]
    pub fn address(&self) -> &'a Address {
        self.address
    }

    /// Returns the IP addresses that it stands for, to be tried in this order; none for a Unix socket.
    #[must_use]
    pub fn resolved(&self) -> &'a [SocketAddr] {
        self.resolved
    }

    /// Returns the same wish with other IP addresses.
    #[must_use]
    pub fn at(&self, resolved: &'a [SocketAddr]) -> Self {
        Self { resolved, ..*self }
    }
}

/// An open socket, as a [`Sockets`] provider hands it out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// A TCP listener.
    Tcp(std::net::TcpListener),
    /// A UDP socket.
    Udp(std::net::UdpSocket),
    /// A Unix stream listener.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
    /// Anything that yields connections: in memory, or wrapped; see [`Incoming::from_listener`].
    Other(Incoming),
}

/// Binds every socket: the default [`Sockets`].
///
/// TCP listeners get `SO_REUSEADDR` where that is safe (not on Windows) and a backlog of 1024. A Unix socket whose
/// file was left behind by a process that is gone is replaced; two processes must not do that at the same moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bind;

impl Sockets for Bind {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        match (request.kind, request.address.unix_name()) {
            (SocketKind::Stream, Some(name)) => unix::listen(name),
            (SocketKind::Stream, None) => first_of(request.resolved, listen_tcp),
            (SocketKind::Datagram, None) => {
                first_of(request.resolved, |address| std::net::UdpSocket::bind(address).map(Socket::Udp))
            }
            (SocketKind::Datagram, Some(_)) => {
                Err(io::Error::new(ErrorKind::Unsupported, "a datagram socket needs an address `host:port`"))
            }
        }
    }
}

fn first_of(addresses: &[SocketAddr], open: impl Fn(SocketAddr) -> io::Result<Socket>) -> io::Result<Socket> {
    let mut last = io::Error::new(ErrorKind::AddrNotAvailable, "the name has no address");
    for &address in addresses {
        match open(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    // On Windows the option would let two processes share a port.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(address)?;
    socket.listen(1024)?.into_std().map(Socket::Tcp)
}

#[cfg(unix)]
mod unix {
    use std::{
        fs, io,
        io::ErrorKind,
        os::unix::{fs::FileTypeExt, net::UnixListener},
    };

    use super::Socket;

    pub(super) fn listen(name: &str) -> io::Result<Socket> {
        let listener = match name.strip_prefix('@') {
            Some(name) => listen_abstract(name),
            None => listen_at(name),
        };
        listener.map(Socket::Unix)
    }

    fn listen_at(path: &str) -> io::Result<UnixListener> {
        match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            bound => bound,
        }
    }

    /// Tells whether a socket is there that nobody listens on.
    fn is_abandoned(path: &str) -> bool {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        is_socket && try_connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// Connects without waiting: a listener whose queue is full is alive.
    fn try_connect(path: &str) -> io::Result<()> {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&socket2::SockAddr::unix(path)?)
    }

    #[cfg(target_os = "linux")]
    fn listen_abstract(name: &str) -> io::Result<UnixListener> {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};

        UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn listen_abstract(_name: &str) -> io::Result<UnixListener> {
        Err(io::Error::new(ErrorKind::Unsupported, "abstract Unix sockets exist on Linux only"))
    }
}

#[cfg(not(unix))]
mod unix {
    use std::io;

    use super::Socket;

    pub(super) fn listen(_name: &str) -> io::Result<Socket> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets do not exist on this platform"))
    }
}

/// A service could not open its socket.
#[derive(Debug, thiserror::Error)]
#[error("service `{service}` cannot listen on {address}")]
pub struct ListenError {
    service: Arc<str>,
    address: Address,
    #[source]
    error: io::Error,
}

impl ListenError {
    pub(crate) fn new(service: &Arc<str>, address: &Address, error: io::Error) -> Self {
        Self { service: Arc::clone(service), address: address.clone(), error: explained(error) }
    }

    /// Returns the address that was asked for.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns what the system said.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

/// Adds what to do to the errors that people meet most.
fn explained(error: io::Error) -> io::Error {
    let cure = match error.kind() {
        ErrorKind::AddrInUse => "another process or service listens there; stop it or choose another address",
        ErrorKind::PermissionDenied => {
            "ports below 1024 and foreign directories need a privilege; choose another address"
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address; 0.0.0.0 stands for all it has",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; {cure}"))
}

const HINT: &str = "an address is `host:port` (`127.0.0.1:8080`, `[::]:8080`) or `unix:/path`";

/// Finds the IP addresses of `host:port`; none for a Unix socket.
pub(crate) async fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
    match address.unix_name() {
        // The system would choose a name that nobody can know.
        Some("" | "@") => return Err(io::Error::new(ErrorKind::InvalidInput, HINT)),
        Some(_) => return Ok(Vec::new()),
        None => {}
    }
    let name = match &address.0 {
        Kind::Ip(ip) => return Ok(vec![*ip]),
        Kind::Text(name) => &**name,
    };
    if name.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
        return Err(io::Error::new(ErrorKind::InvalidInput, HINT));
    }
    Ok(tokio::net::lookup_host(name).await?.collect())
}

/// Renders the address of a Unix socket as [`Address`] text.
#[cfg(unix)]
pub(crate) fn unix_address(address: &std::os::unix::net::SocketAddr) -> Address {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        if let Some(name) = address.as_abstract_name() {
            return Address::from(format!("unix:@{}", String::from_utf8_lossy(name)));
        }
    }
    match address.as_pathname() {
        Some(path) => Address::from(format!("unix:{}", path.display())),
        None => Address::from("unix:"),
    }
}
