//! Weighs one contender: `weigh <AREA> <CONTENDER> <CASE>` prints what the area counts on the heap.
//!
//! A process of its own, so that counting allocations costs the timed runs nothing, and one contender leaves nothing
//! behind for the next.

use std::{alloc::System, env};

use misc_bench::{Error, area};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[expect(clippy::print_stdout, reason = "the bench reads it")]
fn main() -> Result<(), Error> {
    let [name, contender, case] = arguments()?;
    let weight = area(&name)?.weight.as_ref().ok_or("this area has nothing to weigh")?;
    let numbers: Vec<_> = (weight.take)(&contender, &case)?.iter().map(f64::to_string).collect();
    println!("{}", numbers.join(" "));
    Ok(())
}

fn arguments() -> Result<[String; 3], Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    arguments.try_into().map_err(|_| "usage: weigh <AREA> <CONTENDER> <CASE>".into())
}
