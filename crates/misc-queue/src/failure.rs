//! What a handler may fail with beside an error of its own.

use std::{error::Error as StdError, fmt, time::Duration};

use misc_core::BoxError;

/// Gives a job up: it is dead at once, with this as its error, whatever attempts are left.
///
/// A handler returns it, or any error that has it among its sources, when trying again cannot help.
///
/// # Examples
/// ```
/// use misc_core::BoxError;
/// use misc_queue::{Discard, Job};
/// # use misc_queue::Payload;
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Mail { to: String }
/// # impl Payload for Mail { const KIND: &'static str = "mail"; }
///
/// async fn send(mail: Job<Mail>) -> Result<(), BoxError> {
///     if !mail.to.contains('@') {
///         return Err(Discard::because("it has no address").into());
///     }
///     Ok(())
/// }
/// # drop(send);
/// ```
#[derive(Debug)]
pub struct Discard(BoxError);

impl Discard {
    /// Gives it up for a reason: a text or an error.
    #[must_use]
    pub fn because(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Discard {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// Puts a job off: it is available again after that time, and this attempt does not count.
///
/// A handler returns it, or any error that has it among its sources, when it is too early: what the job needs is not there
/// yet, or whoever it calls asks for a pause. There is no limit to how often; a job that has counted no attempt yet can
/// still expire meanwhile.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_core::BoxError;
/// use misc_queue::Postpone;
///
/// fn too_early() -> Result<(), BoxError> {
///     Err(Postpone::by(Duration::from_secs(60)).into())
/// }
/// # drop(too_early());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postpone(Duration);

impl Postpone {
    /// Puts it off by that time.
    #[must_use]
    pub fn by(time: Duration) -> Self {
        Self(time)
    }

    pub(crate) fn time(&self) -> Duration {
        self.0
    }
}

impl fmt::Display for Postpone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "put off by {}", humantime::format_duration(self.0))
    }
}

impl StdError for Postpone {}

/// Looks for an error among the sources of another, and at that itself.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}
