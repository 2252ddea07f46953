//! The settings of TLS.

use std::{path::PathBuf, time::Duration};

use misc_core::schema;
use misc_macros::Describe;
use rustls::SupportedProtocolVersion;
use serde::{Deserialize, Serialize};

/// The settings of [`Tls`](crate::tls::Tls).
///
/// # Examples
/// ```
/// use misc_net::tls::{ClientAuth, Config};
///
/// let mut config = Config::new("/etc/shop/tls.crt", "/etc/shop/tls.key");
/// config.client_ca = Some("/etc/shop/clients.crt".into());
/// config.client_auth = ClientAuth::Required;
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, Describe)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The file of the server's certificate and those between it and its authority, in this order, in PEM.
    pub certificate: PathBuf,
    /// The file of the certificate's private key, in PEM (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// The file of the authorities that sign the certificates of clients, in PEM (none).
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to show a certificate (`none`).
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The oldest version of TLS that is spoken (`1.2`).
    #[serde(default)]
    pub min_version: Version,
    /// The protocols that may be agreed on in the handshake by ALPN, the best first (none).
    #[serde(default)]
    pub alpn: Vec<String>,
    /// How long a handshake may take (10 s). A server may have a setting of its own; the shorter one counts.
    #[serde(default = "handshake_timeout", with = "schema::period")]
    #[describe(duration)]
    pub handshake_timeout: Duration,
}

impl Config {
    /// Serves with a certificate and its key.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            client_auth: ClientAuth::default(),
            min_version: Version::default(),
            alpn: Vec::new(),
            handshake_timeout: handshake_timeout(),
        }
    }
}

fn handshake_timeout() -> Duration {
    Duration::from_secs(10)
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Describe)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// They may show one, and a wrong one is refused.
    Optional,
    /// They are refused without one.
    Required,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, Describe)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

impl Version {
    /// Returns this version and those after it.
    pub(super) fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
        match self {
            Self::Tls12 => rustls::ALL_VERSIONS,
            Self::Tls13 => &TLS13,
        }
    }
}

/// The settings of a [`Client`](crate::tls::Client): by default it trusts whom the system trusts.
///
/// # Examples
/// ```
/// use misc_net::tls::ClientConfig;
///
/// let mut config = ClientConfig::default();
/// config.ca = Some("/etc/shop/ca.crt".into());
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The file of the authorities that sign the certificates of servers, in PEM (those of the system).
    pub ca: Option<PathBuf>,
    /// The file of the client's certificate and those between it and its authority, in PEM (none).
    pub certificate: Option<PathBuf>,
    /// The file of that certificate's private key, in PEM (none).
    pub key: Option<PathBuf>,
    /// The name that the server's certificate has to be for (the host of the address).
    pub server_name: Option<String>,
    /// The oldest version of TLS that is spoken (`1.2`).
    pub min_version: Version,
    /// The protocols that may be agreed on in the handshake by ALPN, the best first (none).
    pub alpn: Vec<String>,
}
