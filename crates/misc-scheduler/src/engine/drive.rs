//! One run from its start to its end.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use misc_core::{BoxError, Context, Tracked};
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument as _, error, info_span, warn};

use super::{Request, Shared};
use crate::{
    ledger::{Claim, Claims},
    run::Run,
    status::Outcome,
    task::Def,
    work::{Attempt, Next},
};

/// A run that is about to start.
pub(crate) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) id: usize,
    pub(super) def: Arc<Def>,
    pub(super) request: Request,
    pub(super) claims: Option<Arc<Claims>>,
}

impl Job {
    /// Names the task, and the run.
    pub(super) fn run(&self) -> (usize, u64) {
        (self.id, self.request.ticket)
    }

    fn attempt(&self, ctx: &Context, attempt: u32) -> Attempt {
        let (shared, def) = (Arc::clone(&self.shared), Arc::clone(&self.def));
        let run = Run::new(shared, def, ctx.clone(), self.request.due, attempt);
        match (&self.request.payload, &self.def.work) {
            (Some(payload), _) => payload(run),
            (None, Some(work)) => work(run),
            // Cannot be: those without work of their own are only started with some.
            (None, None) => Box::pin(std::future::ready(Ok(Next::Continue))),
        }
    }
}

/// How a run has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// `None` when its work was not even begun.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) error: Option<SharedError>,
    pub(crate) next: Next,
}

type SharedError = Arc<dyn std::error::Error + Send + Sync>;

impl Ended {
    pub(crate) const NOT_RUN: Self = Self { outcome: None, error: None, next: Next::Continue };

    pub(crate) fn cancelled() -> Self {
        Self { outcome: Some(Outcome::Cancelled), ..Self::NOT_RUN }
    }

    fn failed(outcome: Outcome, error: impl Into<BoxError>) -> Self {
        Self { outcome: Some(outcome), error: Some(error.into().into()), next: Next::Continue }
    }

    fn of(result: Result<Result<Next, BoxError>, String>) -> Self {
        match result {
            Ok(Ok(next)) => Self { outcome: Some(Outcome::Succeeded), error: None, next },
            Ok(Err(error)) => Self::failed(Outcome::Failed, error),
            Err(panic) => Self::failed(Outcome::Panicked, Panicked(panic)),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outcome.is_some_and(Outcome::is_failure)
    }
}

/// The work of a task has panicked.
#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
struct Panicked(String);

/// The work of a task has run out of time.
#[derive(Debug, thiserror::Error)]
#[error("took longer than {0:?}")]
struct TooLong(Duration);

/// Runs a job to its end, and tells of it, however that comes: also when it is dropped before it was begun.
pub(super) fn drive(job: Job, ctx: Context) -> impl Future<Output = ()> + Send {
    let mut ending = Ending { job, ctx, began: None, attempts: 0, ended: None, active: None };
    // Lent: an argument that is moved into an async function is in its future twice.
    async move { run(&mut ending).await }
}

async fn run(ending: &mut Ending) {
    let claims = ending.job.claims.take();
    if let Some(claims) = &claims {
        // Boxed, as is all that most runs do without: a run is a small future then.
        let claim = Box::pin(ending.claim(claims)).await;
        if claim != Claim::Won {
            ending.give_up(claim, claims);
            return;
        }
    }
    ending.begin();
    let span = info_span!("task", task = &*ending.job.def.name);
    let ended = attempts(ending).instrument(span).await;
    if let Some(claims) = claims.filter(|_| ending.job.def.policy.rerun_after.is_some() && !ended.has_failed()) {
        let Job { shared, def, request, .. } = &ending.job;
        Box::pin(claims.finish(def, request.due, shared.wall())).await;
    }
    ending.ended = Some(ended);
}

async fn attempts(ending: &mut Ending) -> Ended {
    loop {
        ending.attempts += 1;
        let ended = attempt(&ending.job, &ending.ctx, ending.attempts).await;
        if !ended.has_failed() {
            return ended;
        }
        let Def { name, policy, .. } = &*ending.job.def;
        let why = ended.error.as_deref().map(one_line).unwrap_or_default();
        let retry = policy.retry.as_ref().and_then(|retry| retry.delay_after(ending.attempts));
        let Some(delay) = retry.filter(|_| !ending.ctx.is_stopping()) else {
            error!(task = &**name, attempts = ending.attempts, error = why, "task failed");
            return ended;
        };
        warn!(task = &**name, attempt = ending.attempts, retry_in = ?delay, error = why, "task failed, and runs again");
        if Box::pin(ending.ctx.until_stopping(sleep(delay))).await.is_none() {
            return ended;
        }
    }
}

async fn attempt(job: &Job, ctx: &Context, number: u32) -> Ended {
    let work = match catch_unwind(AssertUnwindSafe(|| job.attempt(ctx, number))) {
        Ok(work) => Caught(Some(work)),
        Err(panic) => return Ended::of(Err(panic_message(&*panic))),
    };
    match job.def.policy.timeout {
        None => Ended::of(work.await),
        Some(time) => match Box::pin(timeout(time, work)).await {
            Ok(result) => Ended::of(result),
            Err(_) => Ended::failed(Outcome::TimedOut, TooLong(time)),
        },
    }
}

/// Tells of the end of a run when it is dropped.
struct Ending {
    job: Job,
    ctx: Context,
    began: Option<Instant>,
    attempts: u32,
    ended: Option<Ended>,
    active: Option<Tracked>,
}

/// What a run leaves behind.
pub(super) struct Left {
    pub(super) due: i64,
    pub(super) drift: Duration,
    pub(super) began: Option<Instant>,
    pub(super) attempts: u32,
    pub(super) ended: Ended,
    pub(super) why: Option<Arc<str>>,
}

impl Ending {
    fn begin(&mut self) {
        let now = Instant::now();
        self.began = Some(now);
        if let Some(meters) = self.job.def.meters(&self.ctx) {
            meters.record_drift(self.drift());
            self.active = Some(meters.active.track());
        }
    }

    fn drift(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.saturating_duration_since(self.job.request.at))
    }

    async fn claim(&self, claims: &Claims) -> Claim {
        let Job { shared, def, request, .. } = &self.job;
        claims.claim(def, request.due, || shared.wall(), &self.ctx).await
    }

    fn give_up(&mut self, claim: Claim, claims: &Arc<Claims>) {
        self.ended = Some(Ended::NOT_RUN);
        let is_missed = matches!(claim, Claim::Unsure | Claim::Away);
        if let Some(meters) = self.job.def.meters(&self.ctx) {
            meters.count(if is_missed { "missed" } else { "claimed_elsewhere" });
        }
        let Job { shared, id, def, request, .. } = &self.job;
        if claim == Claim::Unsure {
            warn!(task = %def.name, "a claim was refused after one whose answer was lost: perhaps nobody runs this firing");
        }
        if is_missed {
            shared.missed(*id, def);
        } else if let (Claim::Elsewhere, Some(time)) = (claim, def.policy.rerun_after) {
            let (shared, claims, def) = (Arc::clone(shared), Arc::clone(claims), Arc::clone(def));
            self.ctx.spawn_until_stopping(stand_in(shared, claims, (*id, def, request.due), time));
        }
    }
}

/// Fires what another replica has claimed, unless that one finishes it in time.
async fn stand_in(shared: Arc<Shared>, claims: Arc<Claims>, firing: (usize, Arc<Def>, i64), time: Duration) {
    let (id, def, due) = firing;
    loop {
        // A moment later than that one's claim ends, which was made a moment before.
        sleep(time.saturating_add(Duration::from_secs(1))).await;
        match claims.is_finished(&def, due, shared.wall()).await {
            Ok(true) => return,
            Ok(false) if shared.fire_again(id, &def, due) => return,
            // Later: the ledger is away, or the task is paused or busy.
            Ok(false) | Err(_) => {}
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        drop(self.active.take());
        let ended = self.ended.take().unwrap_or_else(Ended::cancelled);
        if let (Some(meters), Some(outcome)) = (self.job.def.meters(&self.ctx), ended.outcome) {
            meters.count(outcome.as_str());
            meters.duration.record(self.began.map_or(0.0, |began| began.elapsed().as_secs_f64()));
        }
        let why = ended.error.as_deref().map(|error| one_line(error).into());
        let (due, drift) = (self.job.request.due, self.drift());
        let left = Left { due, drift, began: self.began, attempts: self.attempts, ended, why };
        let (id, ticket) = self.job.run();
        self.job.shared.ended(id, ticket, &self.job.def, left, self.job.request.watcher.take());
    }
}

/// A future of a user's, whose panic is its result.
struct Caught(Option<Attempt>);

impl Future for Caught {
    type Output = Result<Result<Next, BoxError>, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic_message(&*panic)),
        };
        let work = self.0.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(work)));
        Poll::Ready(dropped.map_err(|panic| panic_message(&*panic)).and(result))
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        drop_caught(self.0.take());
    }
}

/// Drops what is the user's own, whose panic harms nobody else.
pub(super) fn drop_caught<T>(what: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(what))) {
        error!(panic = panic_message(&*panic), "what a task was dropped with has panicked");
    }
}

pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}

/// Writes an error and its sources; one whose own text panics is but said to do so.
pub(crate) fn one_line(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let text = catch_unwind(AssertUnwindSafe(|| with_sources(error)));
    text.unwrap_or_else(|_| "an error that panics when it is written".to_owned())
}

fn with_sources(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_small_future() {
        fn size<F>(_: impl FnOnce(Job, Context) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(drive) <= 400, "{} bytes", size(drive));
        assert!(size_of::<super::super::Entry>() <= 128, "{} bytes", size_of::<super::super::Entry>());
    }
}
