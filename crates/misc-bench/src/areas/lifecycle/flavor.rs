//! The runtimes that services are run on.

use std::{fmt, io, str::FromStr};

use tokio::runtime::{Builder, Runtime};

use crate::Error;

/// One of the two kinds of tokio runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavor {
    /// Two workers.
    MultiThread,
    /// Everything on the caller's thread.
    CurrentThread,
}

impl Flavor {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::MultiThread, Self::CurrentThread];

    /// Builds such a runtime.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(super) fn build(self) -> io::Result<Runtime> {
        match self {
            Self::MultiThread => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::MultiThread => "2-workers",
            Self::CurrentThread => "current-thread",
        })
    }
}

impl FromStr for Flavor {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|flavor| flavor.to_string() == name);
        named.ok_or_else(|| format!("there is no runtime `{name}`").into())
    }
}
