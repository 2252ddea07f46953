//! What stands for a database, with a plug to pull.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc::BoxError;

/// A pool of connections to a database that may be off.
#[derive(Clone, Default)]
pub(crate) struct Database {
    is_off: Arc<AtomicBool>,
}

impl Database {
    pub(crate) fn switch(&self, on: bool) {
        self.is_off.store(!on, Ordering::Relaxed);
    }

    /// Asks the database whether it is there, as `SELECT 1` would.
    pub(crate) async fn ping(self) -> Result<(), BoxError> {
        tokio::task::yield_now().await;
        if self.is_off.load(Ordering::Relaxed) {
            return Err("connection refused".into());
        }
        Ok(())
    }
}
