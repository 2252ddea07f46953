//! Which jobs come and go.

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_cron_scheduler::{JobScheduler, JobSchedulerError, job::JobId};

/// Tells of jobs that are added and removed from now on.
pub(super) struct Changes {
    added: Receiver<Told>,
    removed: Receiver<Told>,
}

type Told = Result<JobId, (JobSchedulerError, Option<JobId>)>;

pub(super) enum Change {
    Added,
    Removed(JobId),
}

impl Changes {
    pub(super) fn of(scheduler: &JobScheduler) -> Self {
        let channels = &scheduler.context;
        Self { added: channels.job_created_tx.subscribe(), removed: channels.job_deleted_tx.subscribe() }
    }

    /// Waits for the next one. Those that come too fast to be followed are passed over.
    pub(super) async fn next(&mut self) -> Change {
        loop {
            let (told, is_added) = tokio::select! {
                told = self.added.recv() => (told, true),
                told = self.removed.recv() => (told, false),
            };
            match told {
                Ok(Ok(_)) if is_added => return Change::Added,
                Ok(Ok(job)) => return Change::Removed(job),
                Ok(Err(_)) | Err(RecvError::Lagged(_)) => {}
                // Cannot be while the scheduler is there, which the session holds.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
