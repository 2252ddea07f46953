//! The monitor: it measures, logs after that, and answers what the average was.

use std::{
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use misc::{BoxError, scheduler::service};
use sysinfo::System;
use tracing::info;

use crate::store::{Reading, Store};

/// Looks at the machine that it runs on.
#[derive(Debug)]
pub struct Monitor {
    path: PathBuf,
    system: Mutex<System>,
}

impl Monitor {
    /// A monitor that keeps its readings in a file.
    ///
    /// # Errors
    /// If the system does not tell how it is.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, BoxError> {
        Ok(Self { path: path.into(), system: Mutex::new(System::new()?) })
    }

    /// How busy the processors were since the last time, and how much of the memory is in use, both in percent.
    fn measure(&self) -> (f64, f64) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.refresh_cpu_usage();
        system.refresh_memory();
        let memory = 100.0 * system.used_memory() as f64 / system.total_memory().max(1) as f64;
        (tenths(system.global_cpu_usage().into()), tenths(memory))
    }
}

#[service]
impl Monitor {
    #[context(close = Store::close)]
    async fn store(&self) -> io::Result<Store> {
        info!(path = %self.path.display(), "opening the store");
        Store::open(&self.path).await
    }

    #[task(once)]
    async fn init_store(&self) -> Result<(), BoxError> {
        let readings = self.store().await?.count().await;
        self.measure(); // What the processors did so far is nothing to go by.
        info!(readings, "the store is ready");
        Ok(())
    }

    #[task(every = "5s", immediately, overlap = "skip", timeout = "4s")]
    async fn monitor_metrics(&self) -> Result<(), BoxError> {
        let (cpu, memory) = self.measure();
        self.store().await?.append(Reading::now(cpu, memory)).await?;
        info!(cpu, memory, "measured");
        Ok(())
    }

    #[task(after = monitor_metrics)]
    async fn log_metrics(&self) -> Result<(), BoxError> {
        let readings = self.store().await?.count().await;
        info!(readings, "a reading was logged");
        Ok(())
    }

    /// Returns the average of the last readings; `None` while there is none.
    ///
    /// # Errors
    /// If the store is not open, since the service does not run.
    #[task]
    pub async fn average(&self, count: usize) -> Result<Option<Reading>, BoxError> {
        let readings = self.store().await?.last(count).await;
        let average = |of: fn(&Reading) -> f64| tenths(readings.iter().map(of).sum::<f64>() / readings.len() as f64);
        Ok(readings.last().map(|last| Reading {
            at: last.at,
            cpu: average(|reading| reading.cpu),
            memory: average(|reading| reading.memory),
        }))
    }
}

/// More digits than these say nothing.
fn tenths(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}
