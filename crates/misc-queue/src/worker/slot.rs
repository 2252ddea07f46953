//! A slot: it runs one job after the other.

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use misc_core::{BoxError, CancellationToken, Deadline, TraceContext};
use tokio::{task::coop::consume_budget, time::sleep};
use tracing::{Instrument, Span, error, field, info_span, warn};

use super::{bench::Bench, meters::Meters};
use crate::{
    config::Work,
    engine::{Body, Claimed, Ending},
    error::one_line,
    failure::{Discard, Postpone, find},
    job::{About, Job},
    payload::Payload,
    status::Reason,
    store::FAR,
};

/// How much of the text of an error is kept with a job.
const ERROR_TEXT: usize = 2_000;

/// What the slots of a worker have in common.
pub(super) struct Slots {
    pub(super) bench: Arc<Bench>,
    pub(super) work: Work,
    pub(super) stopping: CancellationToken,
    pub(super) meters: Option<Meters>,
}

impl Slots {
    /// Runs jobs, one after the other, in one of the slots.
    pub(super) async fn run<T, F, Fut, E>(&self, slot: usize, handler: &F)
    where
        T: Payload,
        F: Fn(Job<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        // Also if this is dropped in the middle of a job, it is known what becomes of that.
        let _place = Place { bench: &self.bench, slot };
        let mut ending = None;
        while let Some(order) = self.bench.next(slot, ending.take()).await {
            // Where no job waits for anything, others want to run, too.
            consume_budget().await;
            ending = Some(self.job(slot, order.claimed, handler).await);
        }
    }

    async fn job<T, F, Fut, E>(&self, slot: usize, claimed: Claimed, handler: &F) -> Ending
    where
        T: Payload,
        F: Fn(Job<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        if claimed.is_expired {
            let ending = Ending::Cancelled { reason: Reason::Expired };
            self.meters.iter().for_each(|meters| meters.end(&ending, Duration::ZERO));
            return ending;
        }
        let begun = self.meters.as_ref().map(|meters| meters.begin(claimed.waited));
        let span = self.span(&claimed);
        // All that is the user's may panic: the handler, before its first await and when it is dropped, what reads the
        // payload, what says an error.
        let run = AssertUnwindSafe(self.attempt(slot, &claimed, handler)).catch_unwind();
        let ending = match claimed.trace.as_deref().and_then(TraceContext::parse) {
            Some(trace) => {
                trace.adopt(&span);
                trace.scope(pin!(run)).instrument(span.clone()).await
            }
            None => run.instrument(span.clone()).await,
        };
        let ending = ending.unwrap_or_else(|panic| {
            self.again(claimed.attempt, self.attempts(&claimed), format!("panicked: {}", said(&*panic)))
        });
        self.tell(&claimed, &ending, &span);
        if let Some(begun) = begun {
            begun.end(&ending);
        }
        ending
    }

    fn attempts(&self, claimed: &Claimed) -> u32 {
        claimed.attempts.unwrap_or(self.work.attempts.get())
    }

    async fn attempt<T, F, Fut, E>(&self, slot: usize, claimed: &Claimed, handler: &F) -> Ending
    where
        T: Payload,
        F: Fn(Job<T>) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let payload = match read::<T>(&claimed.body) {
            Ok(payload) => payload,
            Err(error) => return Ending::Dead { reason: Reason::Payload, error },
        };
        let (attempt, attempts) = (claimed.attempt, self.attempts(claimed));
        let about = About {
            id: claimed.id,
            attempt,
            attempts,
            priority: claimed.priority,
            pushed_at: claimed.pushed_at,
            waited: claimed.waited,
            stopping: self.stopping.clone(),
        };
        let run = async { handler(Job::new(payload, about)).await.map_err(Into::into) };
        self.end(slot, attempt, attempts, pin!(run)).await
    }

    /// Runs a handler until it is done, takes too long, or is cut off.
    async fn end<R>(&self, slot: usize, attempt: u32, attempts: u32, run: R) -> Ending
    where
        R: Future<Output = Result<(), BoxError>>,
    {
        let late = async {
            match self.work.timeout {
                Some(timeout) => sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let run = async {
            match self.work.timeout {
                Some(timeout) => Deadline::within(timeout).scope(run).await,
                None => run.await,
            }
        };
        tokio::select! {
            biased;
            done = run => match done {
                Ok(()) => Ending::Completed,
                Err(error) => self.failed(attempt, attempts, &error),
            },
            ending = self.bench.until_cut(slot) => ending,
            () = late => {
                let timeout = humantime::format_duration(self.work.timeout.unwrap_or_default());
                self.again(attempt, attempts, format!("took longer than {timeout}"))
            }
        }
    }

    fn failed(&self, attempt: u32, attempts: u32, error: &BoxError) -> Ending {
        let error: &(dyn std::error::Error + 'static) = &**error;
        if let Some(postpone) = find::<Postpone>(error) {
            return Ending::Postponed { by: postpone.time() };
        }
        if find::<Discard>(error).is_some() {
            return Ending::Dead { reason: Reason::Discarded, error: short(one_line(error)) };
        }
        self.again(attempt, attempts, one_line(error))
    }

    fn again(&self, attempt: u32, attempts: u32, error: String) -> Ending {
        let error = short(error);
        if attempt >= attempts {
            return Ending::Dead { reason: Reason::Exhausted, error };
        }
        Ending::Failed { again_after: delay(&self.work, attempt), error }
    }

    fn span(&self, claimed: &Claimed) -> Span {
        info_span!(
            target: "misc_queue",
            "job",
            otel.kind = "consumer",
            otel.name = format_args!("process {}", self.bench.queue()),
            otel.status_code = field::Empty,
            messaging.system = "misc",
            messaging.operation.r#type = "process",
            messaging.destination.name = self.bench.queue(),
            messaging.message.id = claimed.id.0,
            job.attempt = claimed.attempt,
        )
    }

    fn tell(&self, claimed: &Claimed, ending: &Ending, span: &Span) {
        let (queue, job, attempt) = (self.bench.queue(), claimed.id.0, claimed.attempt);
        match ending {
            Ending::Failed { again_after, error } => {
                span.record("otel.status_code", "ERROR");
                span.in_scope(|| warn!(queue, job, attempt, error, ?again_after, "a job has failed"));
            }
            // The error may quote what the job is about.
            Ending::Dead { reason: Reason::Payload, .. } => {
                span.record("otel.status_code", "ERROR");
                span.in_scope(|| {
                    error!(queue, job, "a job is dead: what it is about cannot be read; its error says why");
                });
            }
            Ending::Dead { reason, error } => {
                span.record("otel.status_code", "ERROR");
                span.in_scope(|| error!(queue, job, attempt, %reason, error, "a job is dead"));
            }
            Ending::Completed | Ending::Cancelled { .. } | Ending::Returned | Ending::Postponed { .. } => {}
        }
    }
}

/// A slot that is in use.
struct Place<'a> {
    bench: &'a Bench,
    slot: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.bench.left(self.slot);
    }
}

/// Reads what a job is about.
fn read<T: Payload>(body: &Body) -> Result<Arc<T>, String> {
    match body {
        Body::Json(json) => {
            let why = |error| format!("cannot be read as `{}`: {error}", std::any::type_name::<T>());
            serde_json::from_str(json).map(Arc::new).map_err(why)
        }
        Body::Value(value) => {
            let why = |_| format!("is no `{}`: two types have the kind `{}`", std::any::type_name::<T>(), T::KIND);
            Arc::clone(value).downcast().map_err(why)
        }
    }
}

/// Returns how long it is until the next attempt.
fn delay(work: &Work, attempt: u32) -> Duration {
    let doubled = work.initial_delay.saturating_mul(1 << attempt.saturating_sub(1).min(31));
    doubled.min(work.max_delay).min(FAR).mul_f64(1.0 - fastrand::f64() / 2.0)
}

/// Returns what a panic has said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with a value that is no text")
}

/// Cuts a text to what is kept.
fn short(mut text: String) -> String {
    if text.len() > ERROR_TEXT {
        text.truncate(text.floor_char_boundary(ERROR_TEXT));
        text.push('…');
    }
    text
}
