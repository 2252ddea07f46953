//! Why settings were refused.

use std::fmt;

/// Settings that cannot work, with all that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    what: String,
    problems: Vec<String>,
}

impl Refused {
    /// Refuses `what`, such as "breaker `users`", if there are problems.
    pub(crate) fn if_any(what: impl fmt::Display, problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { what: what.to_string(), problems }) }
    }

    /// Returns what is wrong, each with what to do about it.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot work: {}", self.what, self.problems.join("; "))
    }
}

impl std::error::Error for Refused {}
