//! The settings, each with its documentation and its default.

use std::path::PathBuf;

use misc::{Address, config::Config, http, log, queue, resilience::PolicyConfig, rpc::ClientConfig};
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
    /// The jobs, and in the same database the orders.
    #[config(nested)]
    pub queue: queue::Config,
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
