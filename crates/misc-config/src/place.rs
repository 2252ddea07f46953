//! The places that settings come from.

use std::fmt;

use crate::tree::Table;

/// A place that settings come from; see [`Loader::precedence`](crate::Loader::precedence).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The command line.
    Cli,
    /// Sources of one's own, such as a configuration centre; see [`Source`](crate::Source).
    Source,
    /// Files.
    File,
    /// Environment variables, and what stands for them: `.env` files, a directory of secrets.
    Env,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cli => "command line",
            Self::Source => "source",
            Self::File => "file",
            Self::Env => "environment",
        })
    }
}

/// What one place says.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) place: Place,
    pub(crate) table: Table,
}
