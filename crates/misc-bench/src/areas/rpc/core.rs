//! The cores of the two sides, one each: where the kernel may let them share one, it is chance whether it does.

use std::{fmt, str::FromStr};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Error;

/// A core of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Core(usize);

impl Core {
    /// Returns one for the server and one for the callers; they are the same if there is no other.
    pub(super) fn two() -> Result<[Self; 2], Error> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let first = cores.next().ok_or("there is no core")?;
        Ok([Self(first), Self(cores.next().unwrap_or(first))])
    }

    /// Keeps this thread, and those that it starts, on the core.
    pub(super) fn keep(self) -> Result<(), Error> {
        let mut only = CpuSet::new();
        only.set(self.0);
        Ok(sched_setaffinity(None, &only)?)
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Core {
    type Err = Error;

    fn from_str(core: &str) -> Result<Self, Error> {
        Ok(Self(core.parse()?))
    }
}
