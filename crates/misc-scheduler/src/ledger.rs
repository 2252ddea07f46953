//! The ledger: whose a firing is, and which one was the last.

mod file;
mod memory;

use std::{future::Future, mem, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use misc_core::{BoxError, Context, Ledger};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

pub use self::{file::FileLedger, memory::MemoryLedger};
use crate::{
    arm::CORRECTION,
    engine::{one_line, panic_message},
    instant,
    policy::WhenAway,
    task::Def,
};

/// How long a claim holds that is not to be claimed again.
const CLAIMED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How old a firing is when its claim may be over by somebody's clock: what was remembered tells of it from then on.
const OLD: Duration = Duration::from_secs(6 * 24 * 3600);
/// How long a firing waits for a ledger that is away, unless its task says otherwise, and how long for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the ledger may take to answer before it is away.
const ANSWER: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
/// Until when somebody claims a key who but wants to know whether it is free.
const AT_ONCE: i64 = 0;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// The dyn-compatible twin of [`Ledger`]; one that panics has failed.
pub(crate) trait DynLedger: Send + Sync {
    fn claim<'a>(&'a self, key: &'a str, until: i64) -> Answer<'a, bool>;
    fn remember<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()>;
    fn recall<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>>;
}

impl<L: Ledger> DynLedger for L {
    fn claim<'a>(&'a self, key: &'a str, until: i64) -> Answer<'a, bool> {
        Box::pin(caught(async move { Ledger::claim(self, key, instant::to_system_time(until)).await }))
    }

    fn remember<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()> {
        Box::pin(caught(async move { Ledger::remember(self, key, value).await }))
    }

    fn recall<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(caught(async move { Ledger::recall(self, key).await }))
    }
}

async fn caught<T>(answer: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(format!("the ledger has panicked: {}", panic_message(&*panic)).into()))
}

/// A ledger as one scheduler uses it.
pub(crate) struct Claims {
    ledger: Arc<dyn DynLedger>,
    when_away: WhenAway,
    scheduler: Arc<str>,
}

/// What the ledger says of a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is this replica's.
    Won,
    /// It is another one's.
    Elsewhere,
    /// It has been run.
    Finished,
    /// It is another one's, or this replica's by a claim whose answer was lost.
    Unsure,
    /// Nobody can say.
    Away,
}

impl Claims {
    pub(crate) fn new(ledger: Arc<dyn DynLedger>, when_away: WhenAway, scheduler: &str) -> Self {
        Self { ledger, when_away, scheduler: scheduler.into() }
    }

    /// Claims a firing. Unless it may be run again, it is remembered as the last one before it begins.
    pub(crate) async fn claim(&self, def: &Def, due: i64, wall: impl Fn() -> i64, ctx: &Context) -> Claim {
        let claim = self.until_answered(def, due, &wall, ctx).await;
        if claim == Claim::Won && def.policy.rerun_after.is_none() {
            self.remember(def, due, wall()).await;
        }
        claim
    }

    async fn until_answered(&self, def: &Def, due: i64, wall: impl Fn() -> i64, ctx: &Context) -> Claim {
        let (asked, patience) = (Instant::now(), def.policy.grace.unwrap_or(PATIENCE));
        // Whether this replica may have claimed it without being told.
        let mut is_unsure = false;
        loop {
            let claim = async {
                if self.is_finished(def, due, wall()).await? {
                    return Ok(Claim::Finished);
                }
                let was_unsure = mem::replace(&mut is_unsure, true);
                let left = patience.saturating_sub(asked.elapsed());
                let is_won = self.ask(def, due, wall(), left, ctx).await?;
                Ok::<_, BoxError>(match is_won {
                    true => Claim::Won,
                    false if was_unsure && def.policy.rerun_after.is_none() => Claim::Unsure,
                    false => Claim::Elsewhere,
                })
            };
            let error = match claim.await {
                Ok(claim) => return claim,
                Err(error) => one_line(&*error),
            };
            if !self.waits() {
                warn!(task = %def.name, error, "the ledger is away: running without a claim");
                return Claim::Won;
            }
            let left = patience.saturating_sub(asked.elapsed());
            if left.is_zero() || ctx.until_stopping(sleep(left.min(RETRY))).await.is_none() {
                error!(task = %def.name, error, "the ledger is away: this firing is given up");
                return Claim::Away;
            }
        }
    }

    /// Tells whether somebody has finished a firing.
    ///
    /// # Errors
    /// When the ledger is away.
    pub(crate) async fn is_finished(&self, def: &Def, due: i64, now: i64) -> Result<bool, BoxError> {
        if due.saturating_add(instant::micros(OLD)) <= now {
            let last = self.recall(&self.key(def)).await?;
            if last.and_then(|last| known(&last, now)).is_some_and(|last| last >= due) {
                return Ok(true);
            }
        }
        if def.policy.rerun_after.is_none() {
            return Ok(false);
        }
        let is_free = answered(self.ledger.claim(&self.end(def, due), AT_ONCE), ANSWER).await?;
        Ok(!is_free)
    }

    /// Claims a firing until it may be claimed again. Asked a second time it would be refused by itself, so that an answer is
    /// waited for as long as there is patience.
    async fn ask(&self, def: &Def, due: i64, now: i64, left: Duration, ctx: &Context) -> Result<bool, BoxError> {
        let until = match def.policy.rerun_after {
            Some(time) => now.saturating_add(instant::micros(time)),
            None => due.max(now).saturating_add(instant::micros(CLAIMED)),
        };
        let time = if self.waits() { left.clamp(ANSWER, PATIENCE) } else { ANSWER };
        let key = self.firing(def, due);
        tokio::select! {
            biased;
            answer = answered(self.ledger.claim(&key, until), time) => answer,
            () = async { ctx.stopping().await; sleep(ANSWER).await } => Err("the service stops".into()),
        }
    }

    /// Notes that a firing is finished, so that nobody runs it again.
    pub(crate) async fn finish(&self, def: &Def, due: i64, now: i64) {
        let until = due.max(now).saturating_add(instant::micros(CLAIMED));
        if let Err(error) = answered(self.ledger.claim(&self.end(def, due), until), ANSWER).await {
            warn!(task = %def.name, error = one_line(&*error), "the ledger cannot note that this firing is finished");
        }
        self.remember(def, due, now).await;
    }

    /// Remembers a firing as the last one, unless a later one is.
    async fn remember(&self, def: &Def, due: i64, now: i64) {
        let key = self.key(def);
        let remembered = async {
            let last = self.recall(&key).await?.and_then(|last| known(&last, now));
            if last.is_some_and(|last| last >= due) { Ok(()) } else { self.put(&key, due).await }
        };
        if let Err(error) = remembered.await {
            warn!(task = %def.name, error = one_line(&*error), "the ledger cannot remember this firing");
        }
    }

    /// Returns the last firing; if there was none, remembers that the schedule begins now.
    ///
    /// # Errors
    /// When the ledger is away.
    pub(crate) async fn last(&self, def: &Def, now: i64) -> Result<Option<i64>, BoxError> {
        let key = self.key(def);
        let last = self.time(&key).await?.filter(|last| !is_ahead(*last, now));
        if last.is_none() {
            self.put(&key, now).await?;
        }
        Ok(last)
    }

    /// Returns the anchor of an interval that starts at a time of day; if there was none, remembers that it is `first`.
    ///
    /// # Errors
    /// When the ledger is away.
    pub(crate) async fn anchor(&self, def: &Def, name: &str, first: i64) -> Result<i64, BoxError> {
        let key = format!("{}#{name}", self.key(def));
        // A later one is of a clock that was wrong.
        if let Some(anchor) = self.time(&key).await?.filter(|anchor| *anchor <= first) {
            return Ok(anchor);
        }
        self.put(&key, first).await?;
        Ok(first)
    }

    pub(crate) fn waits(&self) -> bool {
        self.when_away == WhenAway::Wait
    }

    /// Returns a time that is remembered. What is none is as if it were not there: it is written anew.
    async fn time(&self, key: &str) -> Result<Option<i64>, BoxError> {
        let Some(text) = self.recall(key).await? else {
            return Ok(None);
        };
        let time = instant::from_text(&text);
        if time.is_none() {
            warn!(key, text, "what the ledger has remembered is no time");
        }
        Ok(time)
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        answered(self.ledger.recall(key), ANSWER).await
    }

    async fn put(&self, key: &str, time: i64) -> Result<(), BoxError> {
        answered(self.ledger.remember(key, &instant::to_text(time)), ANSWER).await
    }

    fn key(&self, def: &Def) -> String {
        format!("{}/{}", self.scheduler, def.name)
    }

    fn firing(&self, def: &Def, due: i64) -> String {
        format!("{}@{}", self.key(def), instant::to_text(due))
    }

    fn end(&self, def: &Def, due: i64) -> String {
        format!("{}#done", self.firing(def, due))
    }
}

/// Waits for an answer, for a time: a ledger that hangs is away.
async fn answered<T>(answer: Answer<'_, T>, time: Duration) -> Result<T, BoxError> {
    let unanswered = |_| Err(format!("the ledger has not answered within {time:?}").into());
    timeout(time, answer).await.unwrap_or_else(unanswered)
}

fn known(last: &str, now: i64) -> Option<i64> {
    instant::from_text(last).filter(|last| !is_ahead(*last, now))
}

/// Tells whether a last firing is of a clock that was wrong.
fn is_ahead(last: i64, now: i64) -> bool {
    last > now.saturating_add(CORRECTION)
}
