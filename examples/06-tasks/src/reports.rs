//! The report of each morning.

use misc::{BoxError, scheduler::service};
use tracing::info;

use crate::monitor::MonitorTasks;

/// Sums up what a monitor has seen.
#[derive(Debug)]
pub struct Reports {
    monitor: MonitorTasks,
}

impl Reports {
    /// Reports of what a monitor has seen.
    #[must_use]
    pub fn new(monitor: MonitorTasks) -> Self {
        Self { monitor }
    }
}

#[service]
impl Reports {
    #[task(daily = "09:00", tz = "Europe/Berlin", misfire = "once", grace = "12h", retry = 3)]
    async fn daily_report(&self) -> Result<(), BoxError> {
        const A_DAY: usize = 24 * 60 * 60 / 5;
        match self.monitor.average(A_DAY).await? {
            Some(average) => info!(cpu = average.cpu, memory = average.memory, "the report of the day"),
            None => info!("the report of the day: nothing was measured"),
        }
        Ok(())
    }
}
