//! Where readings are kept: a file with one of them a line.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Mutex,
};

/// What a machine was like at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// In seconds since 1970.
    pub at: u64,
    /// How busy the processors were, in percent.
    pub cpu: f64,
    /// How much of the memory was in use, in percent.
    pub memory: f64,
}

impl Reading {
    /// A reading of now.
    #[must_use]
    pub fn now(cpu: f64, memory: f64) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { at, cpu, memory }
    }
}

/// Readings in a file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    file: File,
    readings: Vec<Reading>,
}

impl Store {
    /// Opens a file, and reads what is there; a last line that was cut short is left out.
    ///
    /// # Errors
    /// What the system says of the file.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).await?;
        let mut text = String::new();
        file.read_to_string(&mut text).await?;
        let readings = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self(Arc::new(Mutex::new(Open { file, readings }))))
    }

    /// Keeps a reading.
    ///
    /// # Errors
    /// What the system says of the file.
    pub async fn append(&self, reading: Reading) -> io::Result<()> {
        let mut line = serde_json::to_vec(&reading)?;
        line.push(b'\n');
        let mut open = self.0.lock().await;
        open.file.write_all(&line).await?;
        open.readings.push(reading);
        Ok(())
    }

    /// Returns the last readings, at most so many.
    pub async fn last(&self, count: usize) -> Vec<Reading> {
        let open = self.0.lock().await;
        open.readings[open.readings.len().saturating_sub(count)..].to_vec()
    }

    /// Returns how many readings there are.
    pub async fn count(&self) -> usize {
        self.0.lock().await.readings.len()
    }

    /// Sees to it that all of it is on the disk.
    ///
    /// # Errors
    /// What the system says of the file.
    pub async fn close(&self) -> io::Result<()> {
        let mut open = self.0.lock().await;
        open.file.flush().await?;
        open.file.sync_all().await
    }
}
