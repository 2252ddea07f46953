//! A program that was there before misc moves in as it is.

use misc::{
    App,
    scheduler::{
        tokio_cron::{Host, Jobs},
        tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError},
    },
    test::{Metrics, TestApp},
};

/// What the program had.
async fn add_jobs(sched: &JobScheduler) -> Result<(), JobSchedulerError> {
    sched.add(Job::new("* * * * * *", |_uuid, _l| work())?).await?;
    sched.add(Job::new_async("0 0 9 * * Mon", |_uuid, _l| Box::pin(async { work() }))?).await?;
    Ok(())
}

fn work() {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_tokio_cron_scheduler_move_in() {
    let metrics = Metrics::new();
    let host = Host::new(async |jobs: Jobs| add_jobs(&jobs).await);
    let app = TestApp::start(App::new("shop").meter(metrics.meter()).service("jobs", host)).await;
    metrics.until("scheduler_task_runs_total", &[("task", "* * * * * *"), ("outcome", "succeeded")], 1.0).await;
    app.stop().await.assert_clean().await;
}
