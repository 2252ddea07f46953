//! The code of jobs, around which their runs are counted: the scheduler's own events come in no order, and lag.

use std::{
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Wake, Waker},
    thread,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::sync::RwLock;
use tokio_cron_scheduler::{
    Context, JobCode, JobScheduler, JobSchedulerError, JobToRunAsync, MetaDataStorage, PinnedGetFuture, SimpleJobCode,
    ToCode, job::JobId,
};
use tracing::{Instrument as _, info_span};

use super::board::{Board, Running};

/// Ends the scheduler's own task that starts jobs, which would be left behind else.
pub(super) const END: JobId = JobId::nil();

pub(super) type Store = Arc<RwLock<Box<dyn MetaDataStorage + Send + Sync>>>;
type Code = Arc<RwLock<Box<JobToRunAsync>>>;

/// Lets the board know of each run from now on.
pub(super) async fn follow_runs(scheduler: &JobScheduler, board: &Arc<Board>) {
    let mut code = scheduler.context.job_code.write().await;
    let inner = std::mem::replace(&mut *code, Box::new(SimpleJobCode::default()));
    let store = Arc::clone(&scheduler.context.metadata_storage);
    *code = Box::new(Followed { inner, store, board: Arc::clone(board) });
}

/// Code that tells the board when it runs.
struct Followed {
    inner: Box<dyn JobCode + Send + Sync>,
    store: Store,
    board: Arc<Board>,
}

impl JobCode for Followed {}

impl ToCode<Box<JobToRunAsync>> for Followed {
    fn init(&mut self, context: &Context) -> Pin<Box<dyn Future<Output = Result<(), JobSchedulerError>> + Send>> {
        self.inner.init(context)
    }

    fn get(&mut self, job: JobId) -> PinnedGetFuture<Box<JobToRunAsync>> {
        let code = self.inner.get(job);
        let (store, board) = (Arc::clone(&self.store), Arc::clone(&self.board));
        Box::pin(async move {
            if job == END {
                end().await;
            }
            let Some(code) = code.await? else { return Ok(None) };
            if !board.knows(job) {
                board.meet(job, trigger(&store, job).await.into());
            }
            Ok(Some(Arc::new(RwLock::new(follow(code, board)))))
        })
    }
}

/// Ends the task that this is called in.
async fn end() {
    if cfg!(panic = "unwind") {
        resume_unwind(Box::new("the host of the scheduler has stopped"));
    }
    std::future::pending::<()>().await;
}

/// Says when a job runs, in words.
pub(super) async fn trigger(store: &Store, job: JobId) -> String {
    let Some(stored) = store.write().await.get(job).await.ok().flatten() else {
        return "once".to_owned();
    };
    let period = stored.repeated_every().filter(|_| stored.job_type().as_str_name() == "Repeated");
    match (stored.schedule(), period) {
        (Some(cron), _) => cron.pattern.to_string(),
        (None, Some(period)) => format!("every {}", humantime::format_duration(Duration::from_secs(period))),
        (None, None) => "once".to_owned(),
    }
}

fn follow(code: Code, board: Arc<Board>) -> Box<JobToRunAsync> {
    Box::new(move |job, scheduler| match board.begin(job) {
        Some(running) => {
            let span = info_span!("task", task = running.name());
            Box::pin(drive(running, Arc::clone(&code), scheduler).instrument(span))
        }
        None => Box::pin(std::future::ready(())),
    })
}

async fn drive(running: Running, code: Code, scheduler: JobScheduler) {
    let work = (*code.write().await)(running.job(), scheduler);
    let witness = Arc::new(Witness::default());
    witness.attend(work).await;
    running.end(witness.has_seen_a_panic());
}

/// Notices when the task that a run waits for ends by a panic, which the scheduler makes look like any other end.
///
/// That task drops the sender of a channel while it unwinds, and so wakes the receiver from a thread that is panicking. Only
/// if it did so before the receiver is polled for the first time, right after the spawn, would it pass for a success.
#[derive(Default)]
struct Witness {
    saw_panic: AtomicBool,
    waker: AtomicWaker,
}

impl Witness {
    async fn attend(self: &Arc<Self>, mut work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let waker = Waker::from(Arc::clone(self));
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            work.as_mut().poll(&mut TaskContext::from_waker(&waker))
        })
        .await;
    }

    fn has_seen_a_panic(&self) -> bool {
        self.saw_panic.load(Ordering::Acquire)
    }
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::panicking() {
            self.saw_panic.store(true, Ordering::Release);
        }
        self.waker.wake();
    }
}
