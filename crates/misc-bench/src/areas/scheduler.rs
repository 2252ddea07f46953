//! What a task costs that is armed, and one that fires: misc beside one tokio task for each, which sleeps and runs.
//!
//! A case is a way to be due and a number of tasks: of a `herd` all are due at the same moment, those of `spread` one after
//! the other within 5 s. Each fires once, and notes when it began.
//!
//! - `tokio-tasks`: `sleep_until`, then the work; nobody can see or stop it.
//! - `misc`: a `Scheduler` with a task for each.
//!
//! `cpu` is the processor time of a firing, that of sleeping threads included; `p99` and `max` are how late work began,
//! `lost` how many did not within 5 s more. `add` is the time to describe and arm a task. `bytes` are held on the heap for each
//! while all are armed, as asked for, its name included.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use misc_core::App;
use misc_scheduler::{Run, Scheduler, every};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use crate::{Area, Contender, Error, Measure, Probe, Role, usage::processor_seconds};

pub(super) const AREA: Area = Area {
    name: "scheduler",
    contenders: &[Contender::new("tokio-tasks", Role::Peer), Contender::new("misc", Role::Ours)],
    cases: &["herd/1000", "herd/10000", "spread/10000", "spread/100000"],
    speed: Probe {
        figures: &[Measure::lower("cpu", "us"), Measure::lower("p99", "ms"), Measure::lower("add", "us")],
        details: &[Measure::lower("max", "ms"), Measure::lower("lost", "count")],
        take: fire,
    },
    weight: Some(Probe { figures: &[Measure::lower("bytes", "B")], details: &[], take: weigh }),
    work: None,
    load: None,
};

/// How long the first one has to wait.
const FIRST: Duration = Duration::from_millis(1_500);
const SPREAD: Duration = Duration::from_secs(5);

/// When each began, in microseconds after it was due; one more, so that 0 stands for not yet.
#[derive(Clone)]
struct Late(Arc<[AtomicU64]>);

impl Late {
    fn new(tasks: u32) -> Self {
        Self((0..tasks).map(|_| AtomicU64::new(0)).collect())
    }

    fn note(&self, task: usize, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX - 1);
        self.0[task].store(micros + 1, Ordering::Relaxed);
    }

    /// In milliseconds, in order.
    fn sorted(&self) -> Vec<f64> {
        let noted = self.0.iter().map(|late| late.load(Ordering::Relaxed)).filter(|late| *late > 0);
        let mut all: Vec<_> = noted.map(|late| Duration::from_micros(late - 1).as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// When each is due, after the start.
fn dues(case: &str) -> Result<Vec<Duration>, Error> {
    let (kind, tasks) = case.split_once('/').ok_or("a case is a way to be due and a number of tasks")?;
    let tasks: u32 = tasks.parse()?;
    let due = |task| match kind {
        "spread" => Ok(FIRST + SPREAD * task / tasks),
        "herd" => Ok(FIRST),
        _ => Err(format!("nothing is due as a `{kind}`").into()),
    };
    (0..tasks).map(due).collect()
}

fn runtime() -> Result<Runtime, Error> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Measures firings.
fn fire(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let dues = dues(case)?;
    let tasks = u32::try_from(dues.len())?;
    let (late, last) = (Late::new(tasks), dues.last().copied().unwrap_or_default());
    let noted = late.clone();
    let (add, cpu) = runtime()?.block_on(armed(contender, dues, late, async move |add| {
        sleep(FIRST - Duration::from_millis(100)).await;
        let before = processor_seconds()?;
        sleep(last - FIRST + Duration::from_millis(200)).await;
        for _ in 0..50 {
            if noted.sorted().len() == noted.0.len() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let cpu = processor_seconds()? - before;
        let lates = noted.sorted();
        Ok::<_, Error>((add, (cpu, lates)))
    }))??;
    let (cpu, lates) = cpu;
    let at = |share: f64| lates.get((share * (lates.len() as f64 - 1.0)) as usize).copied().unwrap_or(f64::NAN);
    let lost = f64::from(tasks) - lates.len() as f64;
    let each = 1e6 / f64::from(tasks);
    Ok(vec![cpu * each, at(0.99), add.as_secs_f64() * each, at(1.0), lost])
}

/// Measures what is held for each while all are armed.
fn weigh(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let dues = dues(case)?;
    let tasks = f64::from(u32::try_from(dues.len())?);
    let (late, runtime) = (Late::new(u32::try_from(dues.len())?), runtime()?);
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let held = runtime.block_on(armed(contender, dues, late, async move |_| {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    }))?;
    Ok(vec![f64::from(u32::try_from(held)?) / tasks])
}

/// Arms them all, looks, and lets them go; `look` is told how long arming took.
async fn armed<T>(
    contender: &str,
    dues: Vec<Duration>,
    late: Late,
    look: impl AsyncFnOnce(Duration) -> T,
) -> Result<T, Error> {
    match contender {
        "tokio-tasks" => Ok(tasks(dues, late, look).await),
        "misc" => misc(dues, late, look).await,
        _ => Err(format!("nobody is called `{contender}`").into()),
    }
}

async fn tasks<T>(dues: Vec<Duration>, late: Late, look: impl AsyncFnOnce(Duration) -> T) -> T {
    let start = Instant::now();
    let mut set = JoinSet::new();
    for (at, due) in dues.into_iter().enumerate() {
        let late = late.clone();
        set.spawn(async move {
            sleep_until(start + due).await;
            late.note(at, (start + due).elapsed());
        });
    }
    look(start.elapsed()).await
}

async fn misc<T>(dues: Vec<Duration>, late: Late, look: impl AsyncFnOnce(Duration) -> T) -> Result<T, Error> {
    let start = Instant::now();
    let scheduler = dues.into_iter().enumerate().fold(Scheduler::new(), |scheduler, (at, due)| {
        let work = async |(at, late): (usize, Late), run: Run| late.note(at, run.due().elapsed().unwrap_or_default());
        scheduler.task_with(format!("task-{at}"), every(due).limit(1), (at, late.clone()), work)
    });
    let app = App::new("bench").service("tasks", scheduler);
    let (handle, (end, ended)) = (app.handle(), oneshot::channel());
    let mut running = JoinSet::new();
    running.spawn(async move { end.send(app.run().await.is_ok()) });
    handle.ready().await;
    let looked = look(start.elapsed()).await;
    handle.shutdown().await?;
    if ended.await? { Ok(looked) } else { Err("the app has failed".into()) }
}
