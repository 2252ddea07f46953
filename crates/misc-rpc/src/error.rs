//! Why a call has failed, as its caller sees it.

use std::{error::Error as StdError, fmt, sync::Arc};

use misc_core::BoxError;

use crate::fault::Never;

/// Why a call has failed: with the error that the procedure declares, or for another reason.
///
/// `E` is that error; a procedure that declares none has `Error`.
#[derive(Debug)]
pub struct Error<E = Never>(Box<Parts<E>>);

#[derive(Debug)]
struct Parts<E> {
    method: Arc<str>,
    target: Arc<str>,
    kind: Kind<E>,
}

#[derive(Debug)]
enum Kind<E> {
    /// What the procedure itself says.
    Fault(E),
    /// What the server says: an error of JSON-RPC's own, or one that is not what the procedure declares.
    Remote { code: i32, message: String },
    /// The call did not come through, or a layer did not let it.
    Transport(BoxError),
    /// It was not answered in time.
    Timeout,
    /// The answer is none, or not what was expected.
    Answer(BoxError),
}

impl<E> Error<E> {
    /// Returns the error that the procedure declares, if it is this.
    #[must_use]
    pub fn fault(&self) -> Option<&E> {
        match &self.0.kind {
            Kind::Fault(fault) => Some(fault),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { method, target, kind } = &*self.0;
        match kind {
            Kind::Fault(fault) => fault.fmt(f),
            Kind::Remote { code, message } => write!(f, "`{method}` of {target} failed: {message} ({code})"),
            Kind::Transport(_) => write!(f, "cannot call `{method}` of {target}"),
            Kind::Timeout => write!(f, "`{method}` of {target} was not answered in time"),
            Kind::Answer(_) => write!(f, "cannot read the answer of `{method}` of {target}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            Kind::Transport(error) | Kind::Answer(error) => Some(&**error),
            Kind::Fault(_) | Kind::Remote { .. } | Kind::Timeout => None,
        }
    }
}
