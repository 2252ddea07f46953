//! A `run` beside tasks.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError, Context, Restart, spec};
use misc_scheduler::{Next, Run, service};
use misc_test::{Logs, TestApp};
use tokio::time::{Instant, sleep};

use crate::subject::{MS, SECS, pass};

/// Does what its fields say, and notes it with the time.
#[derive(Clone)]
struct Consumer {
    since: Instant,
    notes: Arc<Mutex<Vec<String>>>,
    run: Behaviour,
    task: Behaviour,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Behaviour {
    WaitsForStop,
    Returns,
    Fails,
    Panics,
    StopsService,
}

impl Consumer {
    fn new(run: Behaviour, task: Behaviour) -> Self {
        Self { since: Instant::now(), notes: Arc::default(), run, task }
    }

    fn notes(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.notes)
    }
}

#[service]
impl Consumer {
    #[task(once)]
    async fn init(&self) {
        sleep(SECS(2)).await;
        self.note("init");
    }

    #[task(every = "1s")]
    async fn tick(&self) -> Result<Next, BoxError> {
        self.note("tick");
        match self.task {
            Behaviour::StopsService => Ok(Next::StopService),
            _ => Ok(Next::Continue),
        }
    }

    #[task]
    async fn help(&self, what: &'static str) {
        self.note(what);
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        self.note("run begins");
        match self.run {
            Behaviour::Returns => return Ok(()),
            Behaviour::Fails => return Err("no broker".into()),
            Behaviour::Panics => panic!("no broker at all"),
            Behaviour::WaitsForStop | Behaviour::StopsService => {}
        }
        sleep(SECS(1)).await;
        ctx.ready();
        self.note("run is ready");
        ctx.stopping().await;
        sleep(MS(1_500)).await;
        self.note("run ends");
        Ok(())
    }

    fn note(&self, what: &str) {
        let at = self.since.elapsed().as_millis();
        self.notes.lock().unwrap().push(format!("{at} {what}"));
    }
}

fn app(consumer: Consumer) -> App {
    App::new("shop").service("consumer", consumer)
}

#[tokio::test(start_paused = true)]
async fn it_begins_after_the_once_tasks_and_says_when_the_service_is_ready() {
    let consumer = Consumer::new(Behaviour::WaitsForStop, Behaviour::Returns);
    let notes = consumer.notes();
    let app = TestApp::start(app(consumer)).await;
    assert_eq!(*notes.lock().unwrap(), ["2000 init", "2000 run begins", "3000 run is ready", "3000 tick"]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn at_a_stop_it_ends_before_the_tasks_do() {
    let consumer = Consumer::new(Behaviour::WaitsForStop, Behaviour::Returns);
    let notes = consumer.notes();
    let (tasks, service) = consumer.with_tasks();
    let app = TestApp::start(App::new("shop").service("consumer", service)).await;
    sleep(MS(500)).await;
    let stop = app.stop();
    let help = async {
        sleep(MS(200)).await;
        tasks.help("asked for while it stops").await
    };
    let (ended, help) = tokio::join!(stop, help);
    help.unwrap();
    ended.assert_clean().await;
    let expected = ["3700 asked for while it stops", "4000 tick", "5000 run ends"];
    assert_eq!(notes.lock().unwrap()[4..], expected);
    assert!(tasks.help("asked for after that").await.unwrap_err().is_refused());
}

#[tokio::test(start_paused = true)]
async fn one_that_returns_ends_nothing_else() {
    let consumer = Consumer::new(Behaviour::Returns, Behaviour::Returns);
    let notes = consumer.notes();
    let app = TestApp::start(app(consumer)).await;
    pass(MS(3_500)).await;
    assert_eq!(notes.lock().unwrap()[1..], ["2000 run begins", "3000 tick", "4000 tick", "5000 tick"]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn its_failure_is_that_of_the_service() {
    for (run, says) in [(Behaviour::Fails, "no broker"), (Behaviour::Panics, "no broker at all")] {
        let ended = TestApp::launch(app(Consumer::new(run, Behaviour::Returns))).ended().await;
        assert_eq!(ended.exit_code(), 1);
        let report = ended.report().to_string();
        assert!(report.contains("service `consumer` failed") && report.contains(says), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_the_service_lets_it_end_in_order() {
    let consumer = Consumer::new(Behaviour::WaitsForStop, Behaviour::StopsService);
    let notes = consumer.notes();
    let ended = TestApp::launch(app(consumer)).ended().await;
    ended.assert_clean().await;
    assert_eq!(notes.lock().unwrap()[2..], ["3000 run is ready", "3000 tick", "4500 run ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_meanwhile_does_not_begin_it() {
    let consumer = Consumer::new(Behaviour::WaitsForStop, Behaviour::Returns);
    let notes = consumer.notes();
    let app = TestApp::launch(app(consumer));
    app.phases().until("consumer starting").await;
    pass(SECS(1)).await;
    app.stop().await.assert_ok();
    assert_eq!(*notes.lock().unwrap(), ["2000 init"]);
}

/// Fails while it stops, because a task has ended the service.
struct Late;

#[service]
impl Late {
    #[task(every = "1s")]
    async fn end(&self) -> Next {
        Next::StopService
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        ctx.stopping().await;
        sleep(Duration::from_secs(1)).await;
        Err("could not flush".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_a_task_has_ended_the_service_is_logged() {
    let logs = Logs::capture();
    TestApp::launch(App::new("shop").service("late", Late)).ended().await.assert_ok();
    logs.assert_logged("`run` has failed while the service stopped");
}

/// Fails until it was started often enough.
#[derive(Clone, Default)]
struct Flaky {
    was_started: Arc<AtomicBool>,
    runs: Arc<Mutex<u32>>,
}

#[service]
impl Flaky {
    #[task(once)]
    async fn init(&self) -> Result<(), BoxError> {
        if self.was_started.swap(true, Ordering::Relaxed) { Ok(()) } else { Err("not yet".into()) }
    }

    #[task(every = "1s")]
    async fn count(&self) {
        *self.runs.lock().unwrap() += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_clone_is_started_again_from_a_clone() {
    let flaky = Flaky::default();
    let runs = Arc::clone(&flaky.runs);
    let app = TestApp::start(App::new("shop").service("flaky", spec(flaky).restart(Restart::default()))).await;
    pass(MS(2_500)).await;
    assert_eq!(*runs.lock().unwrap(), 2);
    app.stop().await.assert_clean().await;
}

/// Has a task that ends at a stop only.
struct Stubborn;

#[service]
impl Stubborn {
    #[task(every = "1s")]
    async fn wait(&self, run: Run) {
        run.stopping().await;
        sleep(SECS(3)).await;
    }

    async fn run(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        sleep(SECS(2)).await;
        Err("no broker".into())
    }
}

#[tokio::test(start_paused = true)]
async fn its_failure_is_told_to_tasks_that_wait_for_the_stop() {
    let began = Instant::now();
    let ended = TestApp::launch(App::new("shop").service("stubborn", Stubborn)).ended().await;
    assert_eq!((ended.exit_code(), began.elapsed()), (1, SECS(5)));
}
