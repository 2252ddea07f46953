//! Why a call has failed.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use misc_core::BoxError;

use crate::breaker::BreakerState;

/// Why a call has failed: its own error, or that it was not made or not waited for.
///
/// It is a [`std::error::Error`] if `E` is one. A [`BoxError`] is none; [`Boxed`] makes one of it.
#[derive(Debug)]
pub struct Error<E>(Kind<E>);

#[derive(Debug)]
enum Kind<E> {
    Inner(E),
    Rejected(Rejection),
    TimedOut(io::Error),
}

impl<E> Error<E> {
    pub(crate) fn inner_error(error: E) -> Self {
        Self(Kind::Inner(error))
    }

    pub(crate) fn timed_out() -> Self {
        Self(Kind::TimedOut(io::ErrorKind::TimedOut.into()))
    }

    /// Returns the error of the call itself.
    #[must_use]
    pub fn inner(&self) -> Option<&E> {
        match &self.0 {
            Kind::Inner(error) => Some(error),
            Kind::Rejected(_) | Kind::TimedOut(_) => None,
        }
    }

    /// Returns the error of the call itself.
    ///
    /// # Errors
    /// The error as it was, if it is not the call's own.
    pub fn into_inner(self) -> Result<E, Self> {
        match self.0 {
            Kind::Inner(error) => Ok(error),
            other => Err(Self(other)),
        }
    }

    /// Returns why the call was not made.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        match &self.0 {
            Kind::Rejected(rejection) => Some(rejection),
            Kind::Inner(_) | Kind::TimedOut(_) => None,
        }
    }

    /// Tells whether the call was not made, since a breaker has rejected it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.rejection(), Some(Rejection(Why::Open { .. })))
    }

    /// Tells whether the call was not made, since as many were under way as a bulkhead allows.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.rejection(), Some(Rejection(Why::Full { .. })))
    }

    /// Tells whether the call took too long.
    ///
    /// Its source is an [`io::Error`] of the kind `TimedOut`, by which clients know it that do not know this crate.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Kind::TimedOut(_))
    }
}

impl<E> From<Rejection> for Error<E> {
    fn from(rejection: Rejection) -> Self {
        Self(Kind::Rejected(rejection))
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Inner(error) => error.fmt(f),
            Kind::Rejected(rejection) => rejection.fmt(f),
            Kind::TimedOut(_) => f.write_str("it took too long"),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Kind::Inner(error) => error.source(),
            Kind::TimedOut(error) => Some(error),
            Kind::Rejected(_) => None,
        }
    }
}

/// An error in a box, as an error with a type.
///
/// Many layers of tower fail with a [`BoxError`], which is no error by itself. Put `map_err(Boxed::new)` around them, and a
/// policy around that fits whatever takes an error, such as the client of misc-rpc.
///
/// # Examples
/// ```
/// use http::{Request, Response};
/// use misc_core::BoxError;
/// use misc_resilience::{Boxed, Policy};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let users = ServiceBuilder::new()
///     .layer(Policy::new("users"))
///     .map_err(Boxed::new) // what is around it fails with an error that `?` takes
///     .service(service_fn(async |_: Request<()>| Ok::<_, BoxError>(Response::new("Ada"))));
/// assert_eq!(*users.oneshot(Request::new(())).await?.body(), "Ada");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Boxed(BoxError);

impl Boxed {
    /// Gives an error a type.
    #[must_use]
    pub fn new(error: BoxError) -> Self {
        Self(error)
    }

    /// Returns the error as it was.
    #[must_use]
    pub fn into_inner(self) -> BoxError {
        self.0
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// Why a call was not made.
#[derive(Debug, Clone)]
pub struct Rejection(Why);

#[derive(Debug, Clone)]
enum Why {
    /// What `breaker` protects is let alone; it is tried again after the time, unless somebody keeps it open.
    Open {
        breaker: Arc<str>,
        state: BreakerState,
        retry_after: Option<Duration>,
        last_error: Option<Arc<str>>,
    },
    Full {
        bulkhead: Arc<str>,
        limit: usize,
        waited: Duration,
    },
}

impl Rejection {
    pub(crate) fn open(
        breaker: Arc<str>,
        state: BreakerState,
        retry_after: Option<Duration>,
        last_error: Option<Arc<str>>,
    ) -> Self {
        Self(Why::Open { breaker, state, retry_after, last_error })
    }

    pub(crate) fn full(bulkhead: Arc<str>, limit: usize, waited: Duration) -> Self {
        Self(Why::Full { bulkhead, limit, waited })
    }

    /// Returns the name of the breaker or the bulkhead that has rejected it.
    #[must_use]
    pub fn by(&self) -> &str {
        match &self.0 {
            Why::Open { breaker, .. } => breaker,
            Why::Full { bulkhead, .. } => bulkhead,
        }
    }

    /// Returns when to ask again, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0 {
            Why::Open { retry_after, .. } => *retry_after,
            Why::Full { .. } => None,
        }
    }

    /// Returns the last error of what an open breaker protects.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        match &self.0 {
            Why::Open { last_error, .. } => last_error.as_deref(),
            Why::Full { .. } => None,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Open { breaker, state, retry_after, last_error } => {
                write!(f, "breaker `{breaker}` ")?;
                f.write_str(match state {
                    BreakerState::HalfOpen => "is half-open, and all of its probes are under way",
                    BreakerState::Recovering => "is recovering, and lets a part of the calls pass",
                    BreakerState::ForcedOpen => "is kept open",
                    _ => "is open",
                })?;
                if let Some(after) = retry_after {
                    write!(f, " for another {:.1} s", after.as_secs_f64())?;
                }
                last_error.as_ref().map_or(Ok(()), |error| write!(f, "; the last error was: {error}"))
            }
            Why::Full { bulkhead, limit, waited } => {
                write!(f, "bulkhead `{bulkhead}` is full: {limit} calls were under way")?;
                if waited.is_zero() { Ok(()) } else { write!(f, " for {:.1} s", waited.as_secs_f64()) }
            }
        }
    }
}

impl StdError for Rejection {}
