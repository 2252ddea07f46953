//! The settings of a client.

use std::{num::NonZeroU32, time::Duration};

use misc_core::{Address, schema};
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Client`](crate::tcp::Client); an address alone is one, too.
///
/// # Examples
/// ```
/// use misc_net::tcp::ClientConfig;
/// use std::num::NonZeroU32;
///
/// let mut config = ClientConfig::from("prices.example.org:7000");
/// config.max_attempts = NonZeroU32::new(5);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The server: `host:port` (`127.0.0.1:7000`).
    pub address: Address,
    /// How long an attempt to connect may take, TLS included (5 s).
    #[serde(with = "schema::period")]
    #[describe(duration)]
    pub connect_timeout: Duration,
    /// How many attempts in a row may fail before the service does (as many as it takes).
    pub max_attempts: Option<NonZeroU32>,
    /// How long a connection may be silent in both directions before reads and writes that wait fail (as long as it
    /// likes).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub idle_timeout: Option<Duration>,
    /// How long a connection is silent before the system asks whether the server is still there, and then three times
    /// as often (30 s; `null` for never; a second to nine hours, in whole seconds). Without it nobody who only receives
    /// notices that a server was switched off.
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub keepalive: Option<Duration>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            address: Address::from("127.0.0.1:7000"),
            connect_timeout: Duration::from_secs(5),
            max_attempts: None,
            idle_timeout: None,
            keepalive: Some(Duration::from_secs(30)),
        }
    }
}

impl<A: Into<Address>> From<A> for ClientConfig {
    fn from(address: A) -> Self {
        Self { address: address.into(), ..Self::default() }
    }
}
