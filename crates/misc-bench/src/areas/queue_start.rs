//! How soon a job begins that an idle worker is told of, and what it costs to be idle.
//!
//! In each sample a worker for 64 jobs at once is idle for 5 s, and then 200 jobs, or as many as 10 s are enough for,
//! are pushed one by one, 20 ms after the one before has begun. `p50` and `p99` are the times from before the push,
//! which is durable when it returns, to the beginning of the job; `push` is the median of the push alone. `idle` is the
//! processor time of the idle worker in per cent of one core.
//!
//! - `sqlite`, `postgres`: they are pushed by the process of the worker.
//! - `sqlite/across`, `postgres/across`: through a store that knows nothing of that of the worker, as other processes
//!   do.
//!
//! `misc` has its defaults. `apalis` is woken by what is pushed, as in area `queue`; as the first examples of its
//! READMEs have it, without that, it looks for jobs every 30 s.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};

use super::queue::{APALIS, Backend, Log, MISC, Order, Site, Subject, open};
use crate::{Area, Contender, Error, Measure, Probe, Role, usage::processor_seconds};

pub(super) const AREA: Area = Area {
    name: "queue-start",
    contenders: &[Contender::new(APALIS, Role::Peer), Contender::new(MISC, Role::Ours)],
    cases: &["sqlite", "sqlite/across", "postgres", "postgres/across"],
    speed: Probe {
        figures: &[Measure::lower("p99", "ms"), Measure::lower("idle", "%")],
        details: &[Measure::lower("p50", "ms"), Measure::lower("last", "ms"), Measure::lower("push", "ms")],
        take,
    },
    weight: None,
    work: None,
    load: None,
};

const JOBS: u32 = 200;
const IDLE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_millis(20);
/// No job takes longer to begin.
const PATIENCE: Duration = Duration::from_secs(60);

fn take(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (backend, from) = case.split_once('/').unwrap_or((case, ""));
    let backend = Backend::parse(backend)?;
    Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let Some(site) = Site::open(backend).await? else { return Ok(Vec::new()) };
        let worker = open(contender, &site, JOBS).await?;
        let taken = if from == "across" {
            let other = open(contender, &site, JOBS).await?;
            measure(&*worker, &*other).await
        } else {
            measure(&*worker, &*worker).await
        };
        site.remove().await?;
        taken
    })
}

async fn measure(worker: &dyn Subject, pusher: &dyn Subject) -> Result<Vec<f64>, Error> {
    let log = Arc::new(Log::new(JOBS));
    let working = worker.work(&log).await?;
    // What it has to do once it has started is done.
    sleep(Duration::from_secs(1)).await;
    let before = processor_seconds()?;
    sleep(IDLE).await;
    let idle = (processor_seconds()? - before) / IDLE.as_secs_f64() * 100.0;
    let (mut pushes, mut waits, since) = (Vec::new(), Vec::new(), Instant::now());
    for number in 0..JOBS {
        if since.elapsed() > LONGEST {
            break;
        }
        let start = Instant::now();
        pusher.push(Order::new(number)).await?;
        pushes.push(start.elapsed().as_secs_f64() * 1e3);
        waits.push(begun(&log, number, start).await?.as_secs_f64() * 1e3);
        sleep(PERIOD).await;
    }
    drop(working);
    Ok(vec![at(99, &mut waits), idle, at(50, &mut waits), at(100, &mut waits), at(50, &mut pushes)])
}

/// Returns the number that so many per cent of all are below; there is one at least.
fn at(percent: usize, numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[(numbers.len() * percent / 100).min(numbers.len() - 1)]
}

/// Waits until a job has begun; returns after which time it did.
async fn begun(log: &Log, number: u32, start: Instant) -> Result<Duration, Error> {
    loop {
        if let Some(begun) = log.begun(number) {
            return Ok(begun.saturating_duration_since(start));
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("a job has not begun after {PATIENCE:?}").into());
        }
        sleep(Duration::from_millis(1)).await;
    }
}
