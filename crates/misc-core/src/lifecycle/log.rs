//! The core's own log lines, written by an observer like any other.

use tracing::{error, info, warn};

use super::{Lifecycle, Phase, Transition};
use crate::error::one_line;

/// Logs every phase change: as a warning when there is an error, as an error when the service has failed.
pub(crate) struct LifecycleLog;

impl Lifecycle for LifecycleLog {
    fn on_transition(&self, transition: &Transition) {
        let Transition { app, path, to, elapsed, .. } = transition;
        if path.is_empty() {
            info!(%app, after = ?elapsed, "app {to}");
            return;
        }
        let error = transition.error().map(|error| one_line(error));
        match (*to, error) {
            (Phase::Failed, error) => error!(service = %path, after = ?elapsed, error, "service failed"),
            (Phase::Restarting, error) => {
                warn!(service = %path, after = ?elapsed, error, "service failed and will restart");
            }
            (_, Some(error)) => warn!(service = %path, after = ?elapsed, error, "service {to}"),
            (_, None) => info!(service = %path, after = ?elapsed, "service {to}"),
        }
    }
}
