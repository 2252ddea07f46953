//! How an app under test has ended.

use std::time::Duration;

use misc_core::Report;
use tokio::{runtime, task::yield_now, time::sleep};

use crate::{
    clock::{Clock, in_time},
    phases::Phases,
};

/// How long tasks that are just ending are waited for, on the real clock.
const LAST_TASKS: Duration = Duration::from_secs(1);
/// How often they are let run, on a paused one, where a task that waits for a timer is not one that ends.
const LAST_TURNS: usize = 1000;

/// How an app under test has ended.
#[derive(Debug)]
#[must_use = "say how it should have ended: `assert_ok`, `assert_clean`, or look at the `report`"]
pub struct Ended {
    app: String,
    report: Report,
    phases: Phases,
    tasks_before: usize,
}

impl Ended {
    pub(crate) fn new(app: String, report: Report, phases: Phases, tasks_before: usize) -> Self {
        Self { app, report, phases, tasks_before }
    }

    /// Returns every failure and every late service: none after a clean end.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the code that the process would have exited with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.report.exit_code()
    }

    /// Returns the phases that the app went through.
    #[must_use]
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Returns what [`App::run`](misc_core::App::run) has returned, for `?` in a test that returns a result.
    ///
    /// # Errors
    /// The report, unless it is clean.
    pub fn result(self) -> Result<(), Report> {
        if self.is_ok() { Ok(()) } else { Err(self.report) }
    }

    /// Asserts that nothing failed and nobody was late.
    ///
    /// # Panics
    /// With the report and the phases.
    #[track_caller]
    pub fn assert_ok(&self) {
        let Self { app, report, phases, .. } = self;
        assert!(self.is_ok(), "{app} ended with code {}: {report}\n{}", self.exit_code(), phases.history());
    }

    /// Asserts that nothing failed, nobody was late, and no task was left running.
    ///
    /// It counts the tasks of the runtime, now and at the launch, and gives those that are just ending a second (no
    /// time at all on a paused clock, but turns). A task that the test itself has spawned in between counts as left: end
    /// it first, or use [`assert_ok`](Self::assert_ok). One that was there before, and has ended since, hides another
    /// one. Threads and blocking tasks are not seen.
    ///
    /// # Panics
    /// With the report and the phases, or with the number of tasks.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn assert_clean(&self) {
        self.assert_ok();
        let left = self.tasks_left().await;
        assert!(
            left == 0,
            "{} has left {left} task(s) behind: spawn them with `Context::spawn`, or `spawn_until_stopping`, and they end \
             with their service. If the test has spawned them itself, let it end them first, or use `assert_ok`",
            self.app
        );
    }

    fn is_ok(&self) -> bool {
        self.report.failures().is_empty() && self.report.late().is_empty()
    }

    /// Returns how many tasks are left, once those that are just ending have ended.
    pub(crate) async fn tasks_left(&self) -> usize {
        let metrics = runtime::Handle::current().metrics();
        let left = || metrics.num_alive_tasks().saturating_sub(self.tasks_before);
        match Clock::now() {
            Clock::Paused => {
                for _ in (0..LAST_TURNS).take_while(|_| left() > 0) {
                    yield_now().await;
                }
            }
            Clock::Real => {
                let gone = async {
                    while left() > 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                };
                in_time(LAST_TASKS, gone).await;
            }
        }
        left()
    }
}
