//! Listeners: what a server accepts connections from.

use std::{
    fmt,
    future::{Future, Ready, ready},
    io,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::sockets::{Address, Socket};

/// Accepts connections, one at a time.
///
/// [`accept`](Self::accept) yields a handshake that the connection's own task awaits, so that a slow handshake (TLS)
/// never holds up the next connection.
pub trait Listener: Send + 'static {
    /// A connection that is ready to use.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What is left to do before a connection is ready.
    type Handshake: Future<Output = io::Result<Self::Io>> + Send + 'static;

    /// Waits for the next connection; returns its handshake and the address of the peer.
    ///
    /// # Errors
    /// An error of this accept only: the listener can be asked again, after a pause when descriptors have run out.
    ///
    /// # Cancel safety
    /// Strict: no connection is lost.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Handshake, Address)>> + Send;

    /// Returns the real address, with the port that the system chose.
    fn address(&self) -> Address;
}

/// The listener of [`Context::listen`](crate::Context::listen): TCP, Unix, or any other.
#[derive(Debug)]
pub struct Incoming(Kind);

enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::Listening),
    Other(Box<dyn ErasedListener>),
}

impl Incoming {
    /// Makes one from any listener, so that a [`Sockets`](crate::Sockets) provider can hand it out.
    #[must_use]
    pub fn from_listener(listener: impl Listener) -> Self {
        Self(Kind::Other(Box::new(listener)))
    }

    pub(crate) fn open(socket: Socket) -> io::Result<Self> {
        match socket {
            Socket::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(|listener| Self(Kind::Tcp(listener)))
            }
            #[cfg(unix)]
            Socket::Unix(listener) => unix::Listening::new(listener).map(|listener| Self(Kind::Unix(listener))),
            Socket::Other(incoming) => Ok(incoming),
            Socket::Udp(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the provider of sockets gave a datagram socket where a listener was asked for",
            )),
        }
    }
}

impl Listener for Incoming {
    type Io = Stream;
    type Handshake = Handshake;

    async fn accept(&mut self) -> io::Result<(Handshake, Address)> {
        match &mut self.0 {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Handshake::done(Inner::Tcp(stream)), Address::from(peer)))
            }
            #[cfg(unix)]
            Kind::Unix(listening) => {
                let (stream, peer) = listening.accept().await?;
                Ok((Handshake::done(Inner::Unix(stream)), peer))
            }
            Kind::Other(listener) => listener.accept_erased().await,
        }
    }

    fn address(&self) -> Address {
        match &self.0 {
            Kind::Tcp(listener) => listener.local_addr().map_or_else(|_| Address::from("unknown"), Address::from),
            #[cfg(unix)]
            Kind::Unix(listening) => listening.address(),
            Kind::Other(listener) => listener.address_erased(),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            #[cfg(unix)]
            Self::Unix(_) => "Unix",
            Self::Other(_) => "Other",
        })
    }
}

type Accepted<'a> = Pin<Box<dyn Future<Output = io::Result<(Handshake, Address)>> + Send + 'a>>;

/// The dyn-compatible twin of [`Listener`].
trait ErasedListener: Send {
    fn accept_erased(&mut self) -> Accepted<'_>;
    fn address_erased(&self) -> Address;
}

impl<L: Listener> ErasedListener for L {
    fn accept_erased(&mut self) -> Accepted<'_> {
        Box::pin(async {
            let (handshake, peer) = self.accept().await?;
            let stream = async { handshake.await.map(|io| Stream(Inner::Other(Box::new(io)))) };
            Ok((Handshake(Step::Other(Box::pin(stream))), peer))
        })
    }

    fn address_erased(&self) -> Address {
        self.address()
    }
}

/// What is left to do before a connection of [`Incoming`] is ready.
pub struct Handshake(Step);

enum Step {
    Done(Ready<io::Result<Stream>>),
    Other(Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>),
}

impl Handshake {
    fn done(inner: Inner) -> Self {
        Self(Step::Done(ready(Ok(Stream(inner)))))
    }
}

impl Future for Handshake {
    type Output = io::Result<Stream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Step::Done(stream) => Pin::new(stream).poll(cx),
            Step::Other(handshake) => handshake.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

/// A connection of [`Incoming`].
#[derive(Debug)]
pub struct Stream(Inner);

enum Inner {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    Other(Box<dyn Io>),
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Stream {
    /// Returns the TCP stream, if it is one, to set its options.
    #[must_use]
    pub fn tcp(&self) -> Option<&TcpStream> {
        if let Inner::Tcp(stream) = &self.0 { Some(stream) } else { None }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            #[cfg(unix)]
            Self::Unix(stream) => stream.fmt(f),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

/// Calls the same method on whichever stream it is.
macro_rules! delegate {
    ($stream:expr, $inner:ident => $call:expr) => {
        match &mut $stream.0 {
            Inner::Tcp($inner) => $call,
            #[cfg(unix)]
            Inner::Unix($inner) => $call,
            Inner::Other($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Inner::Unix(stream) => stream.is_write_vectored(),
            Inner::Other(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::{io, os::unix::net};

    use tokio::net::{UnixListener, UnixStream};

    use crate::sockets::{Address, unix_address};

    /// A Unix listener with its address.
    ///
    /// The file stays when it is closed: a new process may have taken the socket over. The next `Bind` replaces it.
    pub(super) struct Listening {
        listener: UnixListener,
        address: Address,
    }

    impl Listening {
        pub(super) fn new(listener: net::UnixListener) -> io::Result<Self> {
            listener.set_nonblocking(true)?;
            let address = unix_address(&listener.local_addr()?);
            Ok(Self { listener: UnixListener::from_std(listener)?, address })
        }

        pub(super) fn address(&self) -> Address {
            self.address.clone()
        }

        pub(super) async fn accept(&mut self) -> io::Result<(UnixStream, Address)> {
            let (stream, peer) = self.listener.accept().await?;
            Ok((stream, unix_address(&peer.into())))
        }
    }
}
