//! What a service is doing, for those who wait for it.

use std::fmt;

use misc_core::Status;

/// A service and those inside it, a line each: what it is doing, and what it waits for.
pub(crate) struct Doing<'a> {
    service: &'a Status,
    depth: usize,
}

impl<'a> Doing<'a> {
    pub(crate) fn new(service: &'a Status) -> Self {
        Self { service, depth: 1 }
    }
}

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { name, phase, since, waits_for, tasks, last_error, children, .. } = self.service;
        let indent = "  ".repeat(self.depth);
        write!(f, "\n{indent}{name}: {phase} for {:.1} s", since.as_secs_f64())?;
        if !waits_for.is_empty() {
            write!(f, ", waits for {}", waits_for.join(", "))?;
        }
        if *tasks > 0 && !phase.is_ended() {
            write!(f, ", owns {tasks} tasks")?;
        }
        if let Some(error) = last_error {
            write!(f, ", last error: {error}")?;
        }
        children.iter().try_for_each(|inside| Doing { service: inside, depth: self.depth + 1 }.fmt(f))
    }
}
