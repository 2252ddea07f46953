//! The settings, each with its documentation and its default.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use misc::{
    config::{Config, Invalid},
    http, log,
};
use serde::Deserialize;

/// A shop that tells prices.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "SHOP")]
pub struct Settings {
    /// The log.
    #[config(nested)]
    pub log: log::Config,
    /// The HTTP server.
    #[config(nested)]
    pub http: http::Config,
    /// The database with the prices.
    #[config(nested)]
    pub db: PoolConfig,
    /// The bank, which knows the rates of exchange.
    #[config(nested)]
    pub bank: BankConfig,
}

/// Where a database is, and the pool of connections to it.
#[derive(Debug, Clone, Deserialize, Config)]
#[config(validate)]
pub struct PoolConfig {
    /// Where it is: `sqlite://` and a file, which is made if it is missing.
    #[config(default = "sqlite://prices.db")]
    pub url: String,
    /// How many connections are kept, also while nobody uses them.
    #[config(default = 1)]
    pub min: u32,
    /// How many connections there may be.
    #[config(default = 4)]
    pub max: NonZeroU32,
    /// How long a connection is kept that nobody uses.
    #[config(default = "10m")]
    pub idle: Duration,
    /// How old a connection gets before another one takes its place.
    #[config(default = "30m")]
    pub max_lifetime: Duration,
    /// How long anybody waits for a connection.
    #[config(default = "1s")]
    pub acquire_timeout: Duration,
}

impl PoolConfig {
    fn validate(&self) -> Result<(), Invalid> {
        if self.min > self.max.get() {
            return Err(Invalid::new("min", "must not be above `max`"));
        }
        Ok(())
    }
}

/// Where the bank is, and how it is asked.
#[derive(Debug, Clone, Deserialize, Config)]
pub struct BankConfig {
    /// Where it is.
    #[config(default = "http://127.0.0.1:8081")]
    pub url: String,
    /// How long a connection to it may take.
    #[config(default = "1s")]
    pub connect_timeout: Duration,
    /// How long an answer may take, connection included.
    #[config(default = "2s")]
    pub timeout: Duration,
    /// How many connections are kept while nobody uses them.
    #[config(default = 4)]
    pub max_idle: NonZeroUsize,
    /// How long a connection is kept that nobody uses.
    #[config(default = "30s")]
    pub idle: Duration,
}
