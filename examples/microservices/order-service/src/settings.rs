//! The settings, each with its documentation and its default.

use std::path::PathBuf;

use misc::{
    Address,
    config::{Config, Secret},
    http, log,
    resilience::PolicyConfig,
    rpc::ClientConfig,
};
use serde::Deserialize;

/// A service that takes orders, and tells customers of them.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "ORDER_SERVICE")]
pub struct Settings {
    /// The log.
    #[config(nested)]
    pub log: log::Config,
    /// Where orders come in.
    #[config(nested)]
    pub http: http::Config,
    /// Where operators find `/metrics` and `/health`.
    #[config(default = "127.0.0.1:9001")]
    pub ops: Address,
    /// Where orders and their jobs are: `sqlite://` and a file, or `postgres://user:password@host/database`.
    #[config(default = "sqlite://orders.db?mode=rwc")]
    pub database: Secret<String>,
    /// Where mails go to that are sent: a file with a line for each.
    #[config(default = "mails.log")]
    pub mails: PathBuf,
    /// The user service.
    #[config(nested)]
    pub users: ClientConfig,
    /// What becomes of calls to it.
    #[config(nested)]
    pub policy: PolicyConfig,
}
