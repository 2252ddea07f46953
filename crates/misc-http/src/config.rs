//! The settings of a server.

use misc_core::Address;
use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// The settings of a [`Server`](crate::Server); an address alone is one, too.
///
/// # Examples
/// ```
/// use misc_http::Config;
///
/// let config = Config::from("127.0.0.1:8080");
/// assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen (`127.0.0.1:8080`).
    pub listen: Address,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: Address::from("127.0.0.1:8080") }
    }
}

impl<A: Into<Address>> From<A> for Config {
    fn from(listen: A) -> Self {
        Self { listen: listen.into() }
    }
}
