//! Why something could not be done with a store.

use std::{error::Error as StdError, fmt, sync::Arc};

use misc_core::BoxError;

/// Why a store did not do what it was asked for; nothing has changed then, unless [`is_uncertain`](Self::is_uncertain).
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Closed,
    Full,
    Refused,
    Unavailable,
    Uncertain,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What was asked for cannot be done, now and later.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Returns whether the store is not open: no service of it runs, or it has stopped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// Returns whether a store in memory has no room for it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    /// Returns whether it will be refused again: a payload that cannot be written, a transaction of another database,
    /// more jobs in one push than memory ever has room for, settings that make no sense, tables that are newer than
    /// this program, or what PostgreSQL does not take (a value, a right that is missing, a limit).
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Returns whether the store did not answer, or could not: later it may.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Returns whether it may have been done: the store went away while it was asked to make it durable.
    ///
    /// A push with a [`Unique`](crate::Unique) key can be made again then without a second job.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        self.kind == Kind::Uncertain
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Writes an error with what has led to it on one line.
pub(crate) fn one_line(error: &(dyn StdError + 'static)) -> String {
    let text = std::iter::successors(Some(error), |error| (*error).source()).map(ToString::to_string);
    text.collect::<Vec<_>>().join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}
