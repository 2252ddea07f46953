//! What a server needs for TLS.

use std::{path::PathBuf, sync::Arc};

use misc_core::{App, BoxError, Context, Incoming, Plugin, Service, current_service, spec};
use rustls::{
    ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;

use crate::tls::{
    config::{ClientAuth, Config},
    error::{Error, Problem},
    files,
    listener::Listener,
    store::{Load, Store},
};

/// Certificates for servers, and all else that they need for TLS. Cheap to clone.
///
/// [`tcp::Server::tls`](crate::tcp::Server::tls) takes it, and what takes a function over a listener takes
/// [`listener`](Self::listener). Cryptography is that of ring, whatever the process has installed for rustls.
///
/// **Reloads.** At a handshake, once a second at most, the files are looked at (time of change, size, inode, through
/// links), and are read again when they have changed: no task watches them. To read them at SIGHUP, too, give it to the
/// app: `App::with(tls.clone())`. Further ones are registered as the services they are, under other names:
/// `.service("tls-internal", spec(tls).background())`. Connections go on with what they began with. When new files
/// cannot be used, those before stay in force, with one warning for each change.
///
/// # Examples
/// ```no_run
/// use misc_core::App;
/// use misc_net::{tcp::{Connection, Server}, tls::{Config, Tls}};
///
/// fn main() -> std::process::ExitCode {
///     misc_core::main(async || {
///         let tls = Tls::new(Config::new("tls.crt", "tls.key"))?;
///         let server = Server::new("0.0.0.0:7000", async |connection: Connection| {
///             println!("{} is here", connection.peer());
///             Ok(())
///         });
///         Ok(App::new("shop").with(tls.clone()).service("greeter", server.tls(&tls)))
///     })
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Tls {
    store: Arc<Store<Config>>,
    /// The protocols, where they are others than those of the settings.
    alpn: Option<Arc<[Vec<u8>]>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Error`] names every file that cannot be read or used, and every setting that is wrong.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { store: Arc::new(Store::new(config)?), alpn: None })
    }

    /// Returns the same with other protocols to agree on by ALPN (RFC 7301), the best first.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = Some(protocols.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the same for HTTP: clients may choose HTTP/2 (`h2`), or HTTP/1.1 (`http/1.1`).
    #[must_use]
    pub fn for_http(self) -> Self {
        self.alpn(["h2", "http/1.1"])
    }

    /// Reads the files again.
    ///
    /// It blocks for as long as that takes.
    ///
    /// # Errors
    /// As [`new`](Self::new); what was in force stays so.
    pub fn reload(&self) -> Result<(), Error> {
        self.store.reload()
    }

    /// Wraps a listener: its connections speak TLS.
    #[must_use]
    pub fn over(&self, incoming: Incoming) -> Listener {
        Listener::new(incoming, self.clone())
    }

    /// Returns [`over`](Self::over) as a function, for servers that take one.
    pub fn listener(&self) -> impl Fn(Incoming) -> Listener + Clone + Send + Sync + use<> + 'static {
        let tls = self.clone();
        move |incoming| tls.over(incoming)
    }

    pub(super) fn config(&self) -> &Config {
        self.store.load()
    }

    /// Returns what makes the next handshake.
    pub(super) async fn acceptor(&self) -> TlsAcceptor {
        let loaded = self.store.fresh().await;
        match &self.alpn {
            None => loaded.into(),
            Some(alpn) => {
                let mut config = ServerConfig::clone(&loaded);
                config.alpn_protocols = alpn.to_vec();
                Arc::new(config).into()
            }
        }
    }
}

impl Plugin for Tls {
    /// Adds a background service `tls` that reads the files again at each request to reload.
    fn install(self, app: App) -> App {
        app.service("tls", spec(self).background().after([]))
    }
}

impl Service for Tls {
    /// Reads the files again at each request to reload, until the service shall stop.
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {
            let store = Arc::clone(&self.store);
            let reloaded = ctx.blocking(move || store.reload()).await?;
            self.store.log(&reloaded, current_service().as_deref());
        }
        Ok(())
    }
}

impl Load for Config {
    type Loaded = ServerConfig;

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca)
    }

    fn load(&self) -> Result<ServerConfig, Error> {
        let chain = files::certificates("certificate", &self.certificate);
        let (chain, key, clients) = match (chain, files::key(&self.key), self.clients()) {
            (Ok(chain), Ok(key), Ok(clients)) => (chain, key, clients),
            (chain, key, clients) => {
                return Err(Error::of([chain.err(), key.err(), clients.err()].into_iter().flatten().collect()));
            }
        };
        let refused = |error: rustls::Error| Problem::Refused(error.to_string());
        let config = ServerConfig::builder_with_provider(files::provider())
            .with_protocol_versions(self.min_version.and_later())
            .map_err(refused)?;
        let config = match clients {
            Some(verifier) => config.with_client_cert_verifier(verifier),
            None => config.with_no_client_auth(),
        };
        let rejected = |error| files::rejected(&self.certificate, &self.key, &error);
        let mut config = config.with_single_cert(chain, key).map_err(rejected)?;
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        Ok(config)
    }
}

impl Config {
    /// Makes what verifies the certificates of clients, if these are asked for any.
    fn clients(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, Problem> {
        let ca = match (&self.client_ca, self.client_auth) {
            (None, ClientAuth::None) => return Ok(None),
            (Some(_), ClientAuth::None) => {
                let text = "`client_ca` is set, and `client_auth` is `none`: make it `required` or `optional`";
                return Err(Problem::Setting(text));
            }
            (None, _) => {
                let text = "`client_auth` asks for certificates of clients: set `client_ca` to who signs them";
                return Err(Problem::Setting(text));
            }
            (Some(ca), _) => ca,
        };
        let roots = files::authorities("client authority", ca)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, files::provider());
        let verifier =
            if self.client_auth == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
        verifier.build().map(Some).map_err(|error| Problem::Refused(error.to_string()))
    }
}
