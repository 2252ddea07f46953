//! `cargo xtask torture`: faults, at random, in real processes on this machine; one line of counts at the end.
//!
//! A harness is a file in `torture/` and an entry of `HARNESSES`. It is bounded in time, ends what it has started and
//! nothing else, stays on the loopback device, and fails if a count is not zero that has to be.

#[cfg(unix)]
mod drain;
#[cfg(unix)]
mod queue;
#[cfg(unix)]
mod restarts;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod slow;

use std::{fmt, time::Duration};

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

/// What a harness may do: for how long, or how often and with how much, and with which luck.
#[derive(Clone, Copy, Debug)]
struct Limits {
    time: Duration,
    seed: u64,
    kills: Option<u64>,
    jobs: Option<u64>,
    backend: Option<Backend>,
}

impl Limits {
    fn take(args: &mut Args) -> Result<Self> {
        Ok(Self {
            time: Duration::from_secs(args.number("--seconds")?.unwrap_or(SECONDS)),
            seed: args.number("--seed")?.unwrap_or_else(Random::seed),
            kills: args.number("--kills")?,
            jobs: args.number("--jobs")?,
            backend: args.values("--backend")?.pop().map(|name| Backend::of(&name)).transpose()?,
        })
    }
}

/// Where a store is, for harnesses that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    fn of(name: &str) -> Result<Self> {
        match name {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(Failure::Usage(format!("there is no backend `{name}`; there are sqlite, postgres"))),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

type Harness = fn(Limits) -> Result;

/// The harnesses by name.
const HARNESSES: &[(&str, Harness)] = &[
    #[cfg(unix)]
    ("drain", drain::run),
    #[cfg(unix)]
    ("queue", queue::run),
    #[cfg(unix)]
    ("restarts", restarts::run),
    #[cfg(unix)]
    ("signals", signals::run),
    #[cfg(unix)]
    ("slow", slow::run),
];

pub(crate) fn run(mut args: Args) -> Result {
    let limits = Limits::take(&mut args)?;
    let name = args.next();
    args.finish()?;
    let listing = Listing::of_files(&Repo::read()?, "harness", DIR);
    let Some(name) = name else {
        listing.print();
        return Ok(());
    };
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
