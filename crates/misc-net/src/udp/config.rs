//! The settings of a server.

use std::num::{NonZeroU16, NonZeroUsize};

use misc_core::Address;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Server`](crate::udp::Server); an address alone is one, too.
///
/// # Examples
/// ```
/// use misc_net::udp::{Config, Overflow};
///
/// let mut config = Config::from("0.0.0.0:8125");
/// config.overflow = Overflow::Wait;
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where to receive: `host:port` (`127.0.0.1:7000`).
    pub listen: Address,
    /// How many datagrams may be handled at once (1024).
    pub in_flight: NonZeroUsize,
    /// What happens to a datagram that comes when as many are handled as may be (`drop`).
    pub overflow: Overflow,
    /// How many bytes a datagram may have; longer ones are dropped and counted (65,535: all there are).
    pub max_datagram: NonZeroU16,
    /// How many bytes the system shall keep that were not received yet (what the system gives). On Linux it keeps no
    /// more than `net.core.rmem_max`.
    #[describe(bytes)]
    pub receive_buffer: Option<NonZeroUsize>,
}

impl Default for Config {
    fn default() -> Self {
        const IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");
        Self {
            listen: Address::from("127.0.0.1:7000"),
            in_flight: IN_FLIGHT,
            overflow: Overflow::default(),
            max_datagram: NonZeroU16::MAX,
            receive_buffer: None,
        }
    }
}

impl<A: Into<Address>> From<A> for Config {
    fn from(listen: A) -> Self {
        Self { listen: listen.into(), ..Self::default() }
    }
}

/// What happens to a datagram that comes when as many are handled as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped and counted, so that those handled are recent.
    #[default]
    Drop,
    /// It waits in the buffer of the system, which drops what it cannot hold, and counts that itself.
    Wait,
}
