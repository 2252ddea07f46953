//! How a handler ends: its failure, or its panic, ends nothing else.

use std::{error::Error, fmt, io, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use misc_core::BoxError;
use tracing::{debug, error, warn};

/// Runs a handler to its end and logs how that was; returns whether it was no failure.
///
/// A task's panic is its service's failure, but one connection must not stop a server. That the peer `has_left`
/// explains errors such as a reset; without it they are those of something else that the handler talks to.
pub(crate) async fn attend(
    handler: impl Future<Output = Result<(), BoxError>>,
    peer: &impl fmt::Display,
    has_left: impl FnOnce() -> bool,
) -> bool {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(())) => true,
        Ok(Err(error)) if is_gone(&*error) && has_left() => {
            debug!(%peer, error, "the peer is gone");
            true
        }
        Ok(Err(error)) => {
            warn!(%peer, error, "a handler failed");
            false
        }
        Err(_) => {
            // The panic hook has told what and where.
            error!(%peer, "a handler panicked; what it held is closed, the others go on");
            false
        }
    }
}

/// Tells whether an error says no more than that the peer has left, or says nothing any more.
fn is_gone(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | TimedOut | UnexpectedEof
            );
        }
        next = error.source();
    }
    false
}
