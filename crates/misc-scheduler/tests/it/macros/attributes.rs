//! What each attribute does: what its builder twin does.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, BoxError, Service};
use misc_scheduler::{Clock, MemoryLedger, Next, Retry, Run, Scheduler, State, any_of, cron, daily, service};
use misc_test::TestApp;
use tokio::time::{Instant, sleep};

use crate::subject::{MS, SECS, pass, time};

/// Notes what runs, with the time.
#[derive(Clone)]
struct Notes {
    since: Instant,
    all: Arc<Mutex<Vec<(&'static str, u128)>>>,
}

impl Notes {
    fn new() -> Self {
        Self { since: Instant::now(), all: Arc::default() }
    }

    fn note(&self, what: &'static str) {
        self.all.lock().unwrap().push((what, self.since.elapsed().as_millis()));
    }

    /// When it has run, in milliseconds.
    fn of(&self, what: &str) -> Vec<u128> {
        self.all.lock().unwrap().iter().filter(|(name, _)| *name == what).map(|(_, at)| *at).collect()
    }
}

async fn start(service: impl Service) -> TestApp {
    TestApp::start(App::new("shop").service("tasks", service)).await
}

struct Intervals(Notes, Duration);

#[service]
impl Intervals {
    #[task(every = "500ms")]
    async fn rate(&self) {
        self.0.note("rate");
    }

    #[task(every = "500ms", fixed_delay, immediately)]
    async fn delay(&self) {
        self.0.note("delay");
        sleep(MS(250)).await;
    }

    #[task(interval = "1s", initial_delay = "1500ms")]
    async fn initial(&self) {
        self.0.note("initial");
    }

    #[task(every = self.1, limit = 1)]
    async fn configured(&self) {
        self.0.note("configured");
    }

    #[task(every = "1s", jitter = "100ms")]
    async fn jittered(&self) {
        self.0.note("jittered");
    }

    #[task(manual)]
    async fn manual(&self) {
        self.0.note("manual");
    }
}

#[tokio::test(start_paused = true)]
async fn intervals_are_those_of_every() {
    let notes = Notes::new();
    let (tasks, service) = Intervals(notes.clone(), MS(700)).with_tasks();
    let app = start(service).await;
    pass(SECS(3)).await;
    tasks.run_now("manual").await.unwrap();
    assert_eq!(notes.of("rate"), [500, 1_000, 1_500, 2_000, 2_500]);
    assert_eq!(notes.of("delay"), [0, 750, 1_500, 2_250]);
    assert_eq!(notes.of("initial"), [1_500, 2_500]);
    assert_eq!(notes.of("configured"), [700]);
    assert_eq!(notes.of("manual"), [2_999]);
    let jittered = notes.of("jittered");
    assert!(jittered.len() == 2 && (1_000..1_100).contains(&jittered[0]), "{jittered:?}");
    app.stop().await.assert_clean().await;
}

struct Calendar {
    due: Mutex<Vec<String>>,
    zone: &'static str,
}

impl Calendar {
    fn note(&self, run: &Run) {
        let due = humantime::format_rfc3339_seconds(run.due());
        self.due.lock().unwrap().push(format!("{} {due}", run.task()));
    }

    fn scheduler() -> Scheduler {
        Scheduler::new().clock(Clock::starting_at(time("2027-03-27T00:00:00Z"))).ledger(MemoryLedger::new())
    }
}

#[service(scheduler = Self::scheduler().history(100))]
impl Calendar {
    #[task(daily = "09:00", tz = "Europe/Berlin")]
    async fn daily_report(&self, run: Run) -> Result<(), BoxError> {
        self.note(&run);
        Ok(())
    }

    #[task(cron = "30 9 * * MON-FRI", tz = self.zone, misfire = "once", grace = "1h", local)]
    async fn weekdays(&self, run: Run) {
        self.note(&run);
    }

    #[task(start_time = "06:00", interval = "1d")]
    async fn seed(&self, run: Run) {
        self.note(&run);
    }

    #[task(every = "12h", aligned, until = "2027-03-28T13:00:00Z", rerun_after = "1h")]
    async fn aligned(&self, run: Run) {
        self.note(&run);
    }

    #[task(daily = "00:30", every_days = 2, starting = "2027-03-29")]
    async fn other_days(&self, run: Run) {
        self.note(&run);
    }

    #[task(at = "2027-03-28T10:00:00+01:00")]
    async fn at(&self, run: Run) {
        self.note(&run);
    }

    #[task(trigger = any_of([cron("0 20 * * SAT").into(), daily("21:00").limit(1).into()]))]
    async fn either(&self, run: Run) {
        self.note(&run);
        assert_eq!(run.attempt(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn times_of_day_are_those_of_daily_cron_and_at() {
    let (tasks, service) = Calendar { due: Mutex::default(), zone: "UTC" }.with_tasks();
    let app = start(service).await;
    pass(SECS(60 * 60 * 72)).await;
    let due = |task: &str| -> Vec<String> {
        let history = tasks.history(task).unwrap();
        history.iter().map(|ran| humantime::format_rfc3339_seconds(ran.due).to_string()).collect()
    };
    // The clocks change between the first and the second.
    assert_eq!(due("daily_report"), ["2027-03-27T08:00:00Z", "2027-03-28T07:00:00Z", "2027-03-29T07:00:00Z"]);
    assert_eq!(due("weekdays"), ["2027-03-29T09:30:00Z"]);
    assert_eq!(due("seed"), ["2027-03-27T06:00:00Z", "2027-03-28T06:00:00Z", "2027-03-29T06:00:00Z"]);
    assert_eq!(due("aligned"), ["2027-03-27T12:00:00Z", "2027-03-28T00:00:00Z", "2027-03-28T12:00:00Z"]);
    assert_eq!(due("other_days"), ["2027-03-29T00:30:00Z"]);
    assert_eq!(due("at"), ["2027-03-28T09:00:00Z"]);
    assert_eq!(due("either"), ["2027-03-27T20:00:00Z", "2027-03-27T21:00:00Z"]);
    app.stop().await.assert_clean().await;
}

struct Chain {
    notes: Notes,
    fails: bool,
}

#[service]
impl Chain {
    #[task(every = "1s", name = "first")]
    async fn poll(&self) -> Result<(), BoxError> {
        self.notes.note("poll");
        if self.fails { Err("no answer".into()) } else { Ok(()) }
    }

    #[task(after = poll)]
    async fn log(&self) {
        self.notes.note("log");
    }

    #[task(after = Self::poll, on = "failure")]
    async fn alert(&self) {
        self.notes.note("alert");
    }

    #[task(after = "first", on = "always")]
    async fn count(&self) {
        self.notes.note("count");
    }

    #[task(after = [poll, count])]
    async fn both(&self) {
        self.notes.note("both");
    }

    #[task]
    async fn on_demand(&self) {}

    #[task(after = on_demand)]
    async fn after_on_demand(&self) {
        self.notes.note("after on demand");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_run_after_others() {
    for fails in [false, true] {
        let notes = Notes::new();
        let (tasks, service) = Chain { notes: notes.clone(), fails }.with_tasks();
        let app = start(service).await;
        pass(MS(1_500)).await;
        tasks.on_demand().await.unwrap();
        pass(MS(100)).await;
        let ran = ["poll", "log", "alert", "count", "both", "after on demand"].map(|task| notes.of(task).len());
        assert_eq!(ran, if fails { [1, 0, 1, 1, 0, 1] } else { [1, 1, 0, 1, 1, 1] });
        app.stop().await.assert_clean().await;
    }
}

struct Policies(Notes);

#[service]
impl Policies {
    #[task(once)]
    async fn init(&self) {
        sleep(SECS(2)).await;
        self.0.note("init");
    }

    #[task(once, background)]
    async fn warm(&self) {
        sleep(SECS(60)).await;
        self.0.note("warm");
    }

    #[task(every = "1s", overlap = "allow(2)")]
    async fn allowed(&self) {
        self.0.note("allowed");
        sleep(SECS(10)).await;
    }

    #[task(every = "1s", overlap = "skip", timeout = "1500ms")]
    async fn timed(&self) {
        self.0.note("timed");
        sleep(SECS(10)).await;
    }

    #[task(every = "1h", immediately, retry = 2)]
    async fn retried(&self, run: Run) -> Result<(), BoxError> {
        self.0.note("retried");
        if run.attempt() < 3 { Err("not yet".into()) } else { Ok(()) }
    }

    #[task(every = "1h", immediately, retry = Retry::new(1).backoff(SECS(5), SECS(5)).jitter(0.0))]
    async fn retried_by_value(&self) -> Result<Next, BoxError> {
        self.0.note("retried by value");
        Err("never".into())
    }

    #[task(every = "1h", immediately, on_stop = "cancel", stuck_after = "5s")]
    async fn cancelled(&self) {
        sleep(SECS(1_000)).await;
    }

    #[task(every = "1h", immediately, on_stop = "drain_for(500ms)")]
    async fn drained(&self) {
        sleep(SECS(1_000)).await;
    }

    #[task(every = "1s")]
    async fn finishes(&self) -> Next {
        self.0.note("finishes");
        Next::Finish
    }
}

#[tokio::test(start_paused = true)]
async fn policies_are_those_of_tasks() {
    let notes = Notes::new();
    let (tasks, service) = Policies(notes.clone()).with_tasks();
    let app = start(service).await;
    // It gates readiness; the others begin then, also the one in the background.
    assert_eq!((notes.of("init"), notes.of("warm")), (vec![2_000], vec![]));
    pass(MS(8_500)).await;
    assert_eq!(notes.of("allowed"), [3_000, 4_000]);
    assert_eq!(notes.of("timed"), [3_000, 5_000, 7_000, 9_000]);
    assert_eq!(notes.of("retried").len(), 3);
    assert_eq!(notes.of("retried by value"), [2_000, 7_000]);
    assert_eq!(notes.of("finishes"), [3_000]);
    assert_eq!(tasks.status("cancelled").unwrap().state, State::Running);
    let unhealthy = (tasks.healthy())().await.unwrap_err().to_string();
    assert!(unhealthy.contains("cancelled"), "{unhealthy}");
    tasks.cancel("allowed").unwrap();
    tasks.cancel("warm").unwrap();
    let asked = Instant::now();
    app.stop().await.assert_clean().await;
    assert!(asked.elapsed() <= SECS(8), "{:?}", asked.elapsed());
}

struct Failing(bool);

#[service]
impl Failing {
    #[task(every = "1s", on_failure = "fail_service(3)")]
    async fn fail(&self) -> Result<(), BoxError> {
        if self.0 { Ok(()) } else { Err("no disk".into()) }
    }

    #[task(every = "1s", on_failure = "stop_app")]
    async fn stop(&self) -> Result<(), BoxError> {
        if self.0 { Err("no more".into()) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_means_what_is_said() {
    let began = Instant::now();
    let ended = TestApp::launch(App::new("shop").service("tasks", Failing(false))).ended().await;
    assert_eq!((ended.exit_code(), began.elapsed()), (1, SECS(3)));
    let ended = TestApp::launch(App::new("shop").service("tasks", Failing(true))).ended().await;
    ended.assert_ok();
    assert_eq!(began.elapsed(), SECS(4));
}

/// What only the scheduler can check.
struct Wrong;

#[service]
impl Wrong {
    #[task(cron = "61 * * * *", tz = "Europe/Berlni")]
    async fn cron(&self) {}

    #[task(every = "1s", timeout = "0s")]
    async fn timeout(&self) {}

    #[task(at = "soon")]
    async fn at(&self) {}
}

#[tokio::test(start_paused = true)]
async fn what_only_the_scheduler_can_check_is_refused_before_anything_starts() {
    let (_, by_handle) = Wrong.with_tasks();
    let apps = [App::new("shop").service("tasks", Wrong), App::new("shop").service("tasks", by_handle)];
    for app in apps {
        let first = async |_: misc_core::Context| panic!("something was started");
        let ended = TestApp::launch(app.service("first", first)).ended().await;
        let report = ended.report().to_string();
        let says = ["task `cron`", "61", "Europe/Berlni", "task `timeout`: its `timeout` is zero", "`at` is `soon`"];
        assert!(says.iter().all(|says| report.contains(says)), "{report}");
    }
}

/// A service with parameters.
struct Generic<T, const N: usize>(T, Mutex<Vec<T>>);

trait Source: Clone + Send + Sync + 'static {
    type Item: Clone + Send + Sync + 'static;
    fn next(&self) -> impl Future<Output = Self::Item> + Send;
}

impl Source for u64 {
    type Item = String;

    async fn next(&self) -> String {
        self.to_string()
    }
}

#[service]
impl<T, const N: usize> Generic<T, N>
where
    T: Source,
{
    #[task(every = "1s")]
    async fn poll(&self) {
        self.0.next().await;
        self.1.lock().unwrap().push(self.0.clone());
    }

    #[task]
    async fn next(&self, _like: Option<T::Item>) -> Result<(T::Item, usize), BoxError> {
        Ok((self.0.next().await, N))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_have_parameters() {
    let (tasks, service) = Generic::<_, 3>(7, Mutex::default()).with_tasks();
    let app = start(service).await;
    assert_eq!(tasks.next(None).await.unwrap(), ("7".to_owned(), 3));
    app.stop().await.assert_clean().await;
    start(Generic::<u64, 1>(1, Mutex::default())).await.stop().await.assert_clean().await;
}

/// Methods that are there under a condition, and names that the macro might use, too.
#[derive(Debug, Clone, Copy)]
struct Odd;

#[service(tasks = Handle)]
impl Odd {
    #[task(every = "1s")]
    #[cfg(not(test))]
    async fn absent(&self) -> Missing {}

    #[context]
    #[cfg(not(test))]
    async fn absent_context(&self) -> Result<Missing, BoxError> {}

    #[context]
    #[cfg(test)]
    async fn contexts(&self) -> Result<u8, BoxError> {
        Ok(1)
    }

    #[task]
    #[cfg(not(test))]
    async fn absent_on_demand(&self, what: Missing) {}

    #[task]
    #[cfg(test)]
    async fn this(&self, this: u8, scheduler: u8) -> Result<u8, BoxError> {
        Ok(this + scheduler + self.contexts().await?)
    }

    #[task]
    async fn tasks(&self) {}

    #[task]
    async fn service(&self) {}

    #[task]
    async fn clone(&self) {}

    #[task(daily = "09:00")]
    async fn r#type(&self) {}

    #[task]
    async fn daily(&self, of: PhantomData<Self>) -> std::io::Result<(PhantomData<Self>, &'static str)> {
        Ok((of, "daily"))
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_and_odd_names_work() {
    let (tasks, service) = Odd.with_tasks();
    let app = start(service).await;
    let tasks: Handle = tasks;
    assert_eq!(tasks.this(1, 2).await.unwrap(), 4);
    tasks.tasks().await.unwrap();
    tasks.service().await.unwrap();
    tasks.clone().await.unwrap();
    assert_eq!(tasks.daily(PhantomData).await.unwrap().1, "daily");
    assert_eq!(tasks.list().len(), 6);
    assert!(tasks.status("type").is_ok());
    app.stop().await.assert_clean().await;
}
