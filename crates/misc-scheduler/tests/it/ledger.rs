//! What a ledger keeps: last firings, and whose each one is.

mod answers;
mod beat;
mod book;
mod file;
mod rerun;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use misc_core::{BoxError, Ledger};
use misc_scheduler::{Clock, FileLedger, MemoryLedger, Misfire, Overlap, Scheduler, WhenAway, at, cron, daily, every};

use crate::subject::{MS, Notes, SECS, pass, run_for, scheduler_at, start, time};

/// Four replicas of a task that is due each second, and takes 0.3 s.
async fn replicas(ledger: impl Ledger + Clone) -> Vec<String> {
    let notes = Notes::taking(MS(300));
    let mut app = misc_core::App::new("shop");
    for replica in 0..4 {
        let scheduler = Scheduler::new()
            .ledger(ledger.clone())
            .clock(Clock::starting_at(time("2037-01-01T00:00:00Z")))
            .add(notes.task("task", cron("* * * * * *")));
        // Each is an app of its own, so that they have the same names.
        let group = misc_core::App::new(format!("{replica}")).service("tasks", scheduler);
        app = app.service(format!("{replica}"), group);
    }
    let app = misc_test::TestApp::start(app).await;
    pass(MS(10_500)).await;
    app.stop().await.assert_clean().await;
    let mut due = notes.due();
    due.sort();
    due
}

#[tokio::test(start_paused = true)]
async fn a_firing_starts_on_one_replica() {
    let seconds: Vec<_> = (1..=10).map(|second| format!("2037-01-01T00:00:{second:02}Z")).collect();
    assert_eq!(replicas(Named(MemoryLedger::new())).await, seconds);
}

/// A ledger for schedulers in several groups: without the groups in the keys.
#[derive(Clone)]
struct Named(MemoryLedger);

fn short(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, rest)| rest)
}

impl Ledger for Named {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        self.0.claim(short(key), until).await
    }
    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        self.0.remember(short(key), value).await
    }
    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        self.0.recall(short(key)).await
    }
}

/// Runs a daily task for a while, again from a later time on, and returns for when all runs were planned.
async fn restart(ledger: impl Ledger + Clone, misfire: Misfire) -> Vec<String> {
    let notes = Notes::new();
    let scheduler = |from: &str| {
        let task = notes.task("task", daily("09:00")).misfire(misfire).overlap(Overlap::QueueAll);
        scheduler_at(from).ledger(ledger.clone()).add(task)
    };
    run_for(scheduler("2037-01-01T08:00:00Z"), SECS(7_200)).await;
    run_for(scheduler("2037-01-04T12:00:00Z"), SECS(86_400)).await;
    notes.due()
}

#[tokio::test(start_paused = true)]
async fn a_restart_catches_up_by_the_misfire_policy() {
    let day = |day| format!("2037-01-{day:02}T09:00:00Z");
    let table = [
        (Misfire::Skip, vec![day(1), day(5)]),
        (Misfire::Once, vec![day(1), day(4), day(5)]),
        (Misfire::All, vec![day(1), day(2), day(3), day(4), day(5)]),
    ];
    for (misfire, due) in table {
        assert_eq!(restart(MemoryLedger::new(), misfire).await, due, "{misfire:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_together_catch_up_once() {
    // The ledger looks at the same clock as the schedulers here, on which a claim of long ago is over.
    let (ledger, notes) = (MemoryLedger::new(), Notes::taking(SECS(1)));
    let month = SECS(30 * 86_400);
    let long_ago = humantime::format_rfc3339(SystemTime::now() - 2 * month).to_string();
    ledger.remember("tasks/task", &long_ago).await.unwrap();
    let due = SystemTime::now() - month;
    let replica = || Scheduler::new().ledger(ledger.clone()).add(notes.task("task", at(due)));
    let (first, second) = tokio::join!(start(replica()), start(replica()));
    pass(SECS(10)).await;
    assert_eq!(notes.runs(), 1);
    first.stop().await.assert_ok();
    second.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_last_firing_that_lies_ahead_is_of_a_clock_that_was_wrong() {
    let (ledger, notes) = (MemoryLedger::new(), Notes::new());
    ledger.remember("tasks/task", "2040-01-01T00:00:00Z").await.unwrap();
    let scheduler = scheduler_at("2037-01-01T08:59:00Z").ledger(ledger).add(notes.task("task", daily("09:00")));
    run_for(scheduler, SECS(120)).await;
    assert_eq!(notes.due(), ["2037-01-01T09:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_never_run_is_caught_up_on_from_its_first_start() {
    let (ledger, notes) = (MemoryLedger::new(), Notes::new());
    let scheduler =
        |from: &str| scheduler_at(from).ledger(ledger.clone()).add(notes.task("task", at("2037-01-01T09:00:00Z")));
    run_for(scheduler("2037-01-01T08:00:00Z"), SECS(60)).await;
    run_for(scheduler("2037-01-01T10:00:00Z"), SECS(60)).await;
    run_for(scheduler("2037-01-01T11:00:00Z"), SECS(60)).await;
    assert_eq!(notes.due(), ["2037-01-01T09:00:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_local_or_of_no_common_time_runs_on_each_replica() {
    let (ledger, local, interval) = (MemoryLedger::new(), Notes::new(), Notes::new());
    for _ in 0..2 {
        let scheduler = scheduler_at("2037-01-01T00:00:00Z")
            .ledger(ledger.clone())
            .add(local.task("local", cron("* * * * * *")).local())
            .add(interval.task("interval", every(SECS(1))));
        run_for(scheduler, MS(2_500)).await;
    }
    assert_eq!((local.runs(), interval.runs()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_firing_whose_replica_dies_is_run_again_where_that_was_chosen() {
    let (ledger, notes) = (MemoryLedger::new(), [Notes::taking(SECS(2)), Notes::taking(SECS(2))]);
    let noon = SystemTime::now() + SECS(60);
    let scheduler = |notes: &Notes| {
        let task = notes.task("task", at(noon)).rerun_after(SECS(10)).on_stop(misc_scheduler::OnStop::Cancel);
        Scheduler::new().ledger(ledger.clone()).add(task)
    };
    let (first, second) = (start(scheduler(&notes[0])).await, start(scheduler(&notes[1])).await);
    tokio::time::sleep(SECS(61)).await;
    let runs = notes.each_ref().map(Notes::runs);
    assert_eq!(runs.iter().sum::<usize>(), 1);
    // Whoever it is, it does not finish.
    let is_first = runs[0] == 1;
    let (dies, lives) = if is_first { (first, second) } else { (second, first) };
    let [of_the_dead, of_the_living] = if is_first {
        notes
    } else {
        let [a, b] = notes;
        [b, a]
    };
    dies.stop().await.assert_ok();
    pass(SECS(33)).await;
    assert_eq!((of_the_dead.runs(), of_the_dead.ends()), (1, 0));
    assert_eq!((of_the_living.runs(), of_the_living.ends()), (1, 1));
    lives.stop().await.assert_clean().await;
    // What was finished is not run again by one that starts later.
    run_for(scheduler(&of_the_living), SECS(60)).await;
    assert_eq!(of_the_living.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_was_finished_is_not_run_again() {
    let (ledger, notes) = (MemoryLedger::new(), Notes::taking(SECS(2)));
    let noon = SystemTime::now() + SECS(60);
    let scheduler = || Scheduler::new().ledger(ledger.clone()).add(notes.task("task", at(noon)).rerun_after(SECS(10)));
    let (first, second) = (start(scheduler()).await, start(scheduler()).await);
    pass(SECS(120)).await;
    assert_eq!((notes.runs(), notes.ends()), (1, 1));
    first.stop().await.assert_ok();
    second.stop().await.assert_clean().await;
}

/// A ledger that is away at times.
#[derive(Clone, Default)]
struct Flaky {
    inner: MemoryLedger,
    is_away: Arc<AtomicBool>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Flaky {
    fn ask(&self, key: &str) -> Result<(), BoxError> {
        self.keys.lock().unwrap().push(key.to_owned());
        if self.is_away.load(Ordering::Relaxed) { Err("no route to the ledger".into()) } else { Ok(()) }
    }
}

impl Ledger for Flaky {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        self.ask(key)?;
        self.inner.claim(key, until).await
    }
    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        self.ask(key)?;
        self.inner.remember(key, value).await
    }
    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        self.ask(key)?;
        self.inner.recall(key).await
    }
}

/// A task that is due each minute, with a grace of 30 s; the ledger is away from 50 s on, for some seconds.
async fn away(seconds: u64, when_away: WhenAway) -> (Vec<u128>, u64) {
    let (ledger, notes) = (Flaky::default(), Notes::new());
    let scheduler = scheduler_at("2037-01-01T00:00:00Z")
        .ledger(ledger.clone())
        .when_away(when_away)
        .add(notes.task("task", cron("* * * * *")).grace(SECS(30)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(SECS(50)).await;
    ledger.is_away.store(true, Ordering::Relaxed);
    tokio::time::sleep(MS(seconds * 1_000 + 500)).await;
    ledger.is_away.store(false, Ordering::Relaxed);
    tokio::time::sleep(SECS(130 - seconds - 50)).await;
    let misfires = tasks.status("task").unwrap().misfires;
    app.stop().await.assert_clean().await;
    (notes.began(), misfires)
}

#[tokio::test(start_paused = true)]
async fn a_firing_waits_for_a_ledger_that_is_away_until_its_grace_is_over() {
    assert_eq!(away(15, WhenAway::Wait).await, (vec![66_000, 120_000], 0));
    assert_eq!(away(45, WhenAway::Wait).await, (vec![120_000], 1));
    assert_eq!(away(45, WhenAway::Run).await, (vec![60_000, 120_000], 0));
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_for_the_ledger() {
    let (ledger, notes) = (Flaky::default(), Notes::new());
    ledger.is_away.store(true, Ordering::Relaxed);
    let scheduler =
        scheduler_at("2037-01-01T00:00:00Z").ledger(ledger.clone()).add(notes.task("task", cron("* * * * *")));
    let app = misc_test::TestApp::launch(crate::subject::app(scheduler));
    tokio::time::sleep(MS(10_500)).await;
    ledger.is_away.store(false, Ordering::Relaxed);
    app.ready().await;
    pass(SECS(60)).await;
    assert_eq!(notes.due(), ["2037-01-01T00:01:00Z"]);
    let keys = ledger.keys.lock().unwrap().clone();
    assert!(keys.contains(&"tasks/task@2037-01-01T00:01:00Z".to_owned()), "{keys:?}");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_file_is_shared_by_who_uses_it_and_outlives_them() {
    let path = std::env::temp_dir().join(format!("misc-ledger-{}.json", std::process::id()));
    let tomorrow = SystemTime::now() + SECS(86_400);
    let (one, other) = (FileLedger::new(&path), FileLedger::new(&path));
    let claims: Vec<_> = (0..20).map(|at| if at % 2 == 0 { one.clone() } else { other.clone() }).collect();
    let claims = claims.into_iter().map(|ledger| async move { ledger.claim("key", tomorrow).await.unwrap() });
    let won = futures_util::future::join_all(claims).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert!(other.claim("over", SystemTime::now() - SECS(1)).await.unwrap());
    assert!(one.claim("over", tomorrow).await.unwrap());
    assert_eq!(one.recall("last").await.unwrap(), None);
    one.remember("last", "2037").await.unwrap();
    assert_eq!(FileLedger::new(&path).recall("last").await.unwrap().as_deref(), Some("2037"));
    for suffix in ["", ".lock", ".new"] {
        drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
    }
    let missing = FileLedger::new("/nowhere/ledger.json").recall("last").await.unwrap_err().to_string();
    assert!(missing.starts_with("the ledger `/nowhere/ledger.json` cannot be used"), "{missing}");
}

/// A ledger that answers claims, and nothing else: it hangs, or panics.
#[derive(Clone)]
struct Broken {
    hangs: bool,
}

impl Broken {
    async fn ask<T>(&self) -> Result<T, BoxError> {
        assert!(self.hangs, "out of ink");
        std::future::pending().await
    }
}

impl Ledger for Broken {
    async fn claim(&self, _: &str, _: SystemTime) -> Result<bool, BoxError> {
        self.ask().await
    }
    async fn remember(&self, _: &str, _: &str) -> Result<(), BoxError> {
        self.ask().await
    }
    async fn recall(&self, _: &str) -> Result<Option<String>, BoxError> {
        self.ask().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_hangs_or_panics_is_away() {
    for hangs in [true, false] {
        let notes = Notes::new();
        let scheduler = scheduler_at("2037-01-01T00:00:00Z")
            .ledger(Broken { hangs })
            .when_away(WhenAway::Run)
            .add(notes.task("task", cron("* * * * *")));
        let app = start(scheduler).await;
        pass(SECS(150)).await;
        assert_eq!(notes.runs(), 2, "{hangs}");
        app.stop().await.assert_ok();
    }
}

#[tokio::test(start_paused = true)]
async fn a_firing_to_be_run_again_is_not_that_of_a_task_that_has_come_later() {
    let other = Notes::new();
    let noon = SystemTime::now() + SECS(60);
    let scheduler = Scheduler::new()
        .ledger(Elsewhere(MemoryLedger::new()))
        .add(Notes::new().task("task", at(noon)).rerun_after(SECS(10)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(SECS(61)).await;
    tasks.remove("task").unwrap();
    tasks.add(other.task("other", misc_scheduler::manual()).local()).unwrap();
    pass(SECS(60)).await;
    assert_eq!(other.runs(), 0);
    app.stop().await.assert_clean().await;
}

/// A ledger in which all firings of `task` are claimed by others.
struct Elsewhere(MemoryLedger);

impl Ledger for Elsewhere {
    async fn claim(&self, key: &str, _: SystemTime) -> Result<bool, BoxError> {
        Ok(!key.starts_with("tasks/task@"))
    }
    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        self.0.remember(key, value).await
    }
    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        self.0.recall(key).await
    }
}

/// A directory of a test's own, which goes with it.
struct Directory(std::path::PathBuf);

impl Directory {
    fn of(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("misc-ledger-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_left_as_it_is() {
    let directory = Directory::of("corrupt");
    let file = directory.0.join("schedule.json");
    std::fs::write(&file, "{ \"claims\": {").expect("a file");
    let ledger = FileLedger::new(&file);
    for error in [ledger.recall("a").await.unwrap_err(), ledger.remember("a", "b").await.unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains(&*file.display().to_string()) && error.contains("move it away"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "{ \"claims\": {");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_leaves_the_old_ledger() {
    let directory = Directory::of("full");
    let file = directory.0.join("schedule.json");
    let ledger = FileLedger::new(&file);
    ledger.remember("a", "before").await.expect("there is room");
    // What is to replace the file is written to a device that is always full.
    let fresh = directory.0.join("schedule.json.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).expect("a link");
    let error = ledger.remember("a", "after").await.unwrap_err().to_string();
    assert!(error.contains(&*file.display().to_string()) && error.contains("No space left"), "{error}");
    assert_eq!(ledger.recall("a").await.expect("it can be read").as_deref(), Some("before"));
    std::fs::remove_file(&fresh).expect("it was there");
    ledger.remember("a", "after").await.expect("there is room again");
    assert_eq!(ledger.recall("a").await.expect("it can be read").as_deref(), Some("after"));
}
