//! What a client needs for TLS.

use std::{io, path::PathBuf, sync::Arc};

use misc_core::Address;
use rustls::{RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::tls::{
    Secured,
    config::ClientConfig,
    error::{Error, Problem},
    files,
    store::{Load, Store},
};

/// Whom a client trusts, and who it is, for [`tcp::Client::tls`](crate::tcp::Client::tls). Cheap to clone.
///
/// Its files are looked at when a connection is made, once a second at most, and read again when they have changed;
/// when the new ones cannot be used, those before stay in force, with one warning for each change. The authorities of
/// the system are read once.
#[derive(Debug, Clone)]
pub struct Client {
    store: Arc<Store<Trust>>,
}

/// The settings, and what was made of them once.
#[derive(Debug)]
struct Trust {
    config: ClientConfig,
    name: Option<ServerName<'static>>,
    /// The authorities of the system, where no file names others.
    system: Option<Arc<RootCertStore>>,
}

impl Client {
    /// Reads the files, or the authorities of the system.
    ///
    /// # Errors
    /// [`Error`] names every file that cannot be read or used, and every setting that is wrong.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let name = config.server_name.as_deref().map(server_name).transpose()?;
        let system = if config.ca.is_none() { Some(system_authorities()?) } else { None };
        Ok(Self { store: Arc::new(Store::new(Trust { config, name, system })?) })
    }

    /// Returns the name that the server at an address has to have.
    pub(crate) fn name(&self, address: &Address) -> Result<ServerName<'static>, Error> {
        Ok(match &self.store.load().name {
            Some(name) => name.clone(),
            None => name_of(address)?,
        })
    }

    /// Makes the handshake with the server at an address.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        address: &Address,
    ) -> io::Result<(Box<TlsStream<TcpStream>>, Secured)> {
        let name = self.name(address).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.store.fresh().await);
        let stream = Box::new(connector.connect(name, stream).await?);
        let secured = Secured::of(stream.get_ref().1);
        Ok((stream, secured))
    }
}

/// Returns the name of the host in an address.
fn name_of(address: &Address) -> Result<ServerName<'static>, Problem> {
    if let Some(ip) = address.ip() {
        return Ok(ip.ip().into());
    }
    let text = address.to_string();
    server_name(text.rsplit_once(':').map_or(&*text, |(host, _)| host))
}

fn server_name(name: &str) -> Result<ServerName<'static>, Problem> {
    let wrong =
        |error: rustls::pki_types::InvalidDnsNameError| Problem::Name { name: name.to_owned(), why: error.to_string() };
    ServerName::try_from(name.to_owned()).map_err(wrong)
}

fn system_authorities() -> Result<Arc<RootCertStore>, Problem> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Problem::NoRoots(if why.is_empty() { "none was found".to_owned() } else { why.join(", ") }));
    }
    Ok(Arc::new(roots))
}

impl Load for Trust {
    type Loaded = rustls::ClientConfig;

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let ClientConfig { ca, certificate, key, .. } = &self.config;
        [ca, certificate, key].into_iter().flatten()
    }

    fn load(&self) -> Result<rustls::ClientConfig, Error> {
        let (roots, identity) = match (self.roots(), self.identity()) {
            (Ok(roots), Ok(identity)) => (roots, identity),
            (roots, identity) => {
                return Err(Error::of(roots.err().into_iter().chain(identity.err().into_iter().flatten()).collect()));
            }
        };
        let refused = |error: rustls::Error| Problem::Refused(error.to_string());
        let config = rustls::ClientConfig::builder_with_provider(files::provider())
            .with_protocol_versions(self.config.min_version.and_later())
            .map_err(refused)?
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key, chain, private }) => config
                .with_client_auth_cert(chain, private)
                .map_err(|error| files::rejected(certificate, key, &error))?,
        };
        config.alpn_protocols = self.config.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        Ok(config)
    }
}

/// Who the client is.
struct Identity<'a> {
    certificate: &'a PathBuf,
    key: &'a PathBuf,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    private: rustls::pki_types::PrivateKeyDer<'static>,
}

impl Trust {
    fn roots(&self) -> Result<Arc<RootCertStore>, Problem> {
        match (&self.config.ca, &self.system) {
            (Some(ca), _) => files::authorities("authority", ca),
            (None, Some(system)) => Ok(Arc::clone(system)),
            (None, None) => Ok(Arc::new(RootCertStore::empty())),
        }
    }

    fn identity(&self) -> Result<Option<Identity<'_>>, Vec<Problem>> {
        let (certificate, key) = match (&self.config.certificate, &self.config.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => return Err(vec![Problem::Setting("a client has both a `certificate` and a `key`, or neither")]),
        };
        match (files::certificates("certificate", certificate), files::key(key)) {
            (Ok(chain), Ok(private)) => Ok(Some(Identity { certificate, key, chain, private })),
            (chain, private) => Err(chain.err().into_iter().chain(private.err()).collect()),
        }
    }
}
