//! The settings of a server.

use std::{
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    time::Duration,
};

use misc_core::{Address, schema};
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Server`](crate::Server); an address alone is one, too.
///
/// Every limit has a value that suits a service behind a load balancer, so that no client can hold what it does not
/// use. Sizes are in bytes.
///
/// # Examples
/// ```
/// use misc_http::Config;
///
/// let mut config = Config::from("127.0.0.1:8080");
/// config.body_size = 64 << 10;
/// assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen (`127.0.0.1:8080`).
    pub listen: Address,
    /// How many connections may be open at once (10,000). More wait to be accepted; a server that stops accepts those who
    /// wait, up to 1,024, and answers them.
    pub connections: NonZeroUsize,
    /// How many of them one IP address may have (any number). More are closed at once. Behind a proxy all clients have
    /// the address of the proxy.
    pub connections_per_peer: Option<NonZeroUsize>,
    /// How long a handshake, and then the head of a request, may take (30 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests (75 s, more than the 60 s that load balancers wait). One of
    /// HTTP/2 is told to go then, and has `drain_idle` for that.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub idle_timeout: Duration,
    /// How long a handler may take until its response begins (30 s). It is then dropped, and the answer is a 503. The
    /// body of a response may take longer.
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub request_timeout: Option<Duration>,
    /// How long a client may take none of what it is sent (30 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub write_timeout: Duration,
    /// How many headers a request may have (100). More are answered with 431.
    pub header_count: NonZeroUsize,
    /// How many bytes the head of a request may have (64 KiB, at least 8 KiB). More are answered with 431.
    #[describe(bytes)]
    pub header_size: NonZeroUsize,
    /// How many bytes the body of a request may have (2 MiB). More are answered with 413. axum has a limit of its own,
    /// 2 MiB as well: `DefaultBodyLimit` raises that one.
    #[describe(bytes)]
    pub body_size: usize,
    /// How many bytes of a body have to come each second, once it was waited for longer than 5 s (240).
    #[describe(bytes)]
    pub body_rate: Option<NonZeroU64>,
    /// What becomes of a handler when its client goes away (`cancel`).
    pub on_disconnect: OnDisconnect,
    /// How long an idle connection may still ask once the server shall stop (1 s). The answer is its last.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub drain_idle: Duration,
    /// What concerns HTTP/2 alone.
    #[describe(nested)]
    pub http2: Http2,
}

impl Default for Config {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");
        const HEADERS: NonZeroUsize = NonZeroUsize::new(100).expect("it is not zero");
        const HEADER_SIZE: NonZeroUsize = NonZeroUsize::new(64 << 10).expect("it is not zero");
        Self {
            listen: Address::from("127.0.0.1:8080"),
            connections: CONNECTIONS,
            connections_per_peer: None,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            request_timeout: Some(Duration::from_secs(30)),
            write_timeout: Duration::from_secs(30),
            header_count: HEADERS,
            header_size: HEADER_SIZE,
            body_size: 2 << 20,
            body_rate: NonZeroU64::new(240),
            on_disconnect: OnDisconnect::default(),
            drain_idle: Duration::from_secs(1),
            http2: Http2::default(),
        }
    }
}

impl<A: Into<Address>> From<A> for Config {
    fn from(listen: A) -> Self {
        Self { listen: listen.into(), ..Self::default() }
    }
}

/// What becomes of a handler when its client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnDisconnect {
    /// It is dropped at its next await: no work is done that nobody waits for.
    #[default]
    Cancel,
    /// It runs to its end, as a task of the server, which waits for it when it stops: what was begun is finished, unless
    /// it takes longer than the stop. Until then its connection counts as open, so that no client can leave more of them
    /// behind than it can have connections.
    Detach,
}

/// What concerns HTTP/2 alone.
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Http2 {
    /// How many requests a connection may have at once (200).
    pub streams: NonZeroU32,
    /// How many streams a client may have reset before they were looked at (20). One with more is cut off, since that
    /// is how "rapid reset" (CVE-2023-44487) floods a server.
    pub pending_resets: NonZeroUsize,
    /// How often a connection is asked whether its client is still there (every 30 s).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub ping_interval: Option<Duration>,
    /// How long it may take to answer that (20 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub ping_timeout: Duration,
}

impl Default for Http2 {
    fn default() -> Self {
        const STREAMS: NonZeroU32 = NonZeroU32::new(200).expect("it is not zero");
        const PENDING_RESETS: NonZeroUsize = NonZeroUsize::new(20).expect("it is not zero");
        Self {
            streams: STREAMS,
            pending_resets: PENDING_RESETS,
            ping_interval: Some(Duration::from_secs(30)),
            ping_timeout: Duration::from_secs(20),
        }
    }
}
