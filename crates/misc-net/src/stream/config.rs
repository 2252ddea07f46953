//! The settings of a server.

use std::{num::NonZeroUsize, time::Duration};

use misc_core::{Address, schema};
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Server`](crate::tcp::Server); an address alone is one, too.
///
/// # Examples
/// ```
/// use misc_net::tcp::Config;
/// use std::{num::NonZeroUsize, time::Duration};
///
/// let mut config = Config::from("0.0.0.0:7000");
/// config.idle_timeout = Some(Duration::from_secs(60));
/// config.connections_per_peer = NonZeroUsize::new(100);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen: `host:port` or `unix:/path` (`127.0.0.1:7000`).
    pub listen: Address,
    /// How many connections may be open at once (10,000). Further ones wait in the backlog of the system until one is
    /// closed.
    pub connections: NonZeroUsize,
    /// How many connections one IP address may have open at once (as many as it likes). Further ones are closed at
    /// once.
    pub connections_per_peer: Option<NonZeroUsize>,
    /// How long a connection may be silent in both directions before reads and writes that wait fail (5 min; `null` for
    /// as long as it likes).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub idle_timeout: Option<Duration>,
    /// How long a handshake, such as that of TLS, may take (10 s). TLS has a setting of its own; the shorter one
    /// counts.
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub handshake_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");
        Self {
            listen: Address::from("127.0.0.1:7000"),
            connections: CONNECTIONS,
            connections_per_peer: None,
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl<A: Into<Address>> From<A> for Config {
    fn from(listen: A) -> Self {
        Self { listen: listen.into(), ..Self::default() }
    }
}
