//! Connections, and the pool of them.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Uri};
#[cfg(feature = "tls")]
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client, ResponseFuture,
        connect::{Connect, HttpConnector},
    },
    rt::{TokioExecutor, TokioTimer},
};
use misc_core::BoxError;
use tower_service::Service;

use crate::{
    client::{config::ClientConfig, trust::Trust},
    payload::Payload,
};

/// How often a connection is asked whether the server is still there, and how long that may take to answer: a call beyond
/// its deadline would leave one of HTTP/2 open for the next.
const PING: Duration = Duration::from_secs(10);
/// How long a connection of TCP is idle before the system asks the same.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The connections of a client.
pub(super) enum Pool {
    Plain(Client<Patient<HttpConnector>, Payload>),
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
        Ok(Self::Plain(pooled(config, tcp(config))))
    }

    pub(super) fn request(&self, request: Request<Payload>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
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
