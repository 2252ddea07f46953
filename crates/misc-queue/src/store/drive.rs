//! What an open store has to do beside what it is asked for, by whichever service of it is there to do it.

use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};

use futures_util::{future::join_all, join};
use misc_core::{CancellationToken, Context, Gauge, Meter, Task};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, error, info, warn};

use super::{Hold, Open, Phase, Store, lanes};
use crate::{
    engine::{Ended, Session, Swept},
    error::one_line,
    status::{QueueStatus, State},
    worker::Bench,
};

/// How often it is looked at whether jobs shall be cancelled, at most.
const CANCELS: Duration = Duration::from_millis(50);
/// How many times as rarely jobs are counted if that takes long.
const RARELY: u32 = 20;
/// How much of its time to stop a service has left when it does not wait for the store any more.
const LEFT: Duration = Duration::from_millis(100);
/// How often the store is told of jobs whose worker is gone, while there are any.
const SETTLES: Duration = Duration::from_secs(1);
/// How often it is swept at least, however long the lease.
const SWEEPS: Duration = Duration::from_secs(15);

/// The task of a service that drives the store while it is that service's turn.
pub(crate) struct Driver {
    stop: CancellationToken,
    task: Task<()>,
}

impl Driver {
    /// Ends it, after what it is about to store.
    async fn end(mut self) {
        self.stop.cancel();
        (&mut self.task).await.ok();
    }
}

/// Whoever has no time to wait for its end drops it: what it was about to store is uncertain then.
impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hold {
    /// Drives the store until the driver is ended; waits as long as another service does it.
    pub(crate) fn drive(&self, ctx: &Context) -> Driver {
        self.store.shared.meter.get_or_init(|| ctx.meter().clone());
        let stop = CancellationToken::new();
        let (store, meter, token) = (self.store.clone(), ctx.meter().clone(), stop.clone());
        let task = ctx.spawn(async move { drive(&store, &meter, &token).await });
        Driver { stop, task }
    }

    /// Ends the driver and gives the hold up, within the time that the service has to stop: a store that hangs does not
    /// make it late.
    pub(crate) async fn end(self, driver: Driver, ctx: &Context) {
        let end = async {
            driver.end().await;
            self.release().await;
        };
        let Some(deadline) = ctx.stop_deadline() else { return end.await };
        let left = LEFT.min(deadline.saturating_duration_since(Instant::now()) / 2);
        if timeout_at(deadline - left, end).await.is_err() {
            warn!(
                "the store does not answer and is left as it is: the jobs of this process go back when its lease ends"
            );
        }
    }
}

async fn drive(store: &Store, meter: &Meter, stop: &CancellationToken) {
    let shared = &store.shared;
    let Some(mut receivers) = stop.run_until_cancelled(shared.lanes.receivers.lock()).await else { return };
    let open = match &*shared.phase.borrow() {
        Phase::Open(open) => Arc::clone(open),
        Phase::NotYet | Phase::Closed | Phase::Dropped => return,
    };
    let beside = async {
        let (sweep, count) = (sweep(store, &open, meter), count(store, &open, meter));
        join!(beat(store, &open), sweep, count, settle(store, &open), async {
            open.engine.watch(&shared.wakes).await;
            pending::<()>().await;
        });
    };
    let flushes = receivers.each_mut().map(|receiver| lanes::flush(receiver, &open.engine, &shared.wakes, stop));
    tokio::select! {
        biased;
        _ = join_all(flushes) => {}
        () = beside => {}
    }
}

/// Keeps the lease of the session, and begins another one if it was lost; cancels what others want to be cancelled.
async fn beat(store: &Store, open: &Open) {
    let lease = store.shared.config.lease;
    let mut until = Instant::now() + lease;
    let mut pause = lease / 3;
    let (wakes, mut soon) = (&store.shared.wakes, Duration::ZERO);
    loop {
        timeout(pause, wakes.until_changed()).await.ok();
        let (asked, session) = (Instant::now(), open.session());
        let beat = match open.engine.beat(session, lease).await {
            Ok(None) => renew(open, lease).await.map(|()| {
                // What was claimed for the session that is lost has found nothing.
                wakes.all();
                lease / 3
            }),
            Ok(Some(cancelled)) => {
                // One that is on its way here from the store is cancelled when it has come.
                let are_here = cancelled.iter().all(|job| wakes.has(*job, session));
                wakes.cancel(&cancelled);
                let pause = if are_here { lease / 3 } else { soon };
                soon = if are_here { Duration::ZERO } else { (soon * 2 + CANCELS).min(lease / 3) };
                Ok(pause)
            }
            Err(error) => Err(error),
        };
        pause = match beat {
            Ok(pause) => {
                until = asked + lease;
                pause
            }
            Err(error) => {
                let left = until.saturating_duration_since(Instant::now());
                warn!(error = %one_line(&error), ?left, "cannot keep the lease on running jobs");
                (lease / 10).min(Duration::from_secs(1))
            }
        };
        sleep(CANCELS.min(lease / 10)).await;
    }
}

async fn renew(open: &Open, lease: Duration) -> Result<(), crate::Error> {
    warn!("the lease on running jobs was lost: others may be running them again");
    open.renew(open.engine.enter(lease).await?);
    Ok(())
}

/// Tells the store what has become of jobs whose worker was dropped, until it knows it of all.
async fn settle(store: &Store, open: &Open) {
    let wakes = &store.shared.wakes;
    loop {
        for bench in wakes.left() {
            match settle_one(store, open, &bench).await {
                Ok(()) if bench.is_empty() && !bench.is_in_doubt() => wakes.forget(&bench),
                Ok(()) => {}
                Err(error) => debug!(error = %one_line(&error), "cannot give jobs back whose worker is gone"),
            }
        }
        if wakes.left().is_empty() {
            wakes.until_left().await;
        } else {
            sleep(SETTLES).await;
        }
    }
}

async fn settle_one(store: &Store, open: &Open, bench: &Bench) -> Result<(), crate::Error> {
    let _turning = store.shared.turning.write().await;
    let (wakes, session) = (&store.shared.wakes, open.session());
    // Also those whose claim was not answered before the worker went.
    for job in open.engine.held(session, bench.queue()).await? {
        if !wakes.has(job.id, session) {
            bench.give_back(session, job.id);
        }
    }
    let mut taken = Taken { bench, ended: Vec::new() };
    bench.take_ended(&mut taken.ended);
    taken.ended.retain(|(of, _)| *of == session);
    let own: Vec<_> = taken.ended.iter().map(|(_, ended)| ended.clone()).collect();
    if own.is_empty() {
        return Ok(());
    }
    open.engine.turn(session, &own, None).await?;
    taken.ended.clear();
    info!(queue = bench.queue(), jobs = own.len(), "told the store of jobs whose worker is gone");
    wakes.ended();
    wakes.pushed(bench.queue());
    Ok(())
}

/// What is over, put back unless the store was told of it.
struct Taken<'a> {
    bench: &'a Bench,
    ended: Vec<(Session, Ended)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.bench.put_back(&mut self.ended);
    }
}

/// Brings back what processes have died with, and deletes what was kept for long enough.
async fn sweep(store: &Store, open: &Open, meter: &Meter) {
    let config = &store.shared.config;
    let mut away = false;
    loop {
        let more = match open.engine.sweep(&config.keep).await {
            Ok(swept) => {
                away = false;
                report(store, &swept, meter);
                swept.more
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    warn!(error = %one_line(&error), "cannot sweep the store");
                }
                false
            }
        };
        let pause = if more { Duration::from_millis(10) } else { (config.lease / 2).min(SWEEPS) };
        sleep(pause).await;
    }
}

fn report(store: &Store, swept: &Swept, meter: &Meter) {
    let count = |queue: &str, outcome, jobs| {
        let meter = meter.label("queue", queue).label("outcome", outcome);
        meter.counter("queue_swept_jobs_total", "Jobs whose process has died, or that have expired.").increment(jobs);
    };
    for (queue, jobs) in &swept.recovered {
        info!(queue, jobs, "jobs of a process that has died are available again");
        count(queue, "recovered", *jobs);
        store.shared.wakes.pushed(queue);
    }
    for (queue, jobs) in &swept.poisoned {
        error!(queue, jobs, "jobs are dead: a process has died with each of them for the third time");
        count(queue, "poisoned", *jobs);
    }
    for (queue, jobs) in &swept.expired {
        info!(queue, jobs, "jobs have expired");
        count(queue, "expired", *jobs);
    }
    if !swept.poisoned.is_empty() || !swept.expired.is_empty() {
        store.shared.wakes.ended();
    }
}

/// Counts jobs at every third poll, or more rarely if it would take more than a hundredth of the time, or fails.
async fn count(store: &Store, open: &Open, meter: &Meter) {
    let mut gauges = Gauges { meter, known: HashMap::new() };
    let mut failures = 0_u32;
    let often = store.shared.config.poll * 3;
    loop {
        let begun = Instant::now();
        let pause = match open.engine.queues().await {
            Ok(queues) => {
                failures = 0;
                gauges.set(&queues);
                store.shared.counted(Some(queues));
                (begun.elapsed() * 100).clamp(often, often * RARELY)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    warn!(error = %one_line(&error), "cannot count jobs: metrics and health know no better than before");
                } else {
                    store.shared.counted(None);
                }
                // Soon, since nobody knows how it is; but counting may be what is too much.
                often * 2_u32.pow(failures.min(3) - 1)
            }
        };
        sleep(pause).await;
    }
}

struct Gauges<'a> {
    meter: &'a Meter,
    known: HashMap<String, ([Gauge; 5], Gauge)>,
}

impl Gauges<'_> {
    fn set(&mut self, queues: &[QueueStatus]) {
        let gone: Vec<_> = self.known.keys().filter(|name| queues.iter().all(|queue| queue.name != **name)).collect();
        for (states, oldest) in gone.into_iter().filter_map(|name| self.known.get(name)) {
            states.iter().chain([oldest]).for_each(|gauge| gauge.set(0.0));
        }
        for queue in queues {
            let (states, oldest) = match self.known.get(&queue.name) {
                Some(known) => known,
                None => self.known.entry(queue.name.clone()).or_insert(gauges(self.meter, &queue.name)),
            };
            let counts = [queue.scheduled, queue.available, queue.running, queue.retryable, queue.dead];
            for (gauge, jobs) in states.iter().zip(counts) {
                #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
                gauge.set(jobs as f64);
            }
            oldest.set(queue.oldest.unwrap_or_default().as_secs_f64());
        }
    }
}

fn gauges(meter: &Meter, queue: &str) -> ([Gauge; 5], Gauge) {
    let meter = meter.label("queue", queue);
    let states = [State::Scheduled, State::Available, State::Running, State::Retryable, State::Dead];
    let gauge = |state: State| meter.label("state", state.as_str()).gauge("queue_jobs", "Jobs in the store.");
    let oldest = meter.gauge("queue_oldest_job_seconds", "How long the oldest job that may be begun has been due.");
    (states.map(gauge), oldest)
}
