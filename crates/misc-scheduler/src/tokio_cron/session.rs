//! One life of a hosted scheduler: it cannot be started again after a shutdown.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_core::Context;
use tokio_cron_scheduler::{
    JobScheduler, JobSchedulerError, SimpleJobCode, SimpleMetadataStore, SimpleNotificationCode,
    SimpleNotificationStore,
};

use super::{board::Board, code};

/// A scheduler that is shut down, with all of its tasks, when this is dropped.
pub(super) struct Session {
    scheduler: JobScheduler,
    board: Arc<Board>,
    shutdown: Arc<AtomicBool>,
    /// Empties stores that are ours.
    clear: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Session {
    /// Takes over a scheduler that somebody else has made.
    pub(super) async fn around(scheduler: JobScheduler, board: &Arc<Board>, ctx: &Context) -> Self {
        Self::new(scheduler, None, board, ctx).await
    }

    /// Makes a scheduler with stores in memory, and channels of that size.
    pub(super) async fn in_memory(slots: usize, board: &Arc<Board>, ctx: &Context) -> Result<Self, JobSchedulerError> {
        let (jobs, notifications) = (SimpleJobCode::default(), SimpleNotificationCode::default());
        let (job_code, notification_code) = (Arc::clone(&jobs.job_code), Arc::clone(&notifications.data));
        // What it holds may hold the scheduler, which holds it.
        let clear = move || {
            let jobs = job_code.try_write().map(|mut code| std::mem::take(&mut *code));
            let notifications = notification_code.try_write().map(|mut code| std::mem::take(&mut *code));
            drop((jobs, notifications));
        };
        let scheduler = JobScheduler::new_with_storage_and_code(
            Box::new(SimpleMetadataStore::default()),
            Box::new(SimpleNotificationStore::default()),
            Box::new(jobs),
            Box::new(notifications),
            slots.max(16),
        );
        Ok(Self::new(scheduler.await?, Some(Box::new(clear)), board, ctx).await)
    }

    async fn new(
        scheduler: JobScheduler,
        clear: Option<Box<dyn Fn() + Send + Sync>>,
        board: &Arc<Board>,
        ctx: &Context,
    ) -> Self {
        let shutdown = Arc::clone(&scheduler.scheduler.read().await.shutdown);
        board.open(ctx.clone(), clear.is_some().then(|| Arc::clone(&scheduler.context.metadata_storage)));
        code::follow_runs(&scheduler, board).await;
        Self { scheduler, board: Arc::clone(board), shutdown, clear }
    }

    pub(super) fn scheduler(&self) -> &JobScheduler {
        &self.scheduler
    }

    /// Counts the jobs.
    pub(super) async fn count(&self) -> Result<usize, JobSchedulerError> {
        let mut store = self.scheduler.context.metadata_storage.write().await;
        Ok(store.list_next_ticks().await?.len())
    }

    /// Starts it, unless whoever has added the jobs has done so.
    pub(super) async fn start(&self) -> Result<(), JobSchedulerError> {
        let is_started = self.scheduler.scheduler.read().await.ticking.load(Ordering::Relaxed);
        if is_started { Ok(()) } else { self.scheduler.start().await }
    }

    /// Starts no more runs, and waits for those that there are.
    pub(super) async fn drain(&self) {
        self.shutdown.store(true, Ordering::Relaxed);
        self.board.close();
        self.board.idle().await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shutdown.store(true, Ordering::Relaxed);
        self.board.leave();
        let channels = &self.scheduler.context;
        // It looks at its jobs once more, up to 500 ms after the shutdown.
        if let Ok(mut store) = channels.metadata_storage.try_write() {
            *store = Box::new(SimpleMetadataStore::default());
        }
        // Fails when nobody listens any more, which is what it is for.
        drop(channels.job_activation_tx.send(code::END));
        if let Some(clear) = &self.clear {
            clear();
        }
    }
}
