//! Clients, from settings and layers.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header::USER_AGENT};
use http_body::Body;
use misc_core::{BoxError, Meter};
use tower_layer::{Identity, Layer, Stack};
use tower_service::Service;

use crate::{
    client::{
        Client, Shared,
        config::ClientConfig,
        connector::Pool,
        destination::Destination,
        erased::Erased,
        transport::{Transport, Wire},
        trust::Trust,
    },
    payload::Payload,
    server::Refused,
};

/// Builds a [`Client`], or something that is made of one, such as the client of a trait.
///
/// Nothing connects, and no runtime is needed, until the first call.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::Meter;
/// use misc_rpc::Client;
///
/// # fn main() -> Result<(), misc_rpc::Refused> {
/// let meter = Meter::default(); // or that of a metrics registry
/// let client = Client::builder("http://users:5000/rpc").timeout(Duration::from_secs(2)).http2().meter(&meter).build()?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing until it is built"]
pub struct Builder<C = Client, L = Identity> {
    config: ClientConfig,
    layer: L,
    has_layers: bool,
    meter: Meter,
    service: Option<Box<dyn Erased>>,
    trust: Trust,
    user_agent: Option<HeaderValue>,
    makes: PhantomData<fn() -> C>,
}

impl<C> Builder<C> {
    /// Begins with the settings, or with a URL alone.
    pub fn new(config: impl Into<ClientConfig>) -> Self {
        Self {
            config: config.into(),
            layer: Identity::new(),
            has_layers: false,
            meter: Meter::default(),
            service: None,
            trust: Trust::default(),
            user_agent: None,
            makes: PhantomData,
        }
    }
}

impl<C, L> Builder<C, L> {
    /// Puts a layer around the calls, inside of those before it: the first one is the outermost.
    ///
    /// The service that it makes is cloned for each call, and has to be [`Sync`].
    pub fn layer<M>(self, layer: M) -> Builder<C, Stack<M, L>> {
        let Self { config, layer: outer, meter, service, trust, user_agent, makes, .. } = self;
        let layer = Stack::new(layer, outer);
        Builder { config, layer, has_layers: true, meter, service, trust, user_agent, makes }
    }

    /// Sets how long a call may take, with all that layers do; `None` for as long as it takes (30 s).
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.timeout = timeout.into();
        self
    }

    /// Sets how long it may take to make a connection (5 s).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// Speaks HTTP/2 from the first byte on, to a server that is known to understand it; all calls share one connection.
    pub fn http2(mut self) -> Self {
        self.config.http2 = true;
        self
    }

    /// Sets how long a connection is kept that nobody uses (50 s).
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.config.idle_timeout = timeout;
        self
    }

    /// Sets how many such connections are kept (1,000).
    pub fn idle_connections(mut self, most: usize) -> Self {
        self.config.idle_connections = most;
        self
    }

    /// Sets how many bytes an answer may have (10 MiB).
    pub fn answer_size(mut self, most: usize) -> Self {
        self.config.answer_size = most;
        self
    }

    /// Trusts servers whose certificates these authorities have signed, in PEM, and not those that the system trusts.
    ///
    /// It may be called several times, and beside [`ClientConfig::ca`].
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trust.add(pem.into());
        self
    }

    /// Sets the `User-Agent` of requests, such as `shop/1.2` (none, since each header takes its time).
    pub fn user_agent(mut self, agent: HeaderValue) -> Self {
        self.user_agent = Some(agent);
        self
    }

    /// Measures the calls, as [`Client`] says (nothing is measured).
    pub fn meter(mut self, meter: &Meter) -> Self {
        self.meter = meter.clone();
        self
    }

    /// Calls a service in this process, in the place of the server at the URL, through the same layers: for tests.
    ///
    /// # Examples
    /// ```
    /// use misc_rpc::{Builder, Client, Methods, Never, Server};
    ///
    /// fn settings() -> Builder {
    ///     Client::builder("http://users:5000/rpc").answer_size(1 << 20)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new(Methods::new().method("version", async |()| Ok::<_, Never>("1.0.0")))?;
    /// let client = settings().over(server).build()?;
    /// let version: String = client.method("version").call::<_, Never, _>(&()).await?;
    /// assert_eq!((&*version, client.target()), ("1.0.0", "in-process"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn over<S, B>(mut self, service: S) -> Self
    where
        S: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        self.service = Some(Box::new(service));
        self
    }

    /// Builds the client. It connects when it is first called.
    ///
    /// # Errors
    /// [`Refused`] says everything that is wrong: a URL without a scheme or a host, one of another scheme than `http` and
    /// `https`, or of `https` without the feature `tls`; times and sizes of zero; certificates that cannot be read.
    pub fn build<B>(mut self) -> Result<C, Refused>
    where
        C: From<Client>,
        L: Layer<Transport>,
        L::Service: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        let reasons = self.config.nonsense();
        let (wire, destination) = match self.service.take() {
            Some(service) => (Ok(Wire::Local(service)), Ok(Destination::local())),
            None => (
                Pool::new(&self.config, &self.trust)
                    .map_err(|reason| vec![reason])
                    .map(|pool| Wire::Network(Box::new(pool))),
                Destination::of(&self.config, &self.trust),
            ),
        };
        match (wire, destination) {
            (Ok(wire), Ok(destination)) if reasons.is_empty() => Ok(self.assemble(wire, destination).into()),
            (wire, destination) => {
                let found = [destination.err().unwrap_or_default(), wire.err().unwrap_or_default(), reasons];
                Err(Refused::of(found.concat()))
            }
        }
    }

    pub(super) fn assemble<B>(self, wire: Wire, destination: Destination) -> Client
    where
        L: Layer<Transport>,
        L::Service: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        let ClientConfig { timeout, answer_size, .. } = self.config;
        let Destination { target, mut template, peer } = destination;
        template.headers.extend(self.user_agent.map(|agent| (USER_AGENT, agent)));
        let has_layers = self.has_layers || matches!(wire, Wire::Local(_));
        let meter = peer.label(&self.meter);
        let service = Box::new(self.layer.layer(Transport::new(wire, answer_size, self.has_layers)));
        let last_id = AtomicU64::new(0);
        let shared = Shared { target, service, template, timeout, answer_size, has_layers, meter, peer, last_id };
        Client { shared: Arc::new(shared) }
    }
}

impl<C, L: fmt::Debug> fmt::Debug for Builder<C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).field("layer", &self.layer).finish_non_exhaustive()
    }
}
