//! What it costs to have jobs done that are kept: misc-queue beside apalis, and beside the least that a store can do.
//!
//! - `sqlite/N`, `postgres/N`, `memory/N`: a worker does 20,000 jobs (200,000 in memory) of about 150 bytes with
//!   nothing to do in them, up to 64 at once, while N others wait behind them. `rate` is how many a second are begun,
//!   `cpu` the processor time of one in this process (what `PostgreSQL` takes is not in it). For more than 1,000, the
//!   same sample has measured at 1,000 before, and `scale` is the rate in per cent of that one: 100 if what waits costs
//!   nothing. `1000000` can be asked for as well: `misc-bench --sample queue misc sqlite/1000000` after `cargo xtask
//!   bench`.
//! - `sqlite/push`, `postgres/push`: 64 pushes are made at the same time, again and again for a second, each of them
//!   durable when it returns; `scale` is their rate in per cent of that of pushes made one by one, for a second as
//!   well.
//!
//! The contenders:
//!
//! - `bare`: a loop that claims 500 jobs in a transaction, does them, and ends them in another; `SKIP LOCKED` in
//!   `PostgreSQL`, `synchronous = FULL` in SQLite. It has no leases, no retries and no order but the oldest first. Its
//!   64 pushes at the same time are one transaction. In memory, a bounded channel and a task for each job.
//! - `apalis`: with 64 jobs a fetch, woken by what is pushed (an update hook, `NOTIFY`) as its READMEs show. That of
//!   SQLite runs with `synchronous = OFF` on one of its connections. A sample ends after 2 s, however few jobs it has
//!   done by then.
//! - `misc`: misc-queue with its defaults, for 64 jobs at once.
//!
//! The file of SQLite is beside this program, not in a directory that may be kept in memory. Without a `PostgreSQL` on
//! 127.0.0.1, or where `MISC_POSTGRES` says, its cases are left out; with one, each sample has a database of its own
//! there.

mod apalis;
mod bare;
mod log;
mod order;
mod ours;
mod site;
mod subject;

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};

pub(super) use self::{
    log::Log,
    order::Order,
    site::{Backend, Site},
    subject::{APALIS, MISC, Subject, open},
};
use crate::{Area, Contender, Error, Measure, Probe, Role, usage::processor_seconds};

pub(super) const AREA: Area = Area {
    name: "queue",
    contenders: &[
        Contender::new(subject::BARE, Role::Peer),
        Contender::new(APALIS, Role::Peer),
        Contender::new(MISC, Role::Ours),
    ],
    cases: &[
        "memory/100000",
        "sqlite/1000",
        "sqlite/100000",
        "sqlite/push",
        "postgres/1000",
        "postgres/100000",
        "postgres/push",
    ],
    speed: Probe {
        figures: &[Measure::higher("rate", "/s"), Measure::lower("cpu", "us")],
        details: &[Measure::higher("scale", "%")],
        take,
    },
    weight: None,
    work: None,
    load: None,
};

/// How many jobs run, or pushes are made, at the same time.
const CONCURRENCY: usize = 64;
/// How many jobs wait where nothing is to depend on it.
const FEW: u32 = 1_000;
/// How many jobs are measured, and for how long at most.
const MEASURED: u32 = 20_000;
const LONGEST: Duration = Duration::from_secs(2);
/// How many are stored at once before they are measured.
const FILL: usize = 10_000;
/// For how long pushes are made.
const PUSHES: Duration = Duration::from_secs(1);

fn take(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (backend, what) = case.split_once('/').ok_or("a case is a backend and what is measured there")?;
    let backend = Backend::parse(backend)?;
    Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let Some(site) = Site::open(backend).await? else { return Ok(Vec::new()) };
        let taken = match what {
            "push" => pushes(contender, &site).await,
            waiting => work(contender, &site, waiting.parse()?).await,
        };
        site.remove().await?;
        taken
    })
}

async fn work(contender: &str, site: &Site, waiting: u32) -> Result<Vec<f64>, Error> {
    let few = if waiting > FEW { Some(rate_at(contender, site, FEW).await?) } else { None };
    let many = rate_at(contender, &site.another(), waiting).await?;
    Ok(vec![many.rate, many.cpu, few.map_or(100.0, |few| many.rate / few.rate * 100.0)])
}

struct Rate {
    rate: f64,
    cpu: f64,
}

/// Lets a worker do jobs with others waiting behind them.
async fn rate_at(contender: &str, site: &Site, waiting: u32) -> Result<Rate, Error> {
    let measured = if site.backend == Backend::Memory { MEASURED * 10 } else { MEASURED };
    let subject = open(contender, site, measured + waiting).await?;
    let orders: Vec<_> = (0..measured + waiting).map(Order::new).collect();
    for orders in orders.chunks(FILL) {
        subject.fill(orders.to_vec()).await?;
    }
    site.settle().await?;
    let log = Arc::new(Log::new(measured));
    let before = processor_seconds()?;
    let start = Instant::now();
    let working = subject.work(&log).await?;
    while log.count() < measured && start.elapsed() < LONGEST {
        sleep(Duration::from_millis(2)).await;
    }
    let used = processor_seconds()? - before;
    let (count, took) = log.first_to_last();
    drop(working);
    Ok(Rate { rate: f64::from(count) / took.as_secs_f64(), cpu: used * 1e6 / f64::from(count) })
}

async fn pushes(contender: &str, site: &Site) -> Result<Vec<f64>, Error> {
    let subject = open(contender, site, 0).await?;
    let one = pushed(&*subject, 1).await?;
    let before = processor_seconds()?;
    let together = pushed(&*subject, CONCURRENCY).await?;
    let cpu = (processor_seconds()? - before) * 1e6 / (together * PUSHES.as_secs_f64());
    Ok(vec![together, cpu, together / one * 100.0])
}

/// Makes pushes for a while, so many at a time; returns how many there were each second.
async fn pushed(subject: &dyn Subject, together: usize) -> Result<f64, Error> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < PUSHES {
        let orders = (0..u32::try_from(together)?).map(|number| Order::new(count + number));
        subject.push_together(orders.collect()).await?;
        count += u32::try_from(together)?;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
