//! Whether tasks are well: they succeed, come in time, and end.

use std::{fmt, sync::Arc, time::Duration};

/// Tasks that are not well: each is named, with what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhealthy {
    troubles: Vec<(Arc<str>, Trouble)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    Failed(Arc<str>),
    Stuck(Duration),
    Overdue(Duration),
}

impl Unhealthy {
    pub(crate) fn not_running() -> Self {
        Self { troubles: Vec::new() }
    }

    pub(crate) fn of(troubles: Vec<(Arc<str>, Trouble)>) -> Self {
        Self { troubles }
    }

    /// Returns the names of the tasks; empty when the scheduler itself is not running.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.troubles.iter().map(|(name, _)| &**name)
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.troubles.is_empty() {
            return f.write_str("the scheduler is not running");
        }
        for (at, (name, trouble)) in self.troubles.iter().enumerate() {
            write!(f, "{}task `{name}` ", if at == 0 { "" } else { "; " })?;
            match trouble {
                Trouble::Failed(why) => write!(f, "has failed: {why}")?,
                Trouble::Stuck(time) => write!(f, "is stuck: it has been running for {:.1} s", time.as_secs_f64())?,
                Trouble::Overdue(time) => write!(f, "is overdue by {:.1} s", time.as_secs_f64())?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unhealthy {}
