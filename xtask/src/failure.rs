//! How a command ends when it does not end well.

/// The result of a command, or of a part of it.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// What was checked is not as it should be, or could not be checked: exit code 1.
    Check(String),
}

impl Failure {
    /// A failed check, told in a fragment that names what failed.
    pub(crate) fn check(text: impl Into<String>) -> Self {
        Self::Check(text.into())
    }

    /// A failed check: `doing` (a path, a command) met `error`.
    pub(crate) fn met(doing: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Check(format!("{doing}: {error}"))
    }
}
