//! A process that dies.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use misc_core::{App, BoxError, Context};
use misc_queue::{Config, Job, JobId, JobStatus, Queue, Reason, State, Store};
use misc_test::TestApp;
use tokio::time::{sleep, timeout};

use crate::place::{Number, PATIENCE, Place, run};

/// Tells a run of this test that it is the process which dies, and where the store is.
const VICTIM: &str = "MISC_QUEUE_VICTIM";
/// The job that kills its process, and how many others run beside it.
const KILLER: u64 = 0;
const INNOCENT: u64 = 16;
/// The job that takes longer than a lease.
const LONG: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buries_the_job_that_kills_its_process_and_does_the_others() {
    if let Ok(url) = env::var(VICTIM) {
        return work(url).await;
    }
    let place = Place::sqlite();
    let url = place.url();
    let store = Store::new(settings(url.clone()));
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |ctx: Context| {
        let jobs = numbers.push_all((0..=INNOCENT).map(Number)).await?;
        let processes = ctx.spawn(async move {
            let mut deaths = 0;
            loop {
                let mut victim =
                    Victim::start("crashes::buries_the_job_that_kills_its_process_and_does_the_others", &url);
                if !victim.dies().await {
                    return (deaths, victim);
                }
                deaths += 1;
            }
        });
        let killer = numbers.wait(jobs[0].id).await?.ok_or("it is kept")?;
        assert_eq!((killer.state, killer.reason, killer.crashes), (State::Dead, Some(Reason::Poison), 3), "{killer:?}");
        for job in &jobs[1..] {
            // They come one after the other, and each as soon as the one before is done.
            let job = timeout(Duration::from_secs(4), numbers.wait(job.id)).await??.ok_or("it is kept")?;
            assert_eq!((job.state, job.crashes <= 1), (State::Completed, true), "{job:?}");
        }
        let (deaths, victim) = processes.await?;
        assert_eq!(deaths, 3);
        drop(victim);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_no_result_of_a_run_whose_lease_was_lost() {
    if let Ok(url) = env::var(VICTIM) {
        return work(url).await;
    }
    let place = Place::sqlite();
    let url = place.url();
    let store = Store::new(settings(url.clone()));
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |_| {
        let long = numbers.push(Number(LONG)).await?.id;
        let victim = Victim::start("crashes::takes_no_result_of_a_run_whose_lease_was_lost", &url);
        until(&numbers, long, |job| job.state == State::Running).await?;
        victim.signal("-STOP");
        until(&numbers, long, |job| job.state == State::Available && job.crashes == 1).await?;
        let lost = SystemTime::now();
        victim.signal("-CONT");
        // The process goes on with another session, and does it again beside the run that is still there.
        let job = numbers.wait(long).await?.ok_or("it is kept")?;
        assert_eq!((job.state, job.attempt, job.crashes), (State::Completed, 1, 1), "{job:?}");
        let (begun, over) = (job.started_at.ok_or("it was begun")?, job.finished_at.ok_or("it is over")?);
        assert!(begun >= lost && over.duration_since(begun)? >= Duration::from_secs(3), "{job:?}");
        let other = numbers.push(Number(1)).await?.id;
        assert_eq!(numbers.wait(other).await?.ok_or("it is kept")?.state, State::Completed);
        Ok(())
    })
    .await;
}

async fn until(numbers: &Queue<Number>, id: JobId, is_so: impl Fn(&JobStatus) -> bool) -> Result<(), BoxError> {
    while !numbers.status(id).await?.is_some_and(|job| is_so(&job)) {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn settings(url: String) -> Config {
    let mut config = Config::from(url);
    config.lease = Duration::from_secs(1);
    config
}

async fn work(url: String) {
    let handler = async |job: Job<Number>| {
        sleep(Duration::from_millis(50)).await;
        if job.0 == KILLER {
            std::process::abort();
        }
        sleep(Duration::from_millis(if job.0 == LONG { 3_000 } else { 50 })).await;
        Ok::<_, BoxError>(())
    };
    let (_, worker) = misc_queue::open(settings(url)).concurrency(20).handler(handler);
    let _app = TestApp::start(App::new("victim").service("worker", worker)).await;
    std::future::pending::<()>().await;
}

/// A process of this program; it is killed with this.
struct Victim(Child);

impl Victim {
    fn start(test: &str, url: &str) -> Self {
        let mut command = Command::new(env::current_exe().expect("the path of this test"));
        command.args(["--exact", test]).env(VICTIM, url).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a process"))
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()), "it takes {signal}");
    }

    /// Returns whether it dies before its lease would have been over several times.
    async fn dies(&mut self) -> bool {
        let dead = async {
            while self.0.try_wait().expect("a process that was started").is_none() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE / 6, dead).await.is_ok()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
