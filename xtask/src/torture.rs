//! `cargo xtask torture`: faults, at random, in real processes on this machine; one line of counts at the end.
//!
//! A harness is a file in `torture/` and an entry of `HARNESSES`. It is bounded in time, ends what it has started and
//! nothing else, stays on the loopback device, and fails if a count is not zero that has to be.

#[cfg(unix)]
mod drain;
#[cfg(unix)]
mod restarts;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod slow;

use std::time::Duration;

use crate::{
    args::Args,
    failure::{Failure, Result},
    listing::Listing,
    random::Random,
    repo::Repo,
};

const DIR: &str = "xtask/src/torture";
/// For how long a harness goes on when nothing else is said.
const SECONDS: u64 = 30;

/// What a harness may do: for how long, and with which luck.
#[derive(Clone, Copy, Debug)]
struct Limits {
    time: Duration,
    seed: u64,
}

type Harness = fn(Limits) -> Result;

/// The harnesses by name.
const HARNESSES: &[(&str, Harness)] = &[
    #[cfg(unix)]
    ("drain", drain::run),
    #[cfg(unix)]
    ("restarts", restarts::run),
    #[cfg(unix)]
    ("signals", signals::run),
    #[cfg(unix)]
    ("slow", slow::run),
];

pub(crate) fn run(mut args: Args) -> Result {
    let (seconds, seed) = (args.number("--seconds")?, args.number("--seed")?);
    let name = args.next();
    args.finish()?;
    let listing = Listing::of_files(&Repo::read()?, "harness", DIR);
    let Some(name) = name else {
        listing.print();
        return Ok(());
    };
    let limits =
        Limits { time: Duration::from_secs(seconds.unwrap_or(SECONDS)), seed: seed.unwrap_or_else(Random::seed) };
    for entry in listing.choose(&name)? {
        let Some((_, harness)) = HARNESSES.iter().find(|(name, _)| *name == entry.name) else {
            return Err(Failure::check(format!("`{}` needs the signals of a Unix", entry.name)));
        };
        harness(limits)?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_harness_can_be_run() {
        for entry in Listing::of_files(&Repo::read().unwrap(), "harness", DIR).choose("all").unwrap() {
            assert!(HARNESSES.iter().any(|(name, _)| *name == entry.name), "{entry:?}");
        }
    }
}
