//! The settings, each with its documentation and its default.

use contract::User;
use misc::{Address, config::Config, http, log};
use serde::Deserialize;

/// A service that knows who has an account.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "USER_SERVICE")]
pub(crate) struct Settings {
    /// The log.
    #[config(nested)]
    pub(crate) log: log::Config,
    /// Where others call procedures.
    #[config(nested)]
    pub(crate) http: http::Config,
    /// Where operators find `/metrics` and `/health`.
    #[config(default = "127.0.0.1:9000")]
    pub(crate) ops: Address,
    /// Who has an account.
    pub(crate) users: Vec<User>,
}
