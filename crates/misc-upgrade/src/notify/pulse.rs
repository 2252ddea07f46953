//! The part that keeps time: the watchdog's pings, more time for the stop, and what did not get through.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use misc_core::{Driver, Phase, resource};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{info, warn};

use super::nudge::Nudge;
use crate::manager::Manager;

/// Asks for twice the time until it is asked again.
pub(super) const EXTENSION: &str = "EXTEND_TIMEOUT_USEC=10000000";
const EXTEND_EVERY: Duration = Duration::from_secs(5);

/// Asks for the health of the app.
#[derive(Clone)]
pub(super) struct Health(Arc<dyn Fn() -> Answer + Send + Sync>);

type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

impl Health {
    pub(super) fn new<C, Fut>(input: C, check: impl Fn(C) -> Fut + Send + Sync + 'static) -> Self
    where
        C: Clone + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(check(input.clone()))))
    }

    /// Returns the answer; a panic is a no.
    async fn ask(&self) -> bool {
        let Ok(mut answer) = catch_unwind(AssertUnwindSafe(&*self.0)) else {
            return false;
        };
        poll_fn(|cx| {
            let poll = || answer.as_mut().poll(cx);
            // The panic hook has told what and where.
            catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Poll::Ready(false))
        })
        .await
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health")
    }
}

/// Beats from the start of the app until its resources have closed.
#[derive(Clone)]
pub(super) struct Pulse {
    pub(super) manager: Arc<Manager>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) watchdog: Option<Duration>,
    pub(super) health: Option<Health>,
    pub(super) extends: bool,
}

impl Pulse {
    /// Makes it a resource, since those close last; its task ends when it is dropped.
    pub(super) fn driver(self) -> Driver<Arc<JoinSet<()>>> {
        let open = async |pulse: Self| {
            // Its pings are then late by no more than an eighth of the period.
            let nudge = pulse.watchdog.map(|period| Nudge::start(at_least_1_ms(period / 8))).transpose()?;
            let mut task = JoinSet::new();
            task.spawn(pulse.beat(nudge));
            Ok::<_, io::Error>(Arc::new(task))
        };
        resource(self, open).split().1
    }

    async fn beat(self, _nudge: Option<Nudge>) {
        tokio::join!(self.ping(), self.extend(), self.manager.pay_debts());
    }

    /// Pings the watchdog at half its period, while the app is healthy.
    async fn ping(&self) {
        let Some(period) = self.watchdog else {
            return;
        };
        let mut healthy = true;
        let mut beats = interval(at_least_1_ms(period / 2));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let was_healthy = std::mem::replace(&mut healthy, self.is_healthy(period).await);
            match (was_healthy, healthy) {
                (true, false) => warn!(?period, "the app is not healthy, so the watchdog is not pinged any more"),
                (false, true) => info!("the app is healthy again, and the watchdog is pinged"),
                _ => {}
            }
            if healthy {
                self.manager.beat("WATCHDOG=1");
            }
        }
    }

    /// Asks in a quarter of the period, so that two pings are never further apart than three quarters.
    async fn is_healthy(&self, period: Duration) -> bool {
        match &self.health {
            Some(health) if *self.phase.borrow() == Phase::Ready => {
                timeout(period / 4, health.ask()).await.unwrap_or(false)
            }
            _ => true,
        }
    }

    /// Asks for more time while the app is stopping; the observer has asked first.
    async fn extend(&self) {
        let stopping = async || self.phase.clone().wait_for(|phase| *phase == Phase::Stopping).await.is_ok();
        if !self.extends || !stopping().await {
            return;
        }
        loop {
            sleep(EXTEND_EVERY).await;
            self.manager.beat(EXTENSION);
        }
    }
}

/// Keeps a period without sense from taking a whole processor.
fn at_least_1_ms(time: Duration) -> Duration {
    time.max(Duration::from_millis(1))
}
