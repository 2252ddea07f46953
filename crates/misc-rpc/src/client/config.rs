//! The settings of a client.

use std::{path::PathBuf, time::Duration};

use misc_core::schema;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

use crate::client::url::Url;

/// The settings of a [`Client`](crate::Client); a URL alone is one, too.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_rpc::ClientConfig;
///
/// let mut config = ClientConfig::from("http://users:5000/rpc");
/// config.timeout = Some(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Where the server is (`http://users:5000/rpc`).
    pub url: Url,
    /// How long a call may take, with all attempts of a layer that repeats it (30 s). The deadline of the work that calls
    /// holds, too, if it is sooner.
    #[serde(default = "timeout", with = "schema::period::optional")]
    #[describe(duration)]
    pub timeout: Option<Duration>,
    /// How long it may take to make a connection: to find the address, to connect, and the handshake of TLS (5 s).
    #[serde(default = "connect_timeout", with = "schema::period")]
    #[describe(duration)]
    pub connect_timeout: Duration,
    /// Whether the server is known to speak HTTP/2 (no). Then all calls share one connection. Over TLS, both sides agree
    /// on a version by themselves.
    #[serde(default)]
    pub http2: bool,
    /// How long a connection is kept that nobody uses (50 s, less than the 60 s after which load balancers close it).
    #[serde(default = "idle_timeout", with = "schema::period")]
    #[describe(duration)]
    pub idle_timeout: Duration,
    /// How many such connections are kept (1,000). With none, each call makes its own.
    #[serde(default = "idle_connections")]
    pub idle_connections: usize,
    /// How many bytes an answer may have (10 MiB).
    #[serde(default = "answer_size")]
    #[describe(bytes)]
    pub answer_size: usize,
    /// The file of the authorities that sign the certificates of servers, in PEM (those of the system).
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

impl ClientConfig {
    /// Calls the server at a URL.
    #[must_use]
    pub fn new(url: impl Into<Url>) -> Self {
        Self {
            url: url.into(),
            timeout: timeout(),
            connect_timeout: connect_timeout(),
            http2: false,
            idle_timeout: idle_timeout(),
            idle_connections: idle_connections(),
            answer_size: answer_size(),
            ca: None,
        }
    }
}

impl ClientConfig {
    /// Returns what is wrong with the settings, apart from the URL.
    pub(super) fn nonsense(&self) -> Vec<String> {
        let Self { timeout, connect_timeout, idle_timeout, answer_size, .. } = self;
        let zero = [
            ("timeout", *timeout == Some(Duration::ZERO), "a call needs some time"),
            ("connect_timeout", connect_timeout.is_zero(), "a connection needs some time"),
            ("idle_timeout", idle_timeout.is_zero(), "with `idle_connections` at 0 none is kept"),
            ("answer_size", *answer_size == 0, "an answer has some bytes"),
        ];
        let wrong = zero.into_iter().filter(|(_, is_zero, _)| *is_zero);
        wrong.map(|(name, _, why)| format!("`{name}` is 0, and {why}")).collect()
    }
}

impl<U: Into<Url>> From<U> for ClientConfig {
    fn from(url: U) -> Self {
        Self::new(url)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "serde asks for the field's own type")]
fn timeout() -> Option<Duration> {
    Some(Duration::from_secs(30))
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn idle_timeout() -> Duration {
    Duration::from_secs(50)
}

fn idle_connections() -> usize {
    1_000
}

fn answer_size() -> usize {
    10 << 20
}
