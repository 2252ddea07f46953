//! The lanes that pushes go through, so that those that come together share a commit.
//!
//! There is one for those with a key: in PostgreSQL they wait for transactions that hold it, and the others need not.

use std::sync::Arc;

use misc_core::CancellationToken;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    engine::{Engine, NewJob},
    error::{Error, Kind},
    options::Pushed,
    store::wakes::Wakes,
    url::Url,
};

/// How many pushes may wait for a commit; more wait to be let in.
const WAITING: usize = 1024;
/// How many share a commit at most.
const TOGETHER: usize = 512;

/// A job to store, and who waits for that.
type Waiting = (NewJob, oneshot::Sender<Result<Pushed, Error>>);

/// Pushes on their way to the engine.
pub(crate) struct Lanes {
    plain: mpsc::Sender<Waiting>,
    keyed: mpsc::Sender<Waiting>,
    /// Whoever has them drives the store.
    pub(super) receivers: Mutex<[mpsc::Receiver<Waiting>; 2]>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let ((plain, receiver), (keyed, keyed_receiver)) = (mpsc::channel(WAITING), mpsc::channel(WAITING));
        Self { plain, keyed, receivers: Mutex::new([receiver, keyed_receiver]) }
    }

    /// Stores a job with whatever else is to be stored now.
    pub(super) async fn push(&self, job: NewJob) -> Result<Pushed, Error> {
        let (answer, answered) = oneshot::channel();
        let lane = if job.unique.is_some() { &self.keyed } else { &self.plain };
        lane.send((job, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Answers whoever still waits when the store is closed: nothing of that was stored.
    pub(super) async fn refuse(&self, url: &Url) {
        for receiver in &mut *self.receivers.lock().await {
            while let Ok((_, answer)) = receiver.try_recv() {
                answer.send(Err(Error::new(Kind::Closed, format!("the store {url} is closed")))).ok();
            }
        }
    }
}

/// Says that nobody knows what became of a push.
pub(super) fn gone() -> Error {
    Error::new(Kind::Uncertain, "the store was dropped while a job was being pushed")
}

/// Stores what comes until it shall stop; what was begun by then is finished.
pub(super) async fn flush(
    receiver: &mut mpsc::Receiver<Waiting>,
    engine: &Arc<dyn Engine>,
    wakes: &Wakes,
    stop: &CancellationToken,
) {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while let Some(1..) = stop.run_until_cancelled(receiver.recv_many(&mut waiting, TOGETHER)).await {
        // Whoever has gone away by now does not want it any more.
        waiting.retain(|(_, answer)| !answer.is_closed());
        let (jobs, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        if !jobs.is_empty() {
            store(engine, wakes, jobs, answers).await;
        }
    }
}

async fn store(
    engine: &Arc<dyn Engine>,
    wakes: &Wakes,
    jobs: Vec<NewJob>,
    answers: Vec<oneshot::Sender<Result<Pushed, Error>>>,
) {
    match engine.push(&jobs).await {
        Ok(pushed) => {
            for (answer, pushed) in answers.into_iter().zip(pushed) {
                answer.send(Ok(pushed)).ok();
            }
            let mut told: Option<&str> = None;
            for job in jobs.iter().filter(|job| told.replace(&job.queue) != Some(&*job.queue)) {
                wakes.pushed(&job.queue);
            }
        }
        // One of them is at fault: the others are not to suffer for it.
        Err(error) if error.is_refused() && jobs.len() > 1 => {
            for (job, answer) in jobs.into_iter().zip(answers) {
                let queue = Arc::clone(&job.queue);
                let pushed = engine.push(&[job]).await;
                wakes.pushed(&queue);
                answer.send(pushed.map(|pushed| pushed[0])).ok();
            }
        }
        Err(error) => answers.into_iter().for_each(|answer| {
            answer.send(Err(error.clone())).ok();
        }),
    }
}
