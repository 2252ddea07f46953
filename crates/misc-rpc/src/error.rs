//! Why a call has failed, as its caller sees it.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::StatusCode;
use misc_core::BoxError;
use serde_json::value::RawValue;

use crate::{
    client::{BadAnswer, TransportError, chain},
    code,
    fault::Never,
};

/// Why a call has failed: with the error that the procedure declares, or for another reason.
///
/// `E` is the declared error; a procedure that declares none has `Error`. It says which method of which target has failed
/// and how; why it was so is told by its [`source`](StdError::source): the error of a layer as it came from there, of the
/// connection, or what is wrong with an answer.
///
/// | what has happened | told by | [`code`](Self::code) |
/// | --- | --- | --- |
/// | The procedure gives its own error. | [`fault`](Self::fault), [`into_fault`](Self::into_fault) | that of the error |
/// | The server refuses the call, or has failed. | [`is_method_not_found`](Self::is_method_not_found), [`is_invalid_params`](Self::is_invalid_params), [`is_busy`](Self::is_busy), [`is_internal`](Self::is_internal) | one of [`code`] |
/// | It took too long, here or there. | [`is_timeout`](Self::is_timeout) | -32001 if the server says so |
/// | No connection could be made: the server knows nothing of the call. | [`is_connect`](Self::is_connect) | none |
/// | A layer did not let it through, or a connection broke. | [`source`](StdError::source) | none |
/// | The answer is none of JSON-RPC. | [`source`](StdError::source), which quotes it | none |
/// | Something on the way, such as a proxy, has answered that it has failed. | [`status`](Self::status); [`is_busy`](Self::is_busy) if that is 429 or 503 | none |
///
/// # Examples
/// ```
/// use misc_rpc::{Error, Fault};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
/// #[error("there is no user {id}")]
/// struct NoUser {
///     id: u64,
/// }
///
/// impl Fault for NoUser {}
///
/// fn explain(error: Error<NoUser>) -> String {
///     match error.into_fault() {
///         Ok(NoUser { id }) => format!("nobody is number {id}"),
///         Err(error) if error.is_timeout() || error.is_busy() => "ask again later".to_owned(),
///         Err(error) => format!("{error}"), // "cannot call `get_user` of http://users:5000/rpc"
///     }
/// }
/// ```
pub struct Error<E = Never>(Box<Parts<E>>);

struct Parts<E> {
    method: &'static str,
    target: Arc<str>,
    retry_after: Option<Duration>,
    kind: Kind<E>,
}

#[derive(Debug)]
pub(crate) enum Kind<E> {
    /// What the procedure itself says, and its code.
    Fault(E, i32),
    Failure(Failure),
}

impl<E> From<Failure> for Kind<E> {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Any failure but what a procedure declares.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The parameters could not be written.
    Params(BoxError),
    /// The server says so.
    Remote(Remote),
    /// A layer, or the transport, did not bring it through.
    Layer(BoxError),
    /// It was not answered in time; and what went wrong last, if that is known.
    Timeout(Option<BoxError>),
    /// The answer is not what it should be.
    Answer(BadAnswer),
}

/// An error of JSON-RPC's own, or one that is not what the procedure declares.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Box<RawValue>>,
    /// Why it is not what the procedure declares, where that declares something.
    pub(crate) unlike: Option<Unlike>,
}

/// The data of an error is not that of the error which the procedure declares.
#[derive(Debug, thiserror::Error)]
#[error("this is not the error that the procedure declares")]
pub(crate) struct Unlike(#[source] pub(crate) serde_json::Error);

impl<E> Error<E> {
    pub(crate) fn new(method: &'static str, target: &Arc<str>, kind: Kind<E>) -> Self {
        Self(Box::new(Parts { method, target: Arc::clone(target), retry_after: None, kind }))
    }

    pub(crate) fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.0.retry_after = after;
        self
    }

    /// Returns the error that the procedure declares, if it is this.
    #[must_use]
    pub fn fault(&self) -> Option<&E> {
        match &self.0.kind {
            Kind::Fault(fault, _) => Some(fault),
            Kind::Failure(_) => None,
        }
    }

    /// Returns the error that the procedure declares.
    ///
    /// # Errors
    /// The error as it was, if it is another one.
    pub fn into_fault(self) -> Result<E, Self> {
        let Parts { method, target, retry_after, kind } = *self.0;
        match kind {
            Kind::Fault(fault, _) => Ok(fault),
            kind @ Kind::Failure(_) => Err(Self(Box::new(Parts { method, target, retry_after, kind }))),
        }
    }

    /// Makes another error of the one that the procedure declares, and leaves any other as it is.
    ///
    /// For one that is declared not to be there, [`Never`], that is `error.map_fault(|never| match never {})`.
    #[must_use]
    pub fn map_fault<F>(self, map: impl FnOnce(E) -> F) -> Error<F> {
        let Parts { method, target, retry_after, kind } = *self.0;
        let kind = match kind {
            Kind::Fault(fault, code) => Kind::Fault(map(fault), code),
            Kind::Failure(failure) => Kind::Failure(failure),
        };
        Error(Box::new(Parts { method, target, retry_after, kind }))
    }

    /// Returns the name of the method that was called.
    #[must_use]
    pub fn method(&self) -> &str {
        self.0.method
    }

    /// Returns what was called: a URL without user, password and query, or `in-process`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Returns the code of the error, if the server has sent one.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match &self.0.kind {
            Kind::Fault(_, code) => Some(*code),
            Kind::Failure(Failure::Remote(remote)) => Some(remote.code),
            Kind::Failure(_) => None,
        }
    }

    /// Returns the status of HTTP, if the answer was none of JSON-RPC.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.failure() {
            Some(Failure::Answer(answer)) => Some(answer.status()),
            _ => None,
        }
    }

    /// Returns what the server says of an error that is not the declared one.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.remote().map(|remote| &*remote.message)
    }

    /// Returns the data, in JSON, that the server has sent with an error that is not the declared one.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.remote()?.data.as_deref().map(RawValue::get)
    }

    /// Returns when the server wants to be asked again, if it has said so in seconds (`Retry-After`).
    ///
    /// It knows what the server says, and not what an open breaker knows, which has not asked the server: when that lets
    /// calls pass again is told by the breaker's own error, a [`source`](StdError::source) of this one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Tells whether it was not answered in time, be it that the server says so, or that no connection could be made in
    /// time.
    ///
    /// Layers have timeouts of their own, which this knows only where their errors have one of tokio or of the system among
    /// their sources.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self.failure() {
            Some(Failure::Timeout(_)) => true,
            Some(Failure::Remote(remote)) => remote.code == code::DEADLINE_EXCEEDED,
            Some(Failure::Layer(error)) => chain(&**error).any(TransportError::is_timeout_in),
            Some(Failure::Params(_) | Failure::Answer(_)) | None => false,
        }
    }

    /// Tells whether the call has never reached the server, since no connection could be made.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        match self.failure() {
            Some(Failure::Layer(error) | Failure::Timeout(Some(error))) => {
                chain(&**error).any(TransportError::is_connect_in)
            }
            _ => false,
        }
    }

    /// Tells whether the server has as many calls under way as it allows, or something before it has said so for it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self.failure() {
            Some(Failure::Answer(answer)) => answer.is_busy(),
            _ => self.is_remote(code::BUSY),
        }
    }

    /// Tells whether the server does not know the method.
    #[must_use]
    pub fn is_method_not_found(&self) -> bool {
        self.is_remote(code::METHOD_NOT_FOUND)
    }

    /// Tells whether the method does not take these parameters, or they could not be written.
    #[must_use]
    pub fn is_invalid_params(&self) -> bool {
        matches!(self.failure(), Some(Failure::Params(_))) || self.is_remote(code::INVALID_PARAMS)
    }

    /// Tells whether the server has failed.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.is_remote(code::INTERNAL_ERROR)
    }

    fn is_remote(&self, code: i32) -> bool {
        self.remote().is_some_and(|remote| remote.code == code)
    }

    fn remote(&self) -> Option<&Remote> {
        match self.failure() {
            Some(Failure::Remote(remote)) => Some(remote),
            _ => None,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.0.kind {
            Kind::Failure(failure) => Some(failure),
            Kind::Fault(..) => None,
        }
    }

    /// Says in one word what has failed, where no code does, of a call that was made.
    pub(crate) fn word(&self) -> &'static str {
        match self.failure() {
            None | Some(Failure::Remote(_) | Failure::Params(_)) => "",
            Some(Failure::Answer(_)) => "answer",
            Some(_) if self.is_timeout() => "timeout",
            Some(_) if self.is_connect() => "connect",
            Some(Failure::Layer(error)) if chain(&**error).any(<dyn StdError>::is::<TransportError>) => "transport",
            Some(_) => "layer",
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { method, target, kind, .. } = &*self.0;
        match kind {
            Kind::Fault(fault, code) => write!(f, "`{method}` of {target} failed: {fault} ({code})"),
            Kind::Failure(failure) => match failure {
                Failure::Params(_) => write!(f, "cannot write the parameters of `{method}` of {target}"),
                Failure::Remote(Remote { code, message, .. }) => {
                    write!(f, "`{method}` of {target} failed: {message} ({code})")
                }
                Failure::Layer(_) => write!(f, "cannot call `{method}` of {target}"),
                Failure::Timeout(_) => write!(f, "`{method}` of {target} was not answered in time"),
                Failure::Answer(answer) if answer.is_by_status() => {
                    write!(f, "`{method}` of {target} failed: {answer}")
                }
                Failure::Answer(_) => write!(f, "cannot read the answer of `{method}` of {target}"),
            },
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { method, target, retry_after, kind } = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("method", method).field("target", target);
        if let Some(after) = retry_after {
            debug.field("retry_after", after);
        }
        match kind {
            Kind::Fault(fault, code) => debug.field("fault", fault).field("code", code).finish(),
            Kind::Failure(failure) => debug.field("failure", failure).finish(),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.failure()? {
            Failure::Params(error) | Failure::Layer(error) => Some(&**error),
            Failure::Timeout(error) => error.as_deref().map(|error| error as _),
            // It has told all by itself.
            Failure::Answer(answer) if answer.is_by_status() => None,
            Failure::Answer(answer) => Some(answer),
            Failure::Remote(remote) => remote.unlike.as_ref().map(|error| error as _),
        }
    }
}
