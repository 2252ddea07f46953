//! The jobs of a program that knew nothing of misc: not a line of this was written for it.

use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tracing::info;

/// Adds the jobs to a scheduler, whoever has made it and starts it.
pub(crate) async fn add_all(sched: &JobScheduler) -> Result<(), JobSchedulerError> {
    sched.add(Job::new("* * * * * *", |_uuid, _lock| info!("a tick each second"))?).await?;
    sched
        .add(Job::new_async("0 0 3 * * *", |uuid, mut lock| {
            Box::pin(async move {
                let next = lock.next_tick_for_job(uuid).await;
                info!(?next, "cleaned up, at three in the morning");
            })
        })?)
        .await?;
    sched
        .add(Job::new_repeated_async(Duration::from_secs(2), |_uuid, _lock| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                info!("synchronised, every two seconds");
            })
        })?)
        .await?;
    Ok(())
}
