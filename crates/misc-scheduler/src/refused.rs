//! Why a request to a scheduler was not carried out.

use std::{fmt, sync::Arc};

/// A request to a scheduler was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Unknown { name: Arc<str>, known: Vec<Arc<str>> },
    Invalid(Vec<String>),
    NotRunning,
    OnDemand(Arc<str>),
    Removed(Arc<str>),
}

impl Refused {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(kind)
    }

    /// Tells whether there is no task of that name.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.0, Kind::Unknown { .. } | Kind::Removed(_))
    }

    /// Tells whether the scheduler is not running: not yet, or not any more.
    #[must_use]
    pub fn is_not_running(&self) -> bool {
        self.0 == Kind::NotRunning
    }

    /// Returns what is wrong with the task, each with what to do about it; empty if that is not the reason.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        match &self.0 {
            Kind::Invalid(problems) => problems,
            _ => &[],
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unknown { name, known } if known.is_empty() => write!(f, "there is no task `{name}`, and no other"),
            Kind::Unknown { name, known } => write!(f, "there is no task `{name}`; there are {}", known.join(", ")),
            Kind::Invalid(problems) => f.write_str(&problems.join("; ")),
            Kind::NotRunning => f.write_str("the scheduler is not running"),
            Kind::OnDemand(name) => write!(f, "task `{name}` takes arguments; start it by its own handle"),
            Kind::Removed(name) => write!(f, "task `{name}` was removed, or the scheduler has ended, before it ran"),
        }
    }
}

impl std::error::Error for Refused {}
