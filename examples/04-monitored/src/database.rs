//! What stands for a database, with a plug to pull.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc::{BoxError, scheduler::service};

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

#[service]
impl Database {
    /// Keeps a connection from being closed by whatever is in between.
    #[task(every = "10s", immediately, timeout = "1s")]
    async fn keep_alive(&self) -> Result<(), BoxError> {
        self.clone().ping().await
    }
}

#[cfg(test)]
mod tests {
    use misc_test::TestApp;
    use tokio::time::{Duration, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn health_follows_the_task() {
        let database = Database::default();
        let (tasks, service) = database.clone().with_tasks();
        let app = TestApp::service(service).await;
        let is_healthy = tasks.healthy();
        sleep(Duration::from_secs(1)).await;
        for (is_on, before, after) in [(false, true, false), (true, false, true)] {
            database.switch(is_on);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(is_healthy().await.is_ok(), before, "the task has not run since");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(is_healthy().await.is_ok(), after);
        }
        app.stop().await.assert_clean().await;
    }
}
