//! Listeners whose connections speak TLS.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use misc_core::{Address, Incoming};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::{
    stream::{Io, Peer, Transport},
    tls::{Secured, server::Tls},
};

/// A listener whose connections speak TLS; made by [`Tls::over`].
///
/// Its handshakes take no longer than [`Config::handshake_timeout`](crate::tls::Config::handshake_timeout), each in the
/// task of its connection.
#[derive(Debug)]
pub struct Listener {
    incoming: Incoming,
    tls: Tls,
}

impl Listener {
    pub(super) fn new(incoming: Incoming, tls: Tls) -> Self {
        Self { incoming, tls }
    }
}

impl misc_core::Listener for Listener {
    type Io = Stream;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        let (handshake, peer) = self.incoming.accept().await?;
        let tls = self.tls.clone();
        let secure = async move {
            let handshake = secure(handshake, &tls);
            let too_late = |_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long");
            timeout(tls.config().handshake_timeout, handshake).await.map_err(too_late)?
        };
        Ok((Box::pin(secure), peer))
    }

    fn address(&self) -> Address {
        self.incoming.address()
    }
}

async fn secure(handshake: misc_core::Handshake, tls: &Tls) -> io::Result<Stream> {
    let stream = handshake.await?;
    if let Some(tcp) = stream.tcp() {
        // Without it the last bytes of a reply may wait for an acknowledgement; a failure costs only that.
        drop(tcp.set_nodelay(true));
    }
    tls.acceptor().await.accept(stream).await.map(|stream| Stream(Box::new(stream)))
}

/// A connection of a [`Listener`].
pub struct Stream(Box<TlsStream<misc_core::Stream>>);

impl Stream {
    /// Returns the certificates that the client has shown, its own first, each in DER; none if it has shown none.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.get_ref().1.peer_certificates().unwrap_or_default().iter().map(|certificate| &**certificate)
    }

    /// Returns the protocol that was agreed on in the handshake by ALPN (RFC 7301), if any was.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }
}

impl Transport for Stream {
    fn ready(self, address: Address) -> (Io, Peer) {
        let secured = Secured::of(self.0.get_ref().1);
        (Io::Other(self.0), Peer::new(address, Some(secured)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}
