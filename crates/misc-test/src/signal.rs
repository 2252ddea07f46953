//! The signals that a process receives.

/// A signal, as a process would receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGTERM: stop; a second time: end at once.
    Terminate,
    /// SIGINT, or Ctrl-C: as SIGTERM.
    Interrupt,
    /// SIGHUP: reload, if any service asked for reloads; else as SIGTERM.
    Hangup,
}

impl Signal {
    /// Returns the number, which added to 128 is the exit code of a process that the signal ends.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Terminate => 15,
            Self::Interrupt => 2,
            Self::Hangup => 1,
        }
    }
}
