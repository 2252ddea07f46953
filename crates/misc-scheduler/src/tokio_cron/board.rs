//! What is known of the jobs of a host, and of their runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt as _;
use misc_core::{Context, Tracked};
use tokio::{sync::Notify, time::Instant};
use tokio_cron_scheduler::job::JobId;
use tracing::{error, warn};

use super::code::{Store, trigger};
use crate::{
    engine::lock,
    health::{Trouble, Unhealthy},
    meters::Meters,
    status::{Outcome, State as Doing, TaskStatus},
};

/// The jobs, for as long as the host is there.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
    /// A run has ended, or there shall be no more.
    changed: Notify,
}

#[derive(Default)]
struct State {
    jobs: HashMap<JobId, Record>,
    names: HashMap<JobId, Arc<str>>,
    ctx: Option<Context>,
    /// Where jobs are that have not run yet, if it can be asked at any time.
    store: Option<Store>,
    is_open: bool,
    was_shut_down: bool,
    active: usize,
    /// Numbers the starts of the service: runs that one has left behind are not those of the next.
    life: u64,
}

/// What a job has done.
#[derive(Default)]
struct Record {
    trigger: Arc<str>,
    meters: Option<Arc<Meters>>,
    active: usize,
    runs: u64,
    failures: u64,
    failures_in_a_row: u32,
    last_start: Option<SystemTime>,
    last_end: Option<SystemTime>,
    last_outcome: Option<Outcome>,
    last_error: Option<Arc<str>>,
    /// A job that is not async has panicked: the scheduler cannot run it any more.
    is_dead: bool,
    is_removed: bool,
}

impl Board {
    pub(super) fn open(&self, ctx: Context, store: Option<Store>) {
        let mut state = lock(&self.state);
        *state = State { ctx: Some(ctx), store, is_open: true, life: state.life + 1, ..State::default() };
    }

    /// Lets no more runs begin.
    pub(super) fn close(&self) {
        lock(&self.state).is_open = false;
    }

    /// Ends with the host, which may leave runs behind.
    pub(super) fn leave(&self) {
        let mut state = lock(&self.state);
        (state.is_open, state.store) = (false, None);
        for (job, record) in state.jobs.iter().filter(|(_, record)| record.active > 0) {
            warn!(task = %state.name(job, record), runs = record.active, "job was left running by the stop");
        }
    }

    /// Waits until nothing runs.
    pub(super) async fn idle(&self) {
        while lock(&self.state).active > 0 {
            self.changed.notified().await;
        }
    }

    pub(super) fn tell_shut_down(&self) {
        lock(&self.state).was_shut_down = true;
        self.changed.notify_one();
    }

    /// Waits until somebody has shut the scheduler down.
    pub(super) async fn shut_down(&self) {
        while !lock(&self.state).was_shut_down {
            self.changed.notified().await;
        }
    }

    pub(super) fn name(&self, job: JobId, name: Arc<str>) {
        let mut state = lock(&self.state);
        state.names.insert(job, name);
        if let Some(record) = state.jobs.get_mut(&job) {
            record.meters = None;
        }
    }

    pub(super) fn knows(&self, job: JobId) -> bool {
        lock(&self.state).jobs.contains_key(&job)
    }

    pub(super) fn meet(&self, job: JobId, trigger: Arc<str>) {
        lock(&self.state).jobs.entry(job).or_default().trigger = trigger;
    }

    /// Forgets a job that was removed, once it does not run any more.
    pub(super) fn forget(&self, job: JobId) {
        let mut state = lock(&self.state);
        if let Some(record) = state.jobs.get_mut(&job) {
            record.is_removed = true;
        }
        state.tidy(job);
    }

    /// Begins a run, unless the host stops.
    pub(super) fn begin(self: &Arc<Self>, job: JobId) -> Option<Running> {
        let mut state = lock(&self.state);
        if !state.is_open {
            return None;
        }
        let ctx = state.ctx.clone()?;
        state.active += 1;
        let name = state.names.get(&job).cloned();
        let life = state.life;
        let record = state.jobs.entry(job).or_default();
        let name = name.unwrap_or_else(|| Arc::clone(&record.trigger));
        record.active += 1;
        record.last_start = Some(SystemTime::now());
        if record.meters.is_none() {
            record.meters = Meters::resolve(&ctx, &name).map(Arc::from);
        }
        let meters = record.meters.clone();
        let active = meters.as_ref().map(|meters| meters.active.track());
        Some(Running { board: Arc::clone(self), life, job, name, meters, active, began: Instant::now(), outcome: None })
    }

    fn end(&self, run: &Running, outcome: Outcome, why: Option<Arc<str>>, dies: bool) {
        let (mut state, job) = (lock(&self.state), run.job);
        if run.life != state.life {
            return;
        }
        state.active -= 1;
        if let Some(record) = state.jobs.get_mut(&job) {
            record.note(outcome, why, dies);
        }
        state.tidy(job);
        self.changed.notify_one();
    }

    fn is_dead(&self, job: JobId) -> bool {
        lock(&self.state).jobs.get(&job).is_some_and(|record| record.is_dead)
    }

    pub(super) fn health(&self) -> Result<(), Unhealthy> {
        let state = lock(&self.state);
        if !state.is_open {
            return Err(Unhealthy::not_running());
        }
        let failed = state.jobs.iter().filter(|(_, record)| record.failures_in_a_row > 0);
        let trouble = |record: &Record| Trouble::Failed(record.last_error.clone().unwrap_or_default());
        let troubles: Vec<_> = failed.map(|(job, record)| (state.name(job, record), trouble(record))).collect();
        if troubles.is_empty() { Ok(()) } else { Err(Unhealthy::of(troubles)) }
    }

    pub(super) fn list(&self) -> Vec<TaskStatus> {
        let store = lock(&self.state).store.clone();
        let planned = store.as_ref().and_then(|store| self.meet_all(store));
        let mut state = lock(&self.state);
        if let Some(planned) = &planned {
            state.jobs.retain(|job, record| record.active > 0 || planned.contains_key(job));
        }
        let next = |job| planned.as_ref().and_then(|planned| planned.get(job).copied().flatten());
        let mut list: Vec<_> = state.jobs.iter().map(|(job, record)| state.status(job, record, next(job))).collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// Says when each job runs next. A store in memory answers at once, or not at all while it is being written.
    fn meet_all(&self, store: &Store) -> Option<HashMap<JobId, Option<SystemTime>>> {
        let ticks = store.try_write().ok()?.list_next_ticks().now_or_never()?.ok()?;
        let time = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).filter(|_| seconds > 0);
        let planned: HashMap<JobId, _> =
            ticks.into_iter().filter_map(|tick| Some((tick.id?.into(), time(tick.next_tick)))).collect();
        for job in planned.keys().filter(|job| !self.knows(**job)) {
            self.meet(*job, trigger(store, *job).now_or_never()?.into());
        }
        Some(planned)
    }
}

impl State {
    fn name(&self, job: &JobId, record: &Record) -> Arc<str> {
        Arc::clone(self.names.get(job).unwrap_or(&record.trigger))
    }

    fn tidy(&mut self, job: JobId) {
        if self.jobs.get(&job).is_none_or(|record| record.is_removed && record.active == 0) {
            self.jobs.remove(&job);
            self.names.remove(&job);
        }
    }

    fn status(&self, job: &JobId, record: &Record, next: Option<SystemTime>) -> TaskStatus {
        let state = match next {
            _ if record.active > 0 => Doing::Running,
            None if self.store.is_some() => Doing::Finished,
            _ => Doing::Waiting,
        };
        TaskStatus {
            name: self.name(job, record),
            trigger: record.trigger.as_ref().to_owned(),
            state,
            active: record.active,
            queued: 0,
            next,
            last_start: record.last_start,
            last_end: record.last_end,
            last_outcome: record.last_outcome,
            last_error: record.last_error.clone(),
            runs: record.runs,
            failures: record.failures,
            failures_in_a_row: record.failures_in_a_row,
            misfires: 0,
            skipped: 0,
            drift: None,
        }
    }
}

impl Record {
    fn note(&mut self, outcome: Outcome, why: Option<Arc<str>>, dies: bool) {
        self.active -= 1;
        self.runs += 1;
        self.is_dead |= dies;
        self.last_end = Some(SystemTime::now());
        self.last_outcome = Some(outcome);
        if outcome.is_failure() {
            self.failures += 1;
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            self.last_error = why;
        } else if outcome == Outcome::Succeeded {
            self.failures_in_a_row = 0;
        }
    }
}

/// A run, which ends when this is dropped.
pub(super) struct Running {
    board: Arc<Board>,
    life: u64,
    job: JobId,
    name: Arc<str>,
    meters: Option<Arc<Meters>>,
    active: Option<Tracked>,
    began: Instant,
    /// `None` while it has not come to its end.
    outcome: Option<Outcome>,
}

impl Running {
    pub(super) fn job(&self) -> JobId {
        self.job
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Ends a run that came to its end.
    pub(super) fn end(mut self, has_panicked: bool) {
        self.outcome = Some(match has_panicked {
            true => Outcome::Panicked,
            false if self.board.is_dead(self.job) => Outcome::Failed,
            false => Outcome::Succeeded,
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.active.take());
        // A job that is not async panics right here.
        let dies = self.outcome.is_none() && thread::panicking();
        let outcome = self.outcome.unwrap_or(if dies { Outcome::Panicked } else { Outcome::Cancelled });
        if let Some(meters) = &self.meters {
            meters.count(outcome.as_str());
            meters.duration.record(self.began.elapsed().as_secs_f64());
        }
        let why = match outcome {
            Outcome::Failed => Some("it has panicked before, and tokio-cron-scheduler cannot run it again"),
            Outcome::Panicked => Some("panicked"),
            _ => None,
        };
        if let Some(error) = why {
            error!(task = &*self.name, error, "job failed");
        }
        self.board.end(self, outcome, why.map(Into::into), dies);
    }
}
