//! Calls of procedures elsewhere.

pub(crate) mod answer;
mod builder;
mod config;
mod connector;
mod destination;
mod erased;
mod gather;
mod method;
mod metrics;
mod procedure;
mod propagate;
mod request;
pub(crate) mod transport;
mod trust;
mod url;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use misc_core::{BoxError, Meter};
use tower_service::Service;

pub(crate) use self::{answer::BadAnswer, transport::chain};
pub use self::{
    builder::{Builder, Refused},
    config::ClientConfig,
    method::{ClientMethod, MethodName},
    procedure::Procedure,
    transport::{Transport, TransportError, TransportFuture},
    url::Url,
};
use self::{
    destination::{Destination, Peer},
    erased::Erased,
    request::Template,
    transport::Wire,
};
use crate::payload::Payload;

/// Calls the procedures of one server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What all clones of a client have in common.
struct Shared {
    target: Arc<str>,
    service: Box<dyn Erased>,
    template: Template,
    timeout: Option<Duration>,
    answer_size: usize,
    /// Whether anybody looks at the extensions of a request.
    has_layers: bool,
    meter: Meter,
    peer: Peer,
    last_id: AtomicU64,
}

impl Client {
    /// Begins a client of the server at a URL.
    pub fn builder(config: impl Into<ClientConfig>) -> Builder {
        Builder::new(config)
    }

    /// Creates a client of a service in this process.
    #[must_use]
    pub fn over<S, B>(service: S) -> Self
    where
        S: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        B::Data: Send,
    {
        Builder::<Self>::new("").assemble(Wire::Local(Box::new(service)), Destination::local())
    }

    /// Returns what calls one method.
    #[must_use]
    pub fn method(&self, procedure: impl Into<Procedure>) -> ClientMethod {
        ClientMethod::new(self.clone(), &procedure.into())
    }

    /// Returns what it calls: a URL without user, password and query, or `in-process`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.shared.target
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.shared.target).finish_non_exhaustive()
    }
}
