//! What this process has used so far, as Linux tells it.

use std::fs;

use crate::Error;

/// Returns for how many seconds its threads have run, those that have ended left out.
pub(crate) fn processor_seconds() -> Result<f64, Error> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        // One may have ended since the list was read.
        let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let ran = stat.split(' ').next().ok_or("a thread does not say for how long it has run")?;
        nanoseconds += ran.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

/// Returns how much memory is resident that is its own, on its heap and its stacks, in KiB.
pub(crate) fn own_memory() -> Result<f64, Error> {
    memory("RssAnon:")
}

/// Returns how much memory was resident at most, in KiB: pages of the program that were touched count, too.
pub(crate) fn peak_resident() -> Result<f64, Error> {
    memory("VmHWM:")
}

fn memory(which: &str) -> Result<f64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let line = line.ok_or("the process does not say how much memory is resident")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
