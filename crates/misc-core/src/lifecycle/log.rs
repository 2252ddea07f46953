//! The core's own log lines, written by an observer like any other.

use tracing::{error, info, warn};

use super::{Lifecycle, Phase, Transition};
use crate::{error::one_line, reload::Reload};

/// Logs every phase change: as a warning when there is an error, as an error when the service has failed.
pub(crate) struct LifecycleLog;

impl Lifecycle for LifecycleLog {
    fn on_transition(&self, transition: &Transition) {
        let Transition { app, path, from, to, elapsed, failed_attempts, .. } = transition;
        match (path.is_empty(), to) {
            (true, Phase::Failed) => return error!(%app, %from, took = ?elapsed, "app failed"),
            (true, _) => return info!(%app, %from, took = ?elapsed, "app {to}"),
            _ => {}
        }
        let error = transition.error().map(|error| one_line(error));
        match (*to, error) {
            (Phase::Failed, error) => error!(service = %path, %from, error, "service failed"),
            (Phase::Restarting, error) => {
                warn!(service = %path, failed_attempts, error, "service failed and will restart");
            }
            (_, Some(error)) => warn!(service = %path, %from, took = ?elapsed, error, "service {to}"),
            (_, None) => info!(service = %path, %from, took = ?elapsed, "service {to}"),
        }
    }

    fn on_reload(&self, reload: Reload) {
        match reload {
            Reload::Requested => info!("reload requested"),
            Reload::Done => info!("reload done"),
        }
    }
}
