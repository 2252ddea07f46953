//! Why a log could not be set up.

use std::{io, path::PathBuf};

use crate::filter::FilterError;

/// Why a log could not be set up; nothing of it is installed then.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Kind);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("the log cannot be set up")]
    Filter(#[source] FilterError),
    #[error("cannot open the log file `{}` for appending", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot use the standard stream for the log")]
    Stream(#[source] io::Error),
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
    #[error(
        "the process has {0} already: initialise the log once, before anything else that does so; in tests use \
         `Setup::build`"
    )]
    Taken(&'static str),
    #[cfg(feature = "otel")]
    #[error("cannot export spans: {0}")]
    Export(String),
}

impl Error {
    /// Tells whether the filter is wrong; the source, a [`FilterError`], says where.
    #[must_use]
    pub fn is_filter(&self) -> bool {
        matches!(self.0, Kind::Filter(_))
    }

    /// Tells whether the output could not be opened.
    #[must_use]
    pub fn is_output(&self) -> bool {
        matches!(self.0, Kind::Open { .. } | Kind::Stream(_))
    }

    /// Tells whether the process has a global log already: this one initialised twice, or a stranger's.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self.0, Kind::Taken(_))
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        Self(Kind::Filter(error))
    }
}
