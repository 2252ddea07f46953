//! What can go wrong with a service, and how it reads.

use std::{error::Error, fmt, panic::Location, sync::Arc, time::Duration};

use crate::report::{Late, Report};

/// The error type that every service may return.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A failure is told to many: the report, observers, the status, who waits for the service.
pub(crate) type SharedError = Arc<dyn Error + Send + Sync>;

/// One service's failure.
///
/// Its `Display` names the service; the error itself is its source.
#[derive(Debug, Clone)]
pub struct Failure {
    path: Arc<str>,
    error: SharedError,
}

impl Failure {
    pub(crate) fn new(path: Arc<str>, error: SharedError) -> Self {
        Self { path, error }
    }

    /// Returns the path of the service, `group/service` inside a group; empty when no service was involved.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}` failed", self.path)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// Writes an error and all its sources, one line each.
pub(crate) fn write_chain(f: &mut fmt::Formatter<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    let mut next = Some(error);
    while let Some(error) = next {
        write!(f, "\n  caused by: {error}")?;
        next = error.source();
    }
    Ok(())
}

/// Renders an error and its sources on one line, for logs and for the status.
pub(crate) fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// The service itself panicked.
#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
pub(crate) struct Panicked(pub(crate) String);

/// A task of the service panicked.
#[derive(Debug, thiserror::Error)]
#[error("a task spawned at {location} panicked: {message}")]
pub(crate) struct TaskPanicked {
    pub(crate) location: &'static Location<'static>,
    pub(crate) message: String,
}

/// The runtime dropped the service's future.
#[derive(Debug, thiserror::Error)]
#[error("was dropped by the runtime")]
pub(crate) struct DroppedEarly;

/// The service did not say in time that it is ready.
#[derive(Debug)]
pub(crate) struct NotReady {
    pub(crate) path: Arc<str>,
    pub(crate) within: Duration,
    pub(crate) why: String,
    /// The error of the last attempt.
    pub(crate) last: Option<SharedError>,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was not ready within {:?}: {}", self.path, self.within, self.why)
    }
}

impl Error for NotReady {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last.as_deref().map(|last| last as _)
    }
}

/// A service has failed, and then was late.
#[derive(Debug)]
pub(crate) struct FailedAndLate {
    pub(crate) error: SharedError,
    pub(crate) late: Late,
}

impl fmt::Display for FailedAndLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; then {}", self.error, self.late)
    }
}

impl Error for FailedAndLate {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// A dependency that the service names has failed.
#[derive(Debug, thiserror::Error)]
#[error("was not started: it starts after `{dependency}`, which {how}")]
pub(crate) struct DependencyFailed {
    pub(crate) dependency: Arc<str>,
    pub(crate) how: &'static str,
}

/// Services of a group have failed, or were late.
#[derive(Debug)]
pub(crate) struct GroupFailed(pub(crate) Report);

impl fmt::Display for GroupFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.failures().first(), self.0.late().first()) {
            (Some(failure), _) => failure.fmt(f),
            (None, Some(late)) => late.fmt(f),
            (None, None) => f.write_str("the group failed"),
        }
    }
}

impl Error for GroupFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.failures().first().and_then(Error::source)
    }
}

/// An app was refused before anything was started.
///
/// Every problem found is listed, each with the name of the culprit and what to do.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) app: Arc<str>,
    pub(crate) problems: Vec<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "app `{}` cannot start; nothing was started", self.app)?;
        for problem in &self.problems {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl Error for Refused {}

/// Why a request to a running app was not carried out.
#[derive(Debug, Clone)]
pub struct CommandError(Kind);

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Unknown { app: Arc<str>, name: String, known: Vec<String> },
    Refused(String),
    NotRestartable(Arc<str>),
    Stopping(Arc<str>),
    Ended(Arc<str>),
    Failed(Failure),
    Late(Arc<str>),
    Stopped(Arc<str>),
    NoAddress(Arc<str>),
}

impl CommandError {
    pub(crate) fn new(kind: Kind) -> Self {
        Self(kind)
    }

    /// Tells whether the app has no service of that name.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.0, Kind::Unknown { .. })
    }

    /// Tells whether the service is a single value, which cannot be started twice.
    #[must_use]
    pub fn is_not_restartable(&self) -> bool {
        matches!(self.0, Kind::NotRestartable(_))
    }

    /// Tells whether the app is stopping or has ended.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self.0, Kind::Stopping(_) | Kind::Ended(_))
    }

    /// Tells whether the service was stopped, as asked, before it was ready.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.0, Kind::Stopped(_))
    }

    /// Tells whether the service did not stop in time and was dropped.
    #[must_use]
    pub fn is_late(&self) -> bool {
        matches!(self.0, Kind::Late(_))
    }

    /// Returns the service's own failure, if that is the reason.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.0 {
            Kind::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unknown { app, name, known } => {
                write!(f, "app `{app}` has no service `{name}`; it has: {}", known.join(", "))
            }
            Kind::Refused(why) => f.write_str(why),
            Kind::NotRestartable(path) => write!(
                f,
                "service `{path}` cannot be restarted: it is a single value; register it with `spec(..).restart(..)` \
                 or `factory(..)`"
            ),
            Kind::Stopping(app) => write!(f, "app `{app}` is stopping"),
            Kind::Ended(app) => write!(f, "app `{app}` has ended"),
            Kind::Failed(failure) => failure.fmt(f),
            Kind::Stopped(path) => write!(f, "service `{path}` was stopped before it was ready"),
            Kind::NoAddress(path) => write!(f, "service `{path}` listens nowhere: it, or its app, has ended"),
            Kind::Late(path) => write!(f, "service `{path}` did not stop in time and was dropped"),
        }
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failure().and_then(Error::source)
    }
}
