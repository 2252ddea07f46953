//! Those who have jobs done in time.

use std::{any::Any, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{cron, heap, log::Log, ours};
use crate::Error;

pub(super) const HEAP: &str = "heap";
pub(super) const TASK_EACH: &str = "task-each";
pub(super) const MISC: &str = "misc";
pub(super) const TOKIO_CRON: &str = "tokio-cron";
pub(super) const TOKIO_CRON_WIDE: &str = "tokio-cron-wide";

/// A scheduler with its jobs.
pub(super) struct Armed {
    /// Since when it has all of them.
    pub(super) since: Instant,
    /// How long it took to add them.
    pub(super) add: Duration,
    /// Jobs are done for as long as it is there.
    pub(super) keep: Box<dyn Any + Send>,
}

impl Armed {
    pub(super) fn since(start: Instant, keep: impl Any + Send) -> Self {
        let since = Instant::now();
        Self { since, add: since - start, keep: Box::new(keep) }
    }
}

/// Starts a scheduler, and adds the jobs of the log.
pub(super) async fn arm(contender: &str, log: &Arc<Log>) -> Result<Armed, Error> {
    match contender {
        HEAP => Ok(heap::arm(log)),
        TASK_EACH => Ok(heap::arm_tasks(log)),
        MISC => ours::arm(log).await,
        TOKIO_CRON => cron::arm(log, 200).await,
        TOKIO_CRON_WIDE => cron::arm(log, 262_144).await,
        _ => Err(format!("there is no contender `{contender}`").into()),
    }
}
