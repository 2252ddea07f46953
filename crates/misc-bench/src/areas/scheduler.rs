//! What it costs to have things done in time: misc-scheduler beside tokio-cron-scheduler, a heap, and a task for each job.
//!
//! A sample adds so many jobs to a scheduler that runs, on two workers, and lets their time come. Each job notes when it
//! began, and has nothing else to do.
//!
//! - `herd/N`: all are due once, at the same whole second of the wall clock.
//! - `spread/100000`: each is due once, all evenly over 5 s.
//! - `idle/100000`: none is due today.
//! - `busy/1000`: each is due every 100 ms for 10 s, while another thread keeps one core busy.
//!
//! The contenders:
//!
//! - `heap`: one task with a `BinaryHeap` of boxed closures, which spawns what is due: the limit.
//! - `task-each`: a task for each job, which sleeps.
//! - `misc`: misc-scheduler, without a meter.
//! - `tokio-cron`: tokio-cron-scheduler as it is by default.
//! - `tokio-cron-wide`: the same with channels of 262,144.
//!
//! `cpu` is the processor time of one firing, or in `idle` of one second: 100 us are 0.01 % of a core. `p99` is by how much
//! 99 of 100 firings are late at most, `last` the latest one: in a herd, after how long all have begun. `add` is the time of
//! adding one job, its name included, `fired` the share of what was due, more than 100 if some came twice, and `early` how
//! early the earliest was. `bytes` are on the heap for an armed job. Instructions are those of adding a job and firing it.

mod contender;
mod cron;
mod heap;
mod log;
mod ours;

use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep, sleep_until},
};

use self::{
    contender::arm,
    log::{Late, Log, Plan},
};
use crate::{Area, Contender, Error, Measure, Probe, Role, Work, usage::processor_seconds};

pub(super) const AREA: Area = Area {
    name: "scheduler",
    contenders: &[
        Contender::new(contender::HEAP, Role::Limit),
        Contender::new(contender::TASK_EACH, Role::Peer),
        Contender::new(contender::MISC, Role::Ours),
        Contender::new(contender::TOKIO_CRON, Role::Peer),
        Contender::new(contender::TOKIO_CRON_WIDE, Role::Peer),
    ],
    cases: &["herd/1000", "herd/10000", "spread/100000", "idle/100000", "busy/1000"],
    speed: Probe {
        figures: &[Measure::lower("cpu", "us"), Measure::lower("p99", "ms"), Measure::lower("last", "ms")],
        details: &[Measure::lower("add", "us"), Measure::higher("fired", "%"), Measure::lower("early", "ms")],
        take,
    },
    weight: Some(Probe { figures: &[Measure::lower("bytes", "B")], details: &[], take: weigh }),
    work: Some(Work { operations: 5_000, run: work }),
    load: None,
};

/// How long jobs are due for, when not all at once.
const SPREAD: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_millis(100);
const PERIODS: u32 = 100;
const DAY: Duration = Duration::from_secs(86_400);

fn take(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (kind, jobs) = parse(case)?;
    runtime()?.block_on(async {
        match kind {
            "herd" => once(contender, &herd(jobs)).await,
            "spread" => once(contender, &spread(jobs)).await,
            "idle" => idle(contender, jobs).await,
            "busy" => busy(contender, jobs).await,
            _ => Err("a case is a kind of load and a number of jobs".into()),
        }
    })
}

fn weigh(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (_, jobs) = parse(case)?;
    runtime()?.block_on(async {
        // What it allocates once and keeps is not the jobs'.
        let first = arm(contender, &Arc::new(Log::new(&far(1)))).await?;
        let log = Arc::new(Log::new(&far(jobs)));
        let before = Region::new(&INSTRUMENTED_SYSTEM);
        let armed = arm(contender, &log).await?;
        // What adding it has left for other tasks to do is done.
        sleep(Duration::from_millis(500)).await;
        let held = before.change();
        drop((first, armed));
        let bytes = held.bytes_allocated.saturating_sub(held.bytes_deallocated);
        Ok(vec![f64::from(u32::try_from(bytes)?) / f64::from(jobs)])
    })
}

/// Adds jobs that are all due at once, and lets that time come; on one thread.
fn work(contender: &str, operations: u32) -> Result<(), Error> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Under valgrind, adding them takes a while.
        let plan = Plan::once(operations, after_whole_second(Duration::from_secs(12)), Duration::ZERO);
        let log = Arc::new(Log::new(&plan));
        let armed = arm(contender, &log).await?;
        let end = plan.last() + Duration::from_secs(5);
        while log.count() < plan.jobs() && Instant::now() < end {
            sleep(Duration::from_millis(200)).await;
        }
        drop(armed.keep);
        Ok(())
    })
}

/// Measures jobs that are due once, from a moment before the first to the end of the last.
async fn once(contender: &str, plan: &Plan) -> Result<Vec<f64>, Error> {
    let log = Arc::new(Log::new(plan));
    let armed = arm(contender, &log).await?;
    sleep_until(plan.first().checked_sub(Duration::from_millis(200)).ok_or("the clock has just begun")?).await;
    let before = processor_seconds()?;
    // tokio-cron-scheduler may be half a second late, and needs a while for what is due.
    let end = plan.last() + Duration::from_secs(2);
    while log.count() < plan.jobs() && Instant::now() < end {
        sleep(Duration::from_millis(10)).await;
    }
    let used = processor_seconds()? - before;
    drop(armed.keep);
    Ok(numbers(used * 1e6 / log.count() as f64, armed.add, &log, plan.jobs() as f64))
}

async fn idle(contender: &str, jobs: u32) -> Result<Vec<f64>, Error> {
    let log = Arc::new(Log::new(&far(jobs)));
    let armed = arm(contender, &log).await?;
    sleep(Duration::from_secs(2)).await;
    let before = processor_seconds()?;
    sleep(IDLE).await;
    let used = (processor_seconds()? - before) / IDLE.as_secs_f64();
    drop(armed.keep);
    Ok(numbers(used * 1e6, armed.add, &log, 0.0))
}

async fn busy(contender: &str, jobs: u32) -> Result<Vec<f64>, Error> {
    let plan = Plan::every(jobs, PERIOD, PERIODS);
    let log = Arc::new(Log::new(&plan));
    let before = processor_seconds()?;
    let done = Arc::new(AtomicBool::new(false));
    let busy = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                spin_loop();
            }
        })
    };
    let armed = arm(contender, &log).await?;
    // Until half a period after the last one that is due.
    sleep_until(armed.since + PERIOD * PERIODS + PERIOD / 2).await;
    log.close();
    done.store(true, Ordering::Relaxed);
    drop(busy.join());
    let used = processor_seconds()? - before;
    drop(armed.keep);
    Ok(numbers(used * 1e6 / log.count() as f64, armed.add, &log, f64::from(jobs * PERIODS)))
}

fn numbers(cpu: f64, add: Duration, log: &Log, due: f64) -> Vec<f64> {
    let Late { p99, last, early } = log.late();
    let add = add.as_secs_f64() * 1e6 / log.jobs() as f64;
    let fired = if due == 0.0 { 100.0 } else { log.count() as f64 * 100.0 / due };
    vec![cpu, p99, last, add, fired, early]
}

/// All at once, at a whole second that leaves time to add them.
fn herd(jobs: u32) -> Plan {
    Plan::once(jobs, after_whole_second(Duration::from_secs(4)), Duration::ZERO)
}

fn spread(jobs: u32) -> Plan {
    Plan::once(jobs, after_whole_second(Duration::from_secs(6)), SPREAD)
}

fn far(jobs: u32) -> Plan {
    Plan::once(jobs, after_whole_second(DAY), Duration::ZERO)
}

/// Returns how long it is to the last whole second of the wall clock that is at most so far away.
fn after_whole_second(time: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    time - Duration::from_nanos(now.subsec_nanos().into())
}

fn runtime() -> Result<Runtime, Error> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn parse(case: &str) -> Result<(&str, u32), Error> {
    let (kind, jobs) = case.split_once('/').ok_or("a case is a kind of load and a number of jobs")?;
    Ok((kind, jobs.parse()?))
}
