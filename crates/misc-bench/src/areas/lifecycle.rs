//! What a service costs to start and to stop: misc beside bare tasks, the limit, and tokio-graceful-shutdown.
//!
//! Each contender brings the same trivial services up, until the last is ready, and down, until the last has ended
//! and everything is freed. A case is a runtime and a number of services.
//!
//! - `bare-tasks`: a `TaskTracker`, one `CancellationToken`, and a counter as readiness.
//! - `misc-free`: an `App` whose services wait for nothing, `.after([])`: the same order as the others have.
//! - `misc-chain`: an `App` as it is by default: each service starts once the one before is ready, and stops before it.
//! - `graceful-shutdown`: tokio-graceful-shutdown, with the same counter as readiness.
//!
//! All numbers are for one service. `time` is `up` and `down` together; a sample repeats the services, 3 times when
//! there are 10,000 and 1,000 times when there is one, after a first time that does not count, and takes the mean.
//! `bytes` are held on the heap while all are up, as asked for (an allocator rounds up); `allocs` are allocations and
//! reallocations from start to end.

mod contender;
mod flavor;

use std::sync::Arc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::time::Instant;

use self::{contender::Contender as Runs, flavor::Flavor};
use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "lifecycle",
    contenders: &[
        Contender::new("bare-tasks", Role::Limit),
        Contender::new("misc-free", Role::Ours),
        Contender::new("misc-chain", Role::Ours),
        Contender::new("graceful-shutdown", Role::Peer),
    ],
    cases: &[
        "2-workers/1",
        "2-workers/100",
        "2-workers/1000",
        "2-workers/10000",
        "current-thread/1",
        "current-thread/100",
        "current-thread/1000",
        "current-thread/10000",
    ],
    speed: Probe {
        figures: &[Measure::lower("time", "us")],
        details: &[Measure::lower("up", "us"), Measure::lower("down", "us")],
        take: time,
    },
    weight: Some(Probe {
        figures: &[Measure::lower("bytes", "B"), Measure::lower("allocs", "count")],
        details: &[],
        take: weigh,
    }),
    work: Some(Work { operations: 20_000, run: work }),
    load: None,
};

/// How many services are up together while instructions are counted.
const AT_ONCE: u32 = 100;

/// Measures time, up and down.
fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (contender, (flavor, services)) = (contender.parse::<Runs>()?, parse_case(case)?);
    let (names, runtime) = (names(services), flavor.build()?);
    contender.run(&runtime, &names, || ())?;
    let repeats = (30_000 / services).clamp(3, 1_000);
    let (mut up, mut down) = (0.0, 0.0);
    for _ in 0..repeats {
        let start = Instant::now();
        let ready = contender.run(&runtime, &names, Instant::now)?;
        up += (ready - start).as_secs_f64();
        down += ready.elapsed().as_secs_f64();
    }
    let scale = 1e6 / f64::from(repeats * services);
    Ok(vec![(up + down) * scale, up * scale, down * scale])
}

/// Measures bytes and allocations.
fn weigh(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (contender, (flavor, services)) = (contender.parse::<Runs>()?, parse_case(case)?);
    let (names, runtime) = (names(services), flavor.build()?);
    // What the runtime and the libraries allocate once and keep is not the services'.
    contender.run(&runtime, &names, || ())?;
    let whole = Region::new(&INSTRUMENTED_SYSTEM);
    let up = Region::new(&INSTRUMENTED_SYSTEM);
    let up = contender.run(&runtime, &names, move || up.change())?;
    let whole = whole.change();
    let each = |count: usize| Ok::<_, Error>(f64::from(u32::try_from(count)?) / f64::from(services));
    let bytes = up.bytes_allocated.saturating_sub(up.bytes_deallocated);
    Ok(vec![each(bytes)?, each(whole.allocations + whole.reallocations)?])
}

fn work(contender: &str, operations: u32) -> Result<(), Error> {
    let (contender, names, runtime) = (contender.parse::<Runs>()?, names(AT_ONCE), Flavor::CurrentThread.build()?);
    for _ in 0..operations / AT_ONCE {
        contender.run(&runtime, &names, || ())?;
    }
    Ok(())
}

fn parse_case(case: &str) -> Result<(Flavor, u32), Error> {
    let (flavor, services) = case.split_once('/').ok_or("a case is a runtime and a number of services")?;
    Ok((flavor.parse()?, services.parse()?))
}

fn names(services: u32) -> Arc<[String]> {
    (0..services).map(|number| format!("service-{number}")).collect()
}
