//! Whom a client trusts.

#[cfg(feature = "tls")]
use {
    crate::client::config::ClientConfig,
    hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder},
    hyper_util::client::legacy::connect::HttpConnector,
    rustls::{
        RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
    std::{path::Path, sync::Arc},
};

/// The authorities that sign the certificates of servers, in PEM, besides those in a file.
#[derive(Debug, Default)]
pub(super) struct Trust {
    #[cfg(feature = "tls")]
    authorities: Vec<Vec<u8>>,
}

impl Trust {
    /// Tells whether no authorities are named.
    pub(super) fn is_empty(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.authorities.is_empty();
        #[cfg(not(feature = "tls"))]
        true
    }
}

#[cfg(feature = "tls")]
impl Trust {
    pub(super) fn add(&mut self, pem: Vec<u8>) {
        self.authorities.push(pem);
    }

    /// Secures connections.
    pub(super) fn connector(
        &self,
        config: &ClientConfig,
        tcp: HttpConnector,
    ) -> Result<HttpsConnector<HttpConnector>, String> {
        let refused = |error: &dyn std::error::Error| format!("TLS cannot be set up: {error}");
        let provider = Arc::new(ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider);
        let tls = tls.with_safe_default_protocol_versions().map_err(|error| refused(&error))?;
        let tls = match self.roots(config.ca.as_deref())? {
            Some(roots) => tls.with_root_certificates(roots),
            None => tls.with_native_roots().map_err(|error| refused(&error))?,
        };
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls.with_no_client_auth()).https_only();
        Ok(if config.http2 {
            builder.enable_http2().wrap_connector(tcp)
        } else {
            builder.enable_all_versions().wrap_connector(tcp)
        })
    }

    /// Reads the authorities; none if it is the system that names them.
    fn roots(&self, file: Option<&Path>) -> Result<Option<RootCertStore>, String> {
        if file.is_none() && self.authorities.is_empty() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        if let Some(file) = file {
            let name = format!("`{}`", file.display());
            let pem = std::fs::read(file).map_err(|error| format!("cannot read {name}: {error}"))?;
            read(&mut roots, &pem, &name)?;
        }
        self.authorities.iter().try_for_each(|pem| read(&mut roots, pem, "what `ca_pem` was given"))?;
        Ok(Some(roots))
    }
}

#[cfg(feature = "tls")]
fn read(roots: &mut RootCertStore, pem: &[u8], name: &str) -> Result<(), String> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let wrong = |error: &dyn std::error::Error| format!("{name} has a certificate that cannot be used: {error}");
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    let begin = "-----BEGIN CERTIFICATE-----";
    let none = || format!("there is no certificate in {name}: in PEM it begins with a line `{begin}`");
    (roots.len() > before).then_some(()).ok_or_else(none)
}
