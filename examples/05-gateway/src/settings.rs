//! The settings, each with its documentation and its default.

use std::{
    num::{NonZeroU16, NonZeroUsize},
    time::Duration,
};

use misc::{
    Address,
    config::{Config, Invalid},
    log,
    net::{tcp, tls},
};
use serde::Deserialize;

use crate::frame;

/// A gateway for devices: it takes their readings, and passes them on.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "GATEWAY")]
pub struct Settings {
    /// The log.
    #[config(nested)]
    pub log: log::Config,
    /// Devices on TCP; all but the address is for those on TLS, too.
    #[config(nested)]
    pub(crate) tcp: tcp::Config,
    /// Devices on TLS; without a certificate there are none.
    #[config(nested)]
    pub(crate) tls: Option<Tls>,
    /// Where devices send datagrams to.
    #[config(default = "127.0.0.1:7001")]
    pub(crate) udp: Address,
    /// Where operators find `/metrics` and `/health`.
    #[config(default = "127.0.0.1:9090")]
    pub(crate) ops: Address,
    /// How many series a metric has at most: devices give them their names, so anybody could make more.
    #[config(default = 1000)]
    pub(crate) series: NonZeroUsize,
    /// When a series is dropped that does not change any more.
    #[config(default = "1h")]
    pub(crate) forget_after: Duration,
    /// The MQTT broker.
    #[config(nested)]
    pub(crate) broker: Broker,
}

/// How devices reach the gateway over TLS.
#[derive(Debug, Deserialize, Config)]
pub(crate) struct Tls {
    /// Where they connect to.
    #[config(default = "127.0.0.1:7443")]
    pub(crate) listen: Address,
    #[serde(flatten)]
    #[config(nested)]
    pub(crate) files: tls::Config,
}

/// Where readings are published, and commands come from.
#[derive(Debug, Clone, Deserialize, Config)]
#[config(validate)]
pub(crate) struct Broker {
    /// Its host.
    #[config(default = "127.0.0.1")]
    pub(crate) host: String,
    /// Its port.
    #[config(default = 1883)]
    pub(crate) port: NonZeroU16,
    /// Who the gateway is to the broker, and what its topics begin with; each gateway needs one of its own.
    #[config(default = "gateway")]
    pub(crate) client_id: String,
    /// How many readings may wait for the broker; then the oldest make room.
    #[config(default = 1024)]
    pub(crate) queue: NonZeroUsize,
}

impl Broker {
    fn validate(&self) -> Result<(), Invalid> {
        // It is a level of topics, as the names of devices are.
        frame::name(&self.client_id).map_err(|wrong| Invalid::new("client_id", wrong.to_string()))?;
        Ok(())
    }
}
