//! Calls of one method.

use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::Ordering},
};

use http::{Extensions, Response};
use misc_core::{Deadline, Idempotent};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info_span};

use crate::{
    client::{
        Client, Shared,
        answer::{self, Failures},
        metrics::{Instruments, Outcome},
        request::Opening,
    },
    contract::Procedure,
    error::{Error, Failure, Kind},
    fault::Fault,
    payload::Payload,
};

/// Names the method that a request calls: an extension of the request, for layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodName(&'static str);

impl MethodName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

/// Calls one method of a server; [`Client::method`] makes it. Cheap to clone.
///
/// # Examples
/// ```
/// use misc_rpc::{Client, Error, Methods, Never, Server};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Sum {
///     left: i64,
///     right: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use misc_rpc::{Param, Procedure};
/// # const ADD: Procedure = Procedure::new("add").params(&[Param::new("left"), Param::new("right")]);
/// # let methods = Methods::new().method(ADD, async |(left, right): (i64, i64)| Ok::<_, Never>(left + right));
/// # let client = Client::over(Server::new(methods)?);
/// let add = client.method("add");
/// let by_position: i64 = add.call::<_, Never, _>(&(2, 3)).await?;
/// let by_name: Result<i64, Error> = add.call(&Sum { left: 2, right: 3 }).await;
/// assert_eq!(by_position, by_name?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientMethod(Arc<Inner>);

struct Inner {
    client: Client,
    name: &'static str,
    opening: Opening,
    extensions: Option<Extensions>,
    instruments: Instruments,
}

impl ClientMethod {
    pub(super) fn new(client: Client, procedure: &Procedure) -> Self {
        let name = procedure.name;
        let extensions = client.shared.has_layers.then(|| {
            let mut extensions = Extensions::new();
            extensions.insert(MethodName(name));
            if procedure.idempotent {
                extensions.insert(Idempotent);
            }
            extensions
        });
        let (opening, instruments) = (Opening::new(name), Instruments::new(&client.shared.meter, name));
        Self(Arc::new(Inner { client, name, opening, extensions, instruments }))
    }

    /// Calls the method and waits for what it returns.
    ///
    /// `T` is what it returns, and `E` the error that it declares, or [`Never`](crate::Never). Parameters are a struct, or
    /// a map, which goes by name; a tuple, or a list, which goes by position; or `()` for none. They are written at once, and
    /// need not live as long as the call.
    ///
    /// # Errors
    /// [`Error`] has the declared one, or says what else has failed. Parameters of another form, such as a number alone,
    /// are refused before anything is sent.
    ///
    /// # Cancel safety
    /// Dropped, the call is gone, and the server knows. It has not begun before the future is polled.
    pub fn call<T, E, P>(&self, params: &P) -> impl Future<Output = Result<T, Error<E>>> + Send + use<'_, T, E, P>
    where
        T: DeserializeOwned,
        E: Fault,
        P: Serialize + ?Sized,
    {
        let id = self.shared().last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let body = self.0.opening.body(Some(id), params);
        async move {
            let body = body.map_err(|error| self.error(Failure::Params(error)))?;
            let mut call = Call::begin(&self.0);
            let result = match call.exchange(body, Failures(E::FAILURES)).await {
                Ok(response) => answer::read(id, &response)
                    .map_err(|kind| self.error(kind).with_retry_after(answer::retry_after(&response))),
                Err(failure) => Err(self.error(failure)),
            };
            call.end(&result);
            result
        }
    }

    /// Calls the method and waits until the server has taken the call, and not for what becomes of it.
    ///
    /// Many servers, such as the one of this crate, do the work first, so that it takes as long as a call.
    ///
    /// # Errors
    /// [`Error`] says why it was not taken.
    ///
    /// # Cancel safety
    /// As that of [`call`](Self::call).
    pub fn notify<P>(&self, params: &P) -> impl Future<Output = Result<(), Error>> + Send + use<'_, P>
    where
        P: Serialize + ?Sized,
    {
        let body = self.0.opening.body(None, params);
        async move {
            let body = body.map_err(|error| self.error(Failure::Params(error)))?;
            let mut call = Call::begin(&self.0);
            let result = match call.exchange(body, Failures::default()).await {
                Ok(response) => answer::read_none(&response)
                    .map_err(|kind| self.error(kind).with_retry_after(answer::retry_after(&response))),
                Err(failure) => Err(self.error(failure)),
            };
            call.end(&result);
            result
        }
    }

    /// Returns the name of the method.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name
    }

    fn shared(&self) -> &Shared {
        &self.0.client.shared
    }

    fn error<E>(&self, kind: impl Into<Kind<E>>) -> Error<E> {
        Error::new(self.0.name, &self.shared().target, kind.into())
    }
}

impl fmt::Debug for ClientMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientMethod").field("name", &self.0.name).field("client", &self.0.client).finish()
    }
}

/// A call under way. Its drop tells how it has ended, whatever that was.
struct Call<'a> {
    method: &'a Inner,
    start: Instant,
    span: Span,
    outcome: Outcome,
}

impl<'a> Call<'a> {
    fn begin(method: &'a Inner) -> Self {
        let span = open_span(method);
        Self { method, start: Instant::now(), span, outcome: Outcome::CANCELLED }
    }

    /// Sends the request, through all layers, and waits for the answer, no longer than until the deadline.
    async fn exchange(&mut self, body: Vec<u8>, failures: Failures) -> Result<Response<Payload>, Failure> {
        let Shared { service, template, timeout, answer_size, has_layers, .. } = &*self.method.client.shared;
        let own = timeout.and_then(|timeout| self.start.checked_add(timeout)).map(Deadline::at);
        let deadline = own.into_iter().chain(Deadline::current()).min();
        if deadline.is_some_and(|deadline| deadline.instant() <= self.start) {
            return Err(Failure::Timeout(None));
        }
        let mut request = template.request(body, self.method.extensions.clone());
        if *has_layers && !failures.0.is_empty() {
            request.extensions_mut().insert(failures);
        }
        let sending = service.send(request, *answer_size).instrument(self.span.clone());
        let Some(deadline) = deadline else {
            return sending.await.map_err(Failure::Layer);
        };
        match deadline.timeout(sending).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if deadline.is_over() => Err(Failure::Timeout(Some(error))),
            Ok(Err(error)) => Err(Failure::Layer(error)),
            Err(_) => Err(Failure::Timeout(None)),
        }
    }

    fn end<T, E>(mut self, result: &Result<T, Error<E>>) {
        self.outcome = match result {
            Ok(_) => Outcome::Success,
            Err(error) => error.code().map_or(Outcome::Failed(error.word()), Outcome::Code),
        };
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let instruments = &self.method.instruments;
        if instruments.is_enabled() {
            instruments.record(self.outcome, self.start.elapsed());
        }
        if !self.span.is_disabled() {
            close_span(&self.span, self.outcome);
        }
    }
}

/// Opens the span of a client as OpenTelemetry's semantic conventions have it; costs nothing where nobody listens.
fn open_span(method: &Inner) -> Span {
    let peer = &method.client.shared.peer;
    info_span!(
        target: "misc_rpc",
        "call",
        otel.kind = "client",
        otel.name = method.name,
        otel.status_code = field::Empty,
        rpc.system.name = "jsonrpc",
        rpc.method = method.name,
        rpc.response.status_code = field::Empty,
        server.address = &*peer.address,
        server.port = peer.port,
        error.r#type = field::Empty,
    )
}

fn close_span(span: &Span, outcome: Outcome) {
    match outcome {
        Outcome::Success => return,
        Outcome::Code(code) => {
            span.record("rpc.response.status_code", field::display(code));
            span.record("error.type", field::display(code));
        }
        Outcome::Failed(word) => {
            span.record("error.type", word);
        }
    }
    span.record("otel.status_code", "ERROR");
}
