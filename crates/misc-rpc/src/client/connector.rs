//! Connections, and the pool of them.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    Request, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery},
};
use hyper::rt::{Read, ReadBufCursor, Write};
#[cfg(feature = "tls")]
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client, ResponseFuture,
        connect::{Connect, Connected, Connection, HttpConnector},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use misc_core::BoxError;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{
    client::{config::ClientConfig, trust::Trust, url::Url},
    payload::Payload,
};

/// How often a connection is asked whether the server is still there, and how long that may take to answer: a call beyond
/// its deadline would leave one of HTTP/2 open for the next.
const PING: Duration = Duration::from_secs(10);
/// How long a connection of TCP is idle before the system asks the same.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How much is copied rather than written from where it is: for a short request the system takes longer to gather its parts.
const SHORT: usize = 1024;

/// The connections of a client.
pub(super) enum Pool {
    Plain(Client<Patient<Plain>, Payload>, Option<Arc<Alias>>),
    #[cfg(feature = "tls")]
    Secured(Client<Patient<HttpsConnector<HttpConnector>>, Payload>),
}

impl Pool {
    /// Prepares connections, and makes none; the error says what is wrong.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unnecessary_wraps, reason = "TLS needs certificates"))]
    pub(super) fn new(config: &ClientConfig, trust: &Trust) -> Result<Self, String> {
        #[cfg(feature = "tls")]
        if config.url.has_scheme("https") {
            let mut tcp = tcp(config);
            tcp.enforce_http(false);
            return Ok(Self::Secured(pooled(config, trust.connector(config, tcp)?)));
        }
        let Trust { .. } = trust;
        // In HTTP/2 the name goes to the server.
        let alias = if config.http2 { None } else { Alias::of(&config.url).map(Arc::new) };
        Ok(Self::Plain(pooled(config, Plain { tcp: tcp(config), alias: alias.clone() }), alias))
    }

    pub(super) fn request(&self, mut request: Request<Payload>) -> ResponseFuture {
        match self {
            Self::Plain(client, alias) => {
                if let Some(alias) = alias {
                    alias.put(&mut request);
                }
                client.request(request)
            }
            #[cfg(feature = "tls")]
            Self::Secured(client) => client.request(request),
        }
    }
}

fn tcp(config: &ClientConfig) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    // So that one address that does not answer leaves time for the next.
    connector.set_connect_timeout(Some(config.connect_timeout));
    connector
}

fn pooled<C>(config: &ClientConfig, connector: C) -> Client<Patient<C>, Payload>
where
    Patient<C>: Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.idle_timeout)
        .pool_max_idle_per_host(config.idle_connections)
        .http2_only(config.http2)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .build(Patient { connector, patience: config.connect_timeout })
}

/// A short name for the server, by which the pool finds connections: it hashes the name of a host byte by byte, and three
/// times for each request.
pub(super) struct Alias {
    real: Uri,
    short: Uri,
}

impl Alias {
    const NAME: &str = "_";

    fn of(url: &Url) -> Option<Self> {
        let real: Uri = url.without_user().parse().ok()?;
        let mut short = real.clone().into_parts();
        short.authority = Some(Authority::from_static(Self::NAME));
        Some(Self { real, short: Uri::from_parts(short).ok()? })
    }

    /// Puts it into a request, unless a layer has sent that elsewhere, or left its host to the pool.
    fn put(&self, request: &mut Request<Payload>) {
        // As texts, since there is no need to heed the case.
        if texts(request.uri()) == texts(&self.real) && request.headers().contains_key(HOST) {
            *request.uri_mut() = self.short.clone();
        }
    }
}

fn texts(uri: &Uri) -> [Option<&str>; 3] {
    [uri.scheme_str(), uri.authority().map(Authority::as_str), uri.path_and_query().map(PathAndQuery::as_str)]
}

/// Makes connections without TLS.
#[derive(Clone)]
pub(super) struct Plain {
    tcp: HttpConnector,
    alias: Option<Arc<Alias>>,
}

impl Service<Uri> for Plain {
    type Response = Bare;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Bare, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let alias = self.alias.as_ref().filter(|_| uri.host() == Some(Alias::NAME));
        let connecting = self.tcp.call(alias.map_or(uri, |alias| alias.real.clone()));
        Box::pin(async move { Ok(Bare(connecting.await?)) })
    }
}

/// A connection of TCP that does not tell its addresses: else the pool puts them into each answer, and nobody reads them.
pub(super) struct Bare(TokioIo<TcpStream>);

impl Connection for Bare {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Bare {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl Write for Bare {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut whole = [0; SHORT];
        match join(parts, &mut whole) {
            Some(bytes) => Pin::new(&mut self.0).poll_write(cx, bytes),
            None => Pin::new(&mut self.0).poll_write_vectored(cx, parts),
        }
    }
}

/// Joins the head of a request and its body, if both are short.
fn join<'a>(parts: &[IoSlice<'_>], whole: &'a mut [u8; SHORT]) -> Option<&'a [u8]> {
    let mut length = 0;
    for part in parts {
        whole.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    Some(&whole[..length])
}

/// Makes a connection within a time, whatever that takes: the name's address, the handshake.
#[derive(Clone)]
pub(super) struct Patient<C> {
    connector: C,
    patience: Duration,
}

impl<C> Service<Uri> for Patient<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, patience) = (self.connector.call(uri), self.patience);
        Box::pin(async move {
            match tokio::time::timeout(patience, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => {
                    let text = format!("there was none within {patience:?}");
                    Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
                }
            }
        })
    }
}
