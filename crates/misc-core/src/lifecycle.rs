//! Phases, and the observers that see every change of one.

mod log;
mod metrics;

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

pub(crate) use self::{log::LifecycleLog, metrics::LifecycleMetrics};
use crate::{error::SharedError, reload::Reload};

/// Watches the phase changes of every service of an app, and of the app itself.
///
/// Observers are how health, metrics, logs or a service manager follow an app without the app knowing them. They are
/// called in the order of registration, synchronously and from the supervisor: an observer that blocks holds up the
/// app, so send the [`Transition`] (it is cheap to clone) elsewhere for anything slow. A panic is caught and logged,
/// and the other observers still see the change.
///
/// # Examples
/// ```
/// use misc_core::{App, Transition};
///
/// let app = App::new("shop").observe(|change: &Transition| println!("{change}"));
/// # drop(app);
/// ```
pub trait Lifecycle: Send + Sync + 'static {
    /// Sees one change, after it has happened.
    fn on_transition(&self, transition: &Transition);

    /// Sees how far a reload has come, if the observer is one of the root app; by default it is ignored.
    ///
    /// Several requests may come before one [`Reload::Done`].
    fn on_reload(&self, reload: Reload) {
        let _ = reload;
    }
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&Transition) + Send + Sync + 'static> Lifecycle for F {
    fn on_transition(&self, transition: &Transition) {
        self(transition);
    }
}

/// Where a service, or an app, is in its life.
///
/// A service goes `Waiting → Starting → Ready → Stopping → Stopped` or, when it failed, ends in `Failed`; one that is
/// restarted goes `Stopping → Restarting → Starting`. An app goes from `Waiting` to `Starting` when it begins to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// Registered; what it depends on is not ready yet.
    Waiting,
    /// Running, but has not said that it is ready.
    Starting,
    /// Up and doing its work.
    Ready,
    /// Asked to stop, or cleaning up after its end.
    Stopping,
    /// Failed, and waits for its next attempt.
    Restarting,
    /// Ended as it should.
    Stopped,
    /// Ended with an error, a panic, or too late.
    Failed,
}

impl Phase {
    /// Tells whether nothing follows any more, unless somebody restarts it.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    /// Returns the lowercase name, as used in metrics and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of phase, of a service or of the app.
#[derive(Debug, Clone)]
pub struct Transition {
    pub(crate) app: Arc<str>,
    pub(crate) path: Arc<str>,
    pub(crate) from: Phase,
    pub(crate) to: Phase,
    pub(crate) elapsed: Duration,
    pub(crate) failed_attempts: u32,
    pub(crate) error: Option<SharedError>,
}

impl Transition {
    /// Returns the name of the root app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Returns the path of the service, `group/service` inside a group; `None` when the app itself has changed.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        (!self.path.is_empty()).then_some(&*self.path)
    }

    /// Returns the phase that was left.
    #[must_use]
    pub fn from(&self) -> Phase {
        self.from
    }

    /// Returns the phase that was entered.
    #[must_use]
    pub fn to(&self) -> Phase {
        self.to
    }

    /// Returns the time spent in the phase that was left.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns how many attempts in a row had failed at this moment.
    #[must_use]
    pub fn failed_attempts(&self) -> u32 {
        self.failed_attempts
    }

    /// Returns what went wrong, when something did.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.service().unwrap_or(&self.app);
        write!(f, "{name}: {} -> {} after {:?}", self.from, self.to, self.elapsed)?;
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}
