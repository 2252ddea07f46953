//! What a service costs to start and to stop: misc beside bare tasks, the limit, and beside tokio-graceful-shutdown.
//!
//! ```sh
//! cargo bench -p misc-bench --bench lifecycle -- --rounds 15
//! ```
//!
//! Each contender brings the same trivial services up, until the last is ready, and down, until the last has ended
//! and everything is freed. `--rounds N` sets the number of rounds (15), `--services N` measures one count only.
//!
//! - `bare-tasks`: a `TaskTracker`, one `CancellationToken`, and a counter as readiness.
//! - `misc-free`: an `App` whose services wait for nothing, `.after([])`: the same order as the others have.
//! - `misc-chain`: an `App` as it is by default: each service starts once the one before is ready, and stops before it.
//! - `graceful-shutdown`: tokio-graceful-shutdown, with the same counter as readiness.
//!
//! Columns, all for one service:
//!
//! - `up+down us`, `up`, `down`: the median of the rounds, in microseconds. A round repeats the services, 3 times when
//!   there are 10,000 and 1,000 times when there is one, after a first time that does not count, and takes the mean.
//! - `ratio (q1-q3)`: `up+down` over that of the bare tasks in the same round; the median and the quartiles.
//! - `bytes`: held on the heap while all are up, as asked for (an allocator rounds up).
//! - `allocs`: allocations and reallocations from start to end.
//!
//! The contenders take turns, in another order each round, so that a slow moment of the machine strikes them alike.
//! Each turn is a process of its own, so that none runs on the heap that another has left in pieces. Nothing is
//! asserted. Bytes and allocations are counted by the binary `weigh`, so that counting costs the times nothing.

use std::{
    env,
    process::{Command, Output},
    str::FromStr,
    sync::Arc,
    thread,
};

use misc_bench::{Contender, Error, Flavor};
use tokio::time::Instant;

const COUNTS: &[usize] = &[1, 100, 1_000, 10_000];
const ROUNDS: usize = 15;
/// How this binary asks itself for one sample.
const SAMPLE: &str = "--sample";

#[expect(clippy::print_stdout, reason = "its output is its purpose")]
fn main() -> Result<(), Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [flag, contender, flavor, services] = &*arguments
        && flag == SAMPLE
    {
        let Sample { up, down } = Sample::take(contender.parse()?, flavor.parse()?, services.parse()?)?;
        println!("{up} {down}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    let cores = thread::available_parallelism()?;
    println!("command: {}", options.command());
    println!(
        "machine: {cores} cores, {} {}; {} rounds, alternating",
        env::consts::OS,
        env::consts::ARCH,
        options.rounds
    );
    for flavor in Flavor::ALL {
        println!("\n{HEADER}");
        for &services in &options.counts {
            for row in measure(flavor, services, options.rounds)? {
                println!("{row}");
            }
        }
    }
    Ok(())
}

/// What the command line asks for.
struct Options {
    rounds: usize,
    counts: Vec<usize>,
}

impl Options {
    fn parse(arguments: Vec<String>) -> Result<Self, Error> {
        let mut options = Self { rounds: ROUNDS, counts: COUNTS.to_vec() };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            let mut number = || arguments.next().and_then(|value| value.parse().ok()).filter(|number| *number > 0);
            match &*flag {
                // Cargo's own.
                "--bench" => {}
                "--rounds" => options.rounds = number().ok_or("`--rounds` needs a number")?,
                "--services" => options.counts = vec![number().ok_or("`--services` needs a number")?],
                _ => return Err(format!("`{flag}` is not known; there are `--rounds N` and `--services N`").into()),
            }
        }
        Ok(options)
    }

    fn command(&self) -> String {
        let services = if self.counts == COUNTS { String::new() } else { format!(" --services {}", self.counts[0]) };
        format!("cargo bench -p misc-bench --bench lifecycle -- --rounds {}{services}", self.rounds)
    }
}

const HEADER: &str =
    "runtime         services  contender          up+down us       up     down     ratio (q1-q3)        bytes  allocs";

/// Measures all contenders with so many services; returns one row for each.
fn measure(flavor: Flavor, services: usize, rounds: usize) -> Result<Vec<String>, Error> {
    let mut samples = Contender::ALL.map(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        for at in turns(round) {
            samples[at].push(Sample::take_elsewhere(Contender::ALL[at], flavor, services)?);
        }
    }
    let limit = &samples[0];
    let rows = Contender::ALL.into_iter().zip(&samples);
    rows.map(|(contender, samples)| {
        let weight = Weight::take(contender, flavor, services)?;
        Ok(row(flavor, services, contender, samples, limit, &weight))
    })
    .collect()
}

/// Returns the order of a round: each contender comes first, and last, equally often.
fn turns(round: usize) -> [usize; Contender::ALL.len()] {
    let count = Contender::ALL.len();
    let backwards = (round / count) % 2 == 1;
    std::array::from_fn(|turn| {
        let turn = if backwards { count - 1 - turn } else { turn };
        (round + turn) % count
    })
}

/// The microseconds of one service.
struct Sample {
    up: f64,
    down: f64,
}

impl Sample {
    fn take_elsewhere(contender: Contender, flavor: Flavor, services: usize) -> Result<Self, Error> {
        let binary = env::current_exe()?;
        let (up, down) = ask(Command::new(binary).arg(SAMPLE), contender, flavor, services)?;
        Ok(Self { up, down })
    }

    fn take(contender: Contender, flavor: Flavor, services: usize) -> Result<Self, Error> {
        let names: Arc<[String]> = (0..services).map(|number| format!("service-{number}")).collect();
        let runtime = flavor.build()?;
        contender.run(&runtime, &names, || ())?;
        let repeats = (30_000 / services).clamp(3, 1_000);
        let mut sample = Self { up: 0.0, down: 0.0 };
        for _ in 0..repeats {
            let start = Instant::now();
            let up = contender.run(&runtime, &names, Instant::now)?;
            sample.up += (up - start).as_secs_f64();
            sample.down += up.elapsed().as_secs_f64();
        }
        let scale = 1e6 / f64::from(u32::try_from(repeats * services)?);
        Ok(Self { up: sample.up * scale, down: sample.down * scale })
    }

    fn both(&self) -> f64 {
        self.up + self.down
    }
}

fn row(
    flavor: Flavor,
    services: usize,
    contender: Contender,
    samples: &[Sample],
    limit: &[Sample],
    weight: &Weight,
) -> String {
    let median = |part: fn(&Sample) -> f64| quartiles(samples.iter().map(part)).1;
    let (q1, ratio, q3) = quartiles(samples.iter().zip(limit).map(|(sample, limit)| sample.both() / limit.both()));
    let (both, up, down) = (median(Sample::both), median(|sample| sample.up), median(|sample| sample.down));
    let ratio = format!("{ratio:.2} ({q1:.2}-{q3:.2})");
    let Weight { bytes, allocations } = weight;
    format!(
        "{flavor:<15} {services:>8}  {contender:<17} {both:>11.2} {up:>8.2} {down:>8.2}  {ratio:<20} {bytes:>7.0} {allocations:>7.1}"
    )
}

/// Returns the first quartile, the median and the third quartile.
fn quartiles(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
    (at(1), at(2), at(3))
}

/// What one service takes of the heap.
struct Weight {
    bytes: f64,
    allocations: f64,
}

impl Weight {
    fn take(contender: Contender, flavor: Flavor, services: usize) -> Result<Self, Error> {
        let scales = &mut Command::new(env!("CARGO_BIN_EXE_weigh"));
        let (bytes, allocations): (f64, f64) = ask(scales, contender, flavor, services)?;
        let each = f64::from(u32::try_from(services)?);
        Ok(Self { bytes: bytes / each, allocations: allocations / each })
    }
}

/// Lets another process measure; it answers with two numbers.
fn ask<T: FromStr>(
    command: &mut Command,
    contender: Contender,
    flavor: Flavor,
    services: usize,
) -> Result<(T, T), Error> {
    let arguments = [contender.to_string(), flavor.to_string(), services.to_string()];
    let Output { stdout, stderr, .. } = command.args(arguments).output()?;
    let text = String::from_utf8(stdout)?;
    let numbers = text.trim().split_once(' ').and_then(|(one, two)| Some((one.parse().ok()?, two.parse().ok()?)));
    Ok(numbers.ok_or_else(|| String::from_utf8_lossy(&stderr).into_owned())?)
}
