//! What the tests run: work that notes when it began, and apps around schedulers.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use misc_core::App;
use misc_scheduler::{Clock, Run, Scheduler, Task, Trigger};
use misc_test::TestApp;
use tokio::time::{Instant, sleep};

pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;
pub(crate) const SECS: fn(u64) -> Duration = Duration::from_secs;

/// Notes when runs began and ended, since it was made.
#[derive(Clone)]
pub(crate) struct Notes {
    since: Instant,
    began: Arc<Mutex<Vec<Duration>>>,
    ended: Arc<Mutex<Vec<Duration>>>,
    due: Arc<Mutex<Vec<SystemTime>>>,
    takes: Duration,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self::taking(Duration::ZERO)
    }

    /// Notes of runs that take so long.
    pub(crate) fn taking(takes: Duration) -> Self {
        let (began, ended, due) = Default::default();
        Self { since: Instant::now(), began, ended, due, takes }
    }

    /// A task that keeps these notes.
    pub(crate) fn task(&self, name: &str, trigger: impl Into<Trigger>) -> Task {
        Task::with(name, trigger, self.clone(), async |notes: Self, run: Run| notes.run(&run).await)
    }

    pub(crate) async fn run(&self, run: &Run) {
        self.began.lock().unwrap().push(self.since.elapsed());
        self.due.lock().unwrap().push(run.due());
        if !self.takes.is_zero() {
            sleep(self.takes).await;
        }
        self.ended.lock().unwrap().push(self.since.elapsed());
    }

    /// When runs began, in milliseconds.
    pub(crate) fn began(&self) -> Vec<u128> {
        self.began.lock().unwrap().iter().map(Duration::as_millis).collect()
    }

    /// For when runs were planned, as RFC 3339 has it.
    pub(crate) fn due(&self) -> Vec<String> {
        let due = self.due.lock().unwrap();
        due.iter().map(|due| humantime::format_rfc3339_seconds(*due).to_string()).collect()
    }

    pub(crate) fn runs(&self) -> usize {
        self.began.lock().unwrap().len()
    }

    pub(crate) fn ends(&self) -> usize {
        self.ended.lock().unwrap().len()
    }
}

pub(crate) fn app(scheduler: Scheduler) -> App {
    App::new("shop").service("tasks", scheduler)
}

pub(crate) async fn start(scheduler: Scheduler) -> TestApp {
    TestApp::start(app(scheduler)).await
}

/// Runs it for a time, and stops it.
pub(crate) async fn run_for(scheduler: Scheduler, time: Duration) {
    let app = start(scheduler).await;
    pass(time).await;
    app.stop().await.assert_clean().await;
}

/// Lets time pass, a moment less than said: what is due at its end is not looked at.
pub(crate) async fn pass(time: Duration) {
    sleep(time.saturating_sub(MS(1))).await;
}

pub(crate) fn time(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

/// A scheduler at whose start it is that time of day.
pub(crate) fn scheduler_at(text: &str) -> Scheduler {
    Scheduler::new().clock(Clock::starting_at(time(text)))
}
