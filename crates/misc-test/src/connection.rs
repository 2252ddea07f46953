//! A client's connection to a service.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use misc_core::Address;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A client's connection to a service under test: TCP, Unix, or in memory.
///
/// It is `AsyncRead` and `AsyncWrite` and whatever stands on these: `tokio::io::BufReader`, a codec, an HTTP client's
/// handshake.
pub struct Connection(Box<dyn Io>);

trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Io for T {}

impl Connection {
    pub(crate) fn new(io: impl AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static) -> Self {
        Self(Box::new(io))
    }

    /// Connects through the system.
    pub(crate) async fn open(address: &Address) -> io::Result<Self> {
        let text = address.to_string();
        match (text.strip_prefix("unix:"), address.ip()) {
            (Some(name), _) => unix(name).await,
            (None, Some(mut ip)) => {
                // Who listens everywhere is reached here.
                if ip.ip().is_unspecified() {
                    ip.set_ip(crate::loopback::of_family(ip));
                }
                tcp(TcpStream::connect(ip).await?)
            }
            (None, None) => tcp(TcpStream::connect(text).await?),
        }
    }
}

fn tcp(stream: TcpStream) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    Ok(Connection::new(stream))
}

#[cfg(unix)]
async fn unix(name: &str) -> io::Result<Connection> {
    // Tokio spells an abstract name as Linux does.
    let path = name.strip_prefix('@').map(|name| format!("\0{name}"));
    tokio::net::UnixStream::connect(path.as_deref().unwrap_or(name)).await.map(Connection::new)
}

#[cfg(not(unix))]
async fn unix(_name: &str) -> io::Result<Connection> {
    let none = "Unix sockets do not exist on this platform";
    std::future::ready(Err(io::Error::new(io::ErrorKind::Unsupported, none))).await
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
