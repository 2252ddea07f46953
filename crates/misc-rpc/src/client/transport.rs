//! What brings a request to a server, and its answer back.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use misc_core::BoxError;
use pin_project_lite::pin_project;
use tokio::time::error::Elapsed;
use tower_service::Service;

use crate::{
    client::{
        answer::{Failures, judge},
        connector::Pool,
        erased::{Answering, Erased},
        gather::{Gathered, whole},
        propagate::{left, write_deadline, write_trace},
    },
    payload::Payload,
};

/// The innermost service of a [`Client`](crate::Client), which the layers stand around.
///
/// It writes into each request what holds when it is sent (the current [`TraceContext`](misc_core::TraceContext) as
/// `traceparent` and `tracestate`, and what is left of the [`Deadline`](misc_core::Deadline) as
/// `x-envoy-expected-rq-timeout-ms`), reads each answer to its end, and adds the [`Verdict`](misc_core::Verdict) to the
/// extensions of what is an answer of JSON-RPC and no result: its status does not tell.
#[derive(Clone)]
pub struct Transport(Arc<Way>);

struct Way {
    wire: Wire,
    limit: usize,
    /// Whether there is a layer that might look at verdicts.
    judges: bool,
}

/// How a request gets to its server.
pub(super) enum Wire {
    Network(Box<Pool>),
    Local(Box<dyn Erased>),
}

impl Transport {
    pub(super) fn new(wire: Wire, limit: usize, judges: bool) -> Self {
        Self(Arc::new(Way { wire, limit, judges }))
    }
}

impl Service<Request<Payload>> for Transport {
    type Response = Response<Payload>;
    type Error = TransportError;
    type Future = TransportFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Payload>) -> TransportFuture {
        match left() {
            Ok(left) => {
                if let Some(left) = left {
                    write_deadline(request.headers_mut(), left);
                }
                write_trace(request.headers_mut());
            }
            Err(_) => return TransportFuture { state: State::Late, failures: None },
        }
        let failures = self.0.judges.then(|| request.extensions().get().copied().unwrap_or_default());
        let state = match &self.0.wire {
            Wire::Network(pool) => State::Sending { response: pool.request(request), limit: self.0.limit },
            Wire::Local(service) => State::Local { response: service.send(request, self.0.limit) },
        };
        TransportFuture { state, failures }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

pin_project! {
    /// The answer of a [`Transport`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it drops the request: the connection is closed, or its stream reset.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct TransportFuture {
        #[pin]
        state: State,
        // `None` if there is no layer that might look at verdicts.
        failures: Option<Failures>,
    }
}

pin_project! {
    #[project = Step]
    enum State {
        Sending { #[pin] response: legacy::ResponseFuture, limit: usize },
        Reading { head: Option<Response<()>>, #[pin] body: Incoming, gathered: Gathered, limit: usize },
        Local { response: Answering },
        Late,
    }
}

impl Future for TransportFuture {
    type Output = Result<Response<Payload>, TransportError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, failures) = (this.state, *this.failures);
        loop {
            let response = match state.as_mut().project() {
                Step::Sending { response, limit } => {
                    let response = ready!(response.poll(cx)).map_err(TransportError::of_pool)?;
                    let (head, body) = response.into_parts();
                    let (head, limit) = (Some(Response::from_parts(head, ())), *limit);
                    state.set(State::Reading { head, body, gathered: Gathered::default(), limit });
                    continue;
                }
                Step::Reading { head, body, gathered, limit } => {
                    let bytes = ready!(gathered.poll(body, *limit, cx)).map_err(TransportError::of_body)?;
                    whole(head.take().unwrap_or_default(), bytes)
                }
                Step::Local { response } => ready!(response.as_mut().poll(cx)).map_err(TransportError::of_service)?,
                Step::Late => return Poll::Ready(Err(TransportError(Kind::Late))),
            };
            return Poll::Ready(Ok(match failures {
                Some(failures) => judge(response, failures),
                None => response,
            }));
        }
    }
}

impl fmt::Debug for TransportFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFuture").finish_non_exhaustive()
    }
}

/// Why a [`Transport`] has brought no answer.
#[derive(Debug)]
pub struct TransportError(Kind);

#[derive(Debug)]
enum Kind {
    Connect(NotConnected),
    Broken(BoxError),
    Cut(BoxError),
    Service(BoxError),
    Late,
}

/// What stood in the way of a connection. It shows and gives what it holds, and is found where a layer's error shows only
/// the sources of the one inside of it.
#[derive(Debug)]
struct NotConnected(BoxError);

impl TransportError {
    /// Tells whether no connection could be made: the server knows nothing of the request.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0, Kind::Connect(_))
    }

    pub(crate) fn is_connect_in(error: &(dyn StdError + 'static)) -> bool {
        error.is::<NotConnected>() || error.downcast_ref().is_some_and(Self::is_connect)
    }

    pub(crate) fn is_timeout_in(error: &(dyn StdError + 'static)) -> bool {
        let of_connect = |error: &NotConnected| chain(&*error.0).any(is_of_system);
        let is_late = |error: &Self| matches!(error.0, Kind::Late);
        is_of_system(error)
            || error.is::<Elapsed>()
            || error.downcast_ref().is_some_and(of_connect)
            || error.downcast_ref().is_some_and(is_late)
    }

    fn of_pool(error: legacy::Error) -> Self {
        if error.is_connect() {
            Self(Kind::Connect(NotConnected(error.into())))
        } else {
            Self(Kind::Broken(error.into()))
        }
    }

    fn of_body(error: hyper::Error) -> Self {
        Self(Kind::Cut(error.into()))
    }

    fn of_service(error: BoxError) -> Self {
        Self(Kind::Service(error))
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Connect(_) => "no connection could be made",
            Kind::Broken(_) => "the connection broke before the answer",
            Kind::Cut(_) => "the connection broke in the midst of the answer",
            Kind::Service(_) => "the service failed",
            Kind::Late => "the deadline had passed before it was sent",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Kind::Connect(error) => Some(error),
            Kind::Broken(error) => below(error),
            Kind::Cut(error) | Kind::Service(error) => Some(&**error),
            Kind::Late => None,
        }
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match below(&self.0) {
            Some(error) => write!(f, "{error}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl StdError for NotConnected {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        below(&self.0)?.source()
    }
}

/// Walks through an error and its sources.
pub(crate) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn is_of_system(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
}

/// Passes over an error of the pool, which says no more than the one below it.
fn below(error: &BoxError) -> Option<&(dyn StdError + 'static)> {
    error.source().or(Some(&**error))
}
