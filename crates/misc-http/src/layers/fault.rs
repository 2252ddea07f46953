//! What went wrong with a request, and how it is called.

use std::fmt;

/// What went wrong, other than that the handler says so with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client was gone before the end, or the server cut it.
    Aborted,
    TimedOut,
    Panicked,
    /// The service, or the body of its answer, gave an error.
    Failed,
}

/// Why a request has failed, as OpenTelemetry has it in `error.type`: its fault, or else the status that tells of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorType {
    Fault(Fault),
    Status(u16),
}

impl ErrorType {
    pub(crate) fn of(status: u16, fault: Option<Fault>) -> Option<Self> {
        fault.map(Self::Fault).or_else(|| (status >= 500).then_some(Self::Status(status)))
    }

    /// Tells whether the server is to blame, whatever its status said by then.
    pub(crate) fn is_ours(self) -> bool {
        self != Self::Fault(Fault::Aborted)
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fault(Fault::Aborted) => "aborted",
            Self::Fault(Fault::TimedOut) => "timeout",
            Self::Fault(Fault::Panicked) => "panic",
            Self::Fault(Fault::Failed) => "error",
            Self::Status(status) => return status.fmt(f),
        })
    }
}
