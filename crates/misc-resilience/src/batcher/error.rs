//! Why a call in a batch has failed.

use std::{error::Error as StdError, fmt, sync::Arc};

/// An error of a batch, for one of its calls; all of a batch share it.
#[derive(Debug)]
pub struct BatchError<E>(pub(super) Why<E>);

#[derive(Debug)]
pub(super) enum Why<E> {
    Failed(Arc<E>),
    Missing,
    Panicked(Arc<str>),
    TooMany { items: usize, results: usize },
}

impl<E> BatchError<E> {
    /// Returns the error of the function that makes batches.
    #[must_use]
    pub fn inner(&self) -> Option<&E> {
        match &self.0 {
            Why::Failed(error) => Some(error),
            Why::Missing | Why::Panicked(_) | Why::TooMany { .. } => None,
        }
    }

    /// Tells whether the batch was made, and had no result for this call.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.0, Why::Missing)
    }

    /// Tells whether the function that makes batches panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Why::Panicked(_))
    }
}

impl<E> Clone for BatchError<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> Clone for Why<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Missing => Self::Missing,
            Self::Panicked(message) => Self::Panicked(Arc::clone(message)),
            Self::TooMany { items, results } => Self::TooMany { items: *items, results: *results },
        }
    }
}

impl<E: fmt::Display> fmt::Display for BatchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Failed(error) => error.fmt(f),
            Why::Missing => f.write_str("the batch had no result for this call"),
            Why::Panicked(message) => write!(f, "the batch panicked: {message}"),
            Why::TooMany { items, results } => {
                write!(f, "the batch had {results} results for {items} calls, so it is not known whose they are")
            }
        }
    }
}

impl<E: StdError + 'static> StdError for BatchError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner().and_then(StdError::source)
    }
}
