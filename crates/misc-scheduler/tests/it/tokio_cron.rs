//! A scheduler of tokio-cron-scheduler as a service. It knows the real clock only, and whole seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError, spec};
use misc_scheduler::tokio_cron::{Host, Jobs};
use misc_test::{Metrics, TestApp};
use tokio::{sync::Notify, time::Instant};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::subject::{MS, SECS};

const EVERY_SECOND: &str = "* * * * * *";

/// Counts runs, each of which takes a time.
#[derive(Clone, Default)]
struct Runs {
    takes: Duration,
    began: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    changed: Arc<Notify>,
}

impl Runs {
    fn taking(takes: Duration) -> Self {
        Self { takes, ..Self::default() }
    }

    async fn run(self) {
        self.began.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
        tokio::time::sleep(self.takes).await;
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    fn job(&self, schedule: &str) -> Result<Job, JobSchedulerError> {
        let runs = self.clone();
        Job::new_async(schedule, move |_, _| Box::pin(runs.clone().run()))
    }

    fn once(&self, after: Duration) -> Result<Job, JobSchedulerError> {
        let runs = self.clone();
        Job::new_one_shot_async(after, move |_, _| Box::pin(runs.clone().run()))
    }

    /// A host whose one job this is.
    fn host(&self) -> Host {
        let runs = self.clone();
        Host::new(move |jobs: Jobs| {
            let runs = runs.clone();
            async move { jobs.add(runs.job(EVERY_SECOND)?).await.map(drop) }
        })
    }

    fn counts(&self) -> (usize, usize) {
        (self.began.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst))
    }

    async fn until(&self, is_so: impl Fn(usize, usize) -> bool) {
        let wait = async {
            while !{
                let (began, ended) = self.counts();
                is_so(began, ended)
            } {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(SECS(10), wait).await.expect("it runs in time");
    }
}

fn shop(metrics: &Metrics, host: Host) -> App {
    App::new("shop").meter(metrics.meter()).service("jobs", host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_run_as_they_did() {
    let (runs, metrics) = (Runs::default(), Metrics::new());
    let app = TestApp::start(shop(&metrics, runs.host())).await;
    let labels = [("service", "jobs"), ("task", EVERY_SECOND), ("outcome", "succeeded")];
    metrics.until("scheduler_task_runs_total", &labels, 2.0).await;
    app.stop().await.assert_clean().await;
    let count = metrics.values("scheduler_task_duration_seconds", &[("task", EVERY_SECOND)]).len();
    assert_eq!(runs.counts(), (count, count));
    metrics.assert_metric("scheduler_active_runs", &[("task", EVERY_SECOND)], 0.0);
}

#[tokio::test]
async fn one_thread_is_enough() {
    let runs = Runs::default();
    let app = TestApp::service(runs.host()).await;
    runs.until(|began, _| began >= 1).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_what_runs_and_starts_nothing_more() {
    let runs = Runs::taking(MS(2_500));
    let app = TestApp::service(runs.host()).await;
    runs.until(|began, _| began >= 1).await;
    let (asked, (began, _)) = (Instant::now(), runs.counts());
    let ended = app.stop().await;
    assert!(asked.elapsed() > MS(1_400), "{:?}", asked.elapsed());
    assert_eq!(runs.counts(), (began, began));
    ended.assert_clean().await;
    assert_eq!(runs.counts(), (began, began));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_does_not_end_makes_the_service_late() {
    let runs = Runs::taking(SECS(4));
    let app = TestApp::start(App::new("shop").service("jobs", spec(runs.host()).stop_within(MS(300)))).await;
    runs.until(|began, _| began >= 1).await;
    let ended = app.stop().await;
    assert_eq!(ended.exit_code(), 70);
    runs.until(|began, ended| began == ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_that_are_due_together_is_lost() {
    const JOBS: usize = 1_000;
    let runs = Runs::default();
    let many = runs.clone();
    let host = Host::new(move |jobs: Jobs| {
        let many = many.clone();
        async move {
            for _ in 0..JOBS {
                jobs.add(many.once(SECS(2))?).await?;
            }
            Ok::<_, BoxError>(())
        }
    });
    let app = TestApp::service(host.capacity(JOBS)).await;
    runs.until(|_, ended| ended == JOBS).await;
    app.stop().await.assert_clean().await;
    assert_eq!(runs.counts(), (JOBS, JOBS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_jobs_than_there_is_room_for_are_refused() {
    let host = Host::new(async |jobs: Jobs| {
        for _ in 0..3 {
            jobs.add(Job::new(EVERY_SECOND, |_, _| ())?).await?;
        }
        Ok::<_, BoxError>(())
    });
    let ended = TestApp::launch(App::new("shop").service("jobs", host.capacity(2))).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains("there are 3 jobs, and channels for 2; raise `Host::capacity`"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_are_counted_and_make_it_unhealthy() {
    let metrics = Metrics::new();
    let host = Host::new(async |jobs: Jobs| {
        let late = Job::new_async(EVERY_SECOND, |_, _| {
            Box::pin(async {
                tokio::task::yield_now().await;
                panic!("an async job")
            })
        })?;
        jobs.name(jobs.add(late).await?, "late");
        let soon = Job::new_async(EVERY_SECOND, |_, _| Box::pin(async { panic!("an async job, at once") }))?;
        jobs.name(jobs.add(soon).await?, "soon");
        let blocking = Job::new(EVERY_SECOND, |_, _| panic!("a job that is not async"))?;
        jobs.name(jobs.add(blocking).await?, "blocking");
        Ok::<_, BoxError>(())
    });
    let healthy = host.healthy();
    let app = TestApp::start(shop(&metrics, host)).await;
    healthy().await.unwrap();
    for (task, outcome, count) in [
        ("late", "panicked", 3.0),
        ("soon", "panicked", 3.0),
        ("blocking", "panicked", 1.0),
        ("blocking", "failed", 2.0),
    ] {
        metrics.until("scheduler_task_runs_total", &[("task", task), ("outcome", outcome)], count).await;
    }
    assert_eq!(metrics.value("scheduler_task_runs_total", &[("outcome", "succeeded")]), None);
    let unhealthy = healthy().await.unwrap_err();
    assert_eq!(unhealthy.tasks().count(), 3, "{unhealthy}");
    app.stop().await.assert_clean().await;
    assert_eq!(healthy().await.unwrap_err().to_string(), "the scheduler is not running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_has_the_jobs() {
    let runs = Runs::default();
    let job = runs.clone();
    let host = Host::new(move |jobs: Jobs| {
        let job = job.clone();
        async move {
            jobs.name(jobs.add(job.job("0 0 9 * * Mon")?).await?, "weekly");
            jobs.add(job.once(SECS(3600))?).await?;
            let beat = Job::new_repeated_async(SECS(90), |_, _| Box::pin(async {}))?;
            jobs.add(beat).await?;
            Ok::<_, BoxError>(())
        }
    });
    let (app, listed) = (TestApp::service(host.clone()).await, host.list());
    let shown: Vec<_> = listed.iter().map(|job| (&*job.name, &*job.trigger)).collect();
    assert_eq!(shown, [("every 1m 30s", "every 1m 30s"), ("once", "once"), ("weekly", "0 0 9 * * 1")]);
    assert!(listed.iter().all(|job| job.next > Some(std::time::SystemTime::now())));
    let status = serde_json::to_value(app.handle().status()).unwrap();
    assert_eq!(status["children"][0]["inspected"][0]["value"][2]["name"], "weekly");
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_run_once_is_forgotten() {
    let runs = Runs::default();
    let job = runs.clone();
    let host = Host::new(move |jobs: Jobs| {
        let job = job.clone();
        async move { jobs.add(job.once(SECS(1))?).await.map(drop) }
    });
    let app = TestApp::service(host.clone()).await;
    assert_eq!(host.list().len(), 1);
    runs.until(|_, ended| ended == 1).await;
    let forgotten = async {
        while !host.list().is_empty() {
            tokio::time::sleep(MS(10)).await;
        }
    };
    tokio::time::timeout(SECS(10), forgotten).await.expect("it is forgotten");
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_makes_a_new_scheduler() {
    let runs = Runs::default();
    let host = runs.host();
    let app = App::new("shop").service("jobs", spec(host).restart(misc_core::Restart::default()));
    let app = TestApp::start(app).await;
    runs.until(|began, _| began >= 1).await;
    app.handle().restart("jobs").await.unwrap();
    let (began, _) = runs.counts();
    runs.until(|now, _| now > began).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_may_shut_the_scheduler_down() {
    let host = Host::new(async |jobs: Jobs| {
        let last = Job::new_async(EVERY_SECOND, |_, mut scheduler| {
            Box::pin(async move { scheduler.shutdown().await.unwrap() })
        })?;
        jobs.add(last).await.map(drop)
    });
    let app = TestApp::service(host).await;
    app.phases().until("service stopped").await;
    app.ended().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_is_made_and_started_elsewhere_moves_in() {
    async fn existing(runs: Runs) -> Result<JobScheduler, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        scheduler.add(runs.job(EVERY_SECOND)?).await?;
        scheduler.start().await?;
        Ok(scheduler)
    }
    let (runs, metrics) = (Runs::default(), Metrics::new());
    let job = runs.clone();
    let host = Host::new(async |_| Ok::<_, BoxError>(())).scheduler(move || existing(job.clone()));
    let app = TestApp::start(shop(&metrics, host)).await;
    metrics.until("scheduler_task_runs_total", &[("task", EVERY_SECOND), ("outcome", "succeeded")], 1.0).await;
    app.stop().await.assert_clean().await;
}
