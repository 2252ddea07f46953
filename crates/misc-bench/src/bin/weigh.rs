//! Weighs one contender: `weigh <contender> <runtime> <services>` prints the bytes that its services hold while they
//! are up, and the allocations they make from start to end.
//!
//! A process of its own, so that counting allocations costs the timed runs nothing, and one contender leaves nothing
//! behind for the next.

use std::{alloc::System, env, sync::Arc};

use misc_bench::{Contender, Error, Flavor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[expect(clippy::print_stdout, reason = "the bench reads it")]
fn main() -> Result<(), Error> {
    let [contender, flavor, services] = arguments()?;
    let (contender, flavor): (Contender, Flavor) = (contender.parse()?, flavor.parse()?);
    let names: Arc<[String]> = (0..services.parse()?).map(|number| format!("service-{number}")).collect();
    let runtime = flavor.build()?;
    // What the runtime and the libraries allocate once and keep is not the services'.
    contender.run(&runtime, &names, || ())?;

    let whole = Region::new(COUNTING);
    let up = Region::new(COUNTING);
    let up = contender.run(&runtime, &names, move || up.change())?;
    let whole = whole.change();
    println!("{} {}", up.bytes_allocated - up.bytes_deallocated, whole.allocations + whole.reallocations);
    Ok(())
}

fn arguments() -> Result<[String; 3], Error> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    arguments.try_into().map_err(|_| "usage: weigh <contender> <runtime> <services>".into())
}
