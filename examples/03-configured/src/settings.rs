//! The settings, each with its documentation and its default.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use misc::{
    BoxError,
    config::{Config, LastGood, Secret},
};
use serde::{Deserialize, Serialize};

use crate::centre_source::CentreSource;

/// A service that tells what it runs with.
#[derive(Debug, Clone, Serialize, Deserialize, Config)]
#[config(env_prefix = "APP")]
pub(crate) struct AppConfig {
    /// Address to listen on.
    #[config(default = "0.0.0.0")]
    pub(crate) host: IpAddr,
    /// Port to listen on.
    #[config(default = 8000, short = 'p')]
    pub(crate) port: u16,
    /// Whether more is logged.
    #[config(default = false)]
    pub(crate) debug: bool,
    /// The database.
    #[config(nested)]
    pub(crate) database: Database,
}

/// Where the data is, and how it is reached.
#[derive(Debug, Clone, Serialize, Deserialize, Config)]
pub(crate) struct Database {
    /// Where it is, with user and password.
    #[config(default = "sqlite:///app.db")]
    pub(crate) url: Secret<String>,
    /// How many connections are kept open.
    #[config(default = 10)]
    pub(crate) pool_size: u32,
}

impl AppConfig {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

/// Where the configuration centre is: what must be known before it can be asked comes from variables alone.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "CENTRE")]
pub(crate) struct Centre {
    /// Its address, such as `http://127.0.0.1:8500`; without one, nobody is asked.
    url: Option<String>,
    /// The service whose settings these are.
    #[config(default = "shop")]
    service: String,
    /// The copy for when it is away.
    #[config(default = "centre-copy.json")]
    copy: PathBuf,
    /// How long it may take to answer.
    #[config(default = "5s")]
    timeout: Duration,
}

impl Centre {
    pub(crate) fn source(self) -> Result<Option<LastGood<CentreSource>>, BoxError> {
        let Some(url) = self.url else { return Ok(None) };
        let source = CentreSource::new(&url, &self.service, self.timeout)?;
        Ok(Some(LastGood::new(source, self.copy)))
    }
}
