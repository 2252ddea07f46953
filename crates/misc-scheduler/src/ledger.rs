//! The ledger: whose a firing is, and which one was the last.

mod file;
mod memory;

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use misc_core::{BoxError, Context, Ledger};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

pub use self::{file::FileLedger, memory::MemoryLedger};
use crate::{
    engine::{one_line, panic_message},
    instant,
    policy::WhenAway,
    task::Def,
};

/// How long a claim holds: by then every replica has seen that the firing was remembered.
const CLAIMED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a firing waits for a ledger that is away, unless its task says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the ledger may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// The dyn-compatible twin of [`Ledger`].
pub(crate) trait DynLedger: Send + Sync {
    fn claim<'a>(&'a self, key: &'a str, until: i64) -> Answer<'a, bool>;
    fn remember<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()>;
    fn recall<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>>;
}

impl<L: Ledger> DynLedger for L {
    fn claim<'a>(&'a self, key: &'a str, until: i64) -> Answer<'a, bool> {
        Box::pin(answered(async move { Ledger::claim(self, key, instant::to_system_time(until)).await }))
    }

    fn remember<'a>(&'a self, key: &'a str, value: &'a str) -> Answer<'a, ()> {
        Box::pin(answered(async move { Ledger::remember(self, key, value).await }))
    }

    fn recall<'a>(&'a self, key: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(answered(async move { Ledger::recall(self, key).await }))
    }
}

/// Waits for an answer, for a time: a ledger that hangs is away, and so is one that panics.
async fn answered<T>(answer: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    match timeout(ANSWER, AssertUnwindSafe(answer).catch_unwind()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(format!("the ledger has panicked: {}", panic_message(&*panic)).into()),
        Err(_) => Err(format!("the ledger has not answered within {ANSWER:?}").into()),
    }
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
    /// Nobody can say.
    Away,
}

impl Claims {
    pub(crate) fn new(ledger: Arc<dyn DynLedger>, when_away: WhenAway, scheduler: &str) -> Self {
        Self { ledger, when_away, scheduler: scheduler.into() }
    }

    /// Claims a firing. Unless it may be run again, it is remembered as the last one before it begins.
    pub(crate) async fn claim(&self, def: &Def, due: i64, now: i64, ctx: &Context) -> Claim {
        let until = match def.policy.rerun_after {
            Some(time) => now.saturating_add(instant::micros(time)),
            None => due.max(now).saturating_add(instant::micros(CLAIMED)),
        };
        let claim = self.until_answered(def, due, until, ctx).await;
        if claim == Claim::Won && def.policy.rerun_after.is_none() {
            self.remember(def, due).await;
        }
        claim
    }

    /// Remembers a firing as the last one.
    pub(crate) async fn remember(&self, def: &Def, due: i64) {
        if let Err(error) = self.ledger.remember(&self.key(def), &instant::to_text(due)).await {
            warn!(task = %def.name, error = one_line(&*error), "the ledger cannot remember this firing");
        }
    }

    async fn ask(&self, def: &Def, due: i64, until: i64) -> Result<Claim, BoxError> {
        let key = self.key(def);
        if def.policy.rerun_after.is_some() {
            let last = self.ledger.recall(&key).await?;
            if last.and_then(|last| instant::from_text(&last)).is_some_and(|last| last >= due) {
                return Ok(Claim::Finished);
            }
        }
        let is_won = self.ledger.claim(&format!("{key}@{}", instant::to_text(due)), until).await?;
        Ok(if is_won { Claim::Won } else { Claim::Elsewhere })
    }

    async fn until_answered(&self, def: &Def, due: i64, until: i64, ctx: &Context) -> Claim {
        let (asked, patience) = (Instant::now(), def.policy.grace.unwrap_or(PATIENCE));
        loop {
            let error = match self.ask(def, due, until).await {
                Ok(claim) => return claim,
                Err(error) => one_line(&*error),
            };
            if self.when_away == WhenAway::Run {
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

    /// Returns the last firing; if there was none, remembers that the schedule begins now.
    ///
    /// # Errors
    /// When the ledger is away.
    pub(crate) async fn last(&self, def: &Def, now: i64) -> Result<Option<i64>, BoxError> {
        let key = self.key(def);
        let last = self.ledger.recall(&key).await?;
        if let Some(last) = last {
            let known = instant::from_text(&last);
            return known
                .map(Some)
                .ok_or_else(|| format!("`{key}` in the ledger is `{last}`, which is no time").into());
        }
        self.ledger.remember(&key, &instant::to_text(now)).await?;
        Ok(None)
    }

    pub(crate) fn waits(&self) -> bool {
        self.when_away == WhenAway::Wait
    }

    fn key(&self, def: &Def) -> String {
        format!("{}/{}", self.scheduler, def.name)
    }
}
