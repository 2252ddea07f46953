//! tokio-cron-scheduler, whose times are whole seconds.

use std::{sync::Arc, time::SystemTime};

use tokio::time::{Duration, Instant};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{
    contender::Armed,
    log::{Log, When},
};
use crate::Error;

pub(super) async fn arm(log: &Arc<Log>, channels: usize) -> Result<Armed, Error> {
    let scheduler = JobScheduler::new_with_channel_size(channels).await?;
    scheduler.start().await?;
    let start = Instant::now();
    for job in 0..u32::try_from(log.jobs())? {
        scheduler.add(made(job, log)?).await?;
    }
    Ok(Armed::since(start, scheduler))
}

fn made(job: u32, log: &Arc<Log>) -> Result<Job, JobSchedulerError> {
    let (when, log) = (log.when(job), Arc::clone(log));
    let work = move |_, _| {
        let log = Arc::clone(&log);
        Box::pin(async move { log.begin(job) }) as std::pin::Pin<Box<_>>
    };
    match when {
        When::At(_, wall) => Job::new_one_shot_async(whole_seconds_until(wall), work),
        When::Every(period) => Job::new_repeated_async(period, work),
    }
}

/// It adds whole seconds to the second that it is: then it is the second of that time.
fn whole_seconds_until(wall: SystemTime) -> Duration {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Duration::from_secs(seconds(wall).saturating_sub(seconds(SystemTime::now())))
}
