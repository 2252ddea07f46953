//! A connection, as a handler has it.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use misc_core::{Context, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::{
    idle::{Direction, Idle},
    metrics::Traffic,
    peer::Peer,
};

/// A connection: `AsyncRead` and `AsyncWrite`, and whatever stands on these.
///
/// Dropping it closes it. TLS says so to its peer only after `AsyncWriteExt::shutdown`.
///
/// When nothing was received or sent for the idle timeout, what waits fails with `TimedOut`.
///
/// # Examples
/// ```
/// use misc_core::BoxError;
/// use misc_net::tcp::Connection;
/// use std::pin::pin;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// /// Sends back what comes, and says good-bye when the server shall stop.
/// async fn echo(mut connection: Connection) -> Result<(), BoxError> {
///     let mut stopping = pin!(connection.stopping());
///     let mut buffer = [0; 4096];
///     loop {
///         let count = tokio::select! {
///             () = &mut stopping => break,
///             count = connection.read(&mut buffer) => count?,
///         };
///         if count == 0 {
///             return Ok(());
///         }
///         connection.write_all(&buffer[..count]).await?;
///     }
///     connection.write_all(b"bye\n").await?;
///     connection.shutdown().await?;
///     Ok(())
/// }
/// # let _ = misc_net::tcp::Server::new("127.0.0.1:0", echo);
/// ```
pub struct Connection {
    io: Io,
    peer: Peer,
    idle: Option<Idle>,
    traffic: Traffic,
    ctx: Context,
    broken: bool,
}

impl Connection {
    pub(crate) fn new(io: Io, peer: Peer, idle_timeout: Option<Duration>, traffic: Traffic, ctx: Context) -> Self {
        Self { io, peer, idle: idle_timeout.map(Idle::new), traffic, ctx, broken: false }
    }

    /// Returns who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Waits until the service shall stop; the future does not borrow the connection.
    ///
    /// # Cancel safety
    /// Strict.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let ctx = self.ctx.clone();
        async move { ctx.stopping().await }
    }

    /// Tells whether the service shall stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.ctx.is_stopping()
    }

    /// Tells whether nothing gets to the peer any more: a write has failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Counts what was transmitted; where it has to wait, waits no longer than the idle timeout.
    fn transmit<T>(
        &mut self,
        cx: &mut TaskContext<'_>,
        bytes: impl FnOnce(&T) -> usize,
        poll: impl FnOnce(Pin<&mut Io>, &mut TaskContext<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let result = match (poll(Pin::new(&mut self.io), cx), &mut self.idle) {
            (Poll::Ready(Ok(done)), idle) => {
                let count = bytes(&done);
                if count > 0 {
                    self.traffic.transmit.increment(count as u64);
                    idle.iter_mut().for_each(Idle::active);
                }
                Poll::Ready(Ok(done))
            }
            (Poll::Pending, Some(idle)) => idle.poll(Direction::Transmit, cx).map(Err),
            (poll, _) => poll,
        };
        if let Poll::Ready(Err(_)) = &result {
            self.broken = true;
            self.peer.leave();
        }
        result
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let result = match (Pin::new(&mut this.io).poll_read(cx, buffer), &mut this.idle) {
            (Poll::Ready(Ok(())), idle) => {
                this.traffic.receive.increment((buffer.filled().len() - before) as u64);
                idle.iter_mut().for_each(Idle::active);
                Poll::Ready(Ok(()))
            }
            (Poll::Pending, Some(idle)) => idle.poll(Direction::Receive, cx).map(Err),
            (poll, _) => poll,
        };
        let ended = room > 0 && buffer.remaining() == room;
        if matches!(&result, Poll::Ready(done) if done.is_err() || ended) {
            this.peer.leave();
        }
        result
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().transmit(cx, |count| *count, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.get_mut().transmit(cx, |()| 0, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.get_mut().transmit(cx, |()| 0, AsyncWrite::poll_shutdown)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().transmit(cx, |count| *count, |io, cx| io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// What carries the bytes.
pub(crate) enum Io {
    Accepted(Stream),
    Other(Box<dyn Duplex>),
}

impl Io {
    pub(crate) fn other(io: impl Duplex + 'static) -> Self {
        Self::Other(Box::new(io))
    }
}

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Calls the same method on whichever it is.
macro_rules! delegate {
    ($io:expr, $inner:ident => $call:expr) => {
        match $io {
            Io::Accepted($inner) => $call,
            Io::Other($inner) => $call,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), io => Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), io => Pin::new(io).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        delegate!(self, io => io.is_write_vectored())
    }
}
