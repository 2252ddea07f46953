//! The phases of an app, as a list.

use std::{fmt::Write as _, time::Duration};

use misc_core::{Lifecycle, Phase, Transition};
use tokio::{sync::watch, time::Instant};

use crate::clock::{Clock, in_time};

/// The path of the app itself.
const APP: &str = "/";

/// Records every change of phase, of every service and of the app.
///
/// A [`TestApp`](crate::TestApp) has one ([`TestApp::phases`](crate::TestApp::phases)); for an app that runs otherwise,
/// add one with [`App::observe`](misc_core::App::observe). Clones share the list. A line of it reads `db ready`, or
/// `group/db ready` inside a group, or `/ ready` for the app itself, whose path is `/` here: no service has this one.
///
/// # Examples
/// ```
/// use misc_core::{App, Context};
/// use misc_test::Phases;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), misc_core::Report> {
/// let phases = Phases::new();
/// let import = async |_: Context| Ok(());
/// App::new("job").service("import", import).observe(phases.clone()).without_signals().run().await?;
/// phases.assert_order(["import starting", "import ready", "/ ready", "/ stopped"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Phases {
    since: Instant,
    seen: watch::Sender<Vec<Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    at: Duration,
    path: String,
    phase: Phase,
    error: Option<String>,
}

impl Phases {
    /// Creates an empty list, whose times count from now.
    #[must_use]
    pub fn new() -> Self {
        Self { since: Instant::now(), seen: watch::Sender::default() }
    }

    /// Returns every change, as `db ready`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.seen.borrow().iter().map(Seen::line).collect()
    }

    /// Returns the phases that one service entered, in order; those of the app itself for `"/"`.
    #[must_use]
    pub fn of(&self, path: &str) -> Vec<Phase> {
        self.seen.borrow().iter().filter(|seen| seen.path == path).map(|seen| seen.phase).collect()
    }

    /// Returns the services that entered a phase, in order.
    #[must_use]
    pub fn entered(&self, phase: Phase) -> Vec<String> {
        let seen = self.seen.borrow();
        let services = seen.iter().filter(|seen| seen.phase == phase && seen.path != APP);
        services.map(|seen| seen.path.clone()).collect()
    }

    /// Returns when a service entered a phase, each time, by the clock of the test.
    #[must_use]
    pub fn times(&self, path: &str, phase: Phase) -> Vec<Duration> {
        let seen = self.seen.borrow();
        seen.iter().filter(|seen| seen.path == path && seen.phase == phase).map(|seen| seen.at).collect()
    }

    /// Asserts that these changes happened in this order, with or without others in between.
    ///
    /// # Panics
    /// When one is missing, or came earlier: with the whole list.
    #[track_caller]
    pub fn assert_order<'a>(&self, lines: impl AsRef<[&'a str]>) {
        let missing = out_of_order(&self.seen.borrow(), lines.as_ref());
        assert!(missing.is_none(), "{}\n{}", missing.unwrap_or_default(), self.history());
    }

    /// Waits for a change, such as `"db ready"`, unless it has happened already.
    ///
    /// Once is enough: after a restart use [`until_order`](Self::until_order).
    ///
    /// # Panics
    /// When it has not happened after 10 s, or an hour of a paused clock: with the whole list.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until(&self, line: &str) {
        self.until_order([line]).await;
    }

    /// Waits until these changes have happened in this order, with or without others in between.
    ///
    /// So `["db restarting", "db ready"]` waits until a service is ready again.
    ///
    /// # Panics
    /// As [`until`](Self::until).
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until_order<'a>(&self, lines: impl AsRef<[&'a str]>) {
        let lines = lines.as_ref();
        let mut seen = self.seen.subscribe();
        let patience = Clock::now().patience();
        let happened = in_time(patience, seen.wait_for(|seen| out_of_order(seen, lines).is_none())).await.is_some();
        if !happened {
            let missing = out_of_order(&self.seen.borrow(), lines).unwrap_or_default();
            panic!("{missing} within {patience:?}\n{}", self.history());
        }
    }

    /// Renders the list, with times, to be read after a failure.
    pub(crate) fn history(&self) -> String {
        let mut text = "what happened, in seconds:".to_owned();
        for seen in &*self.seen.borrow() {
            let error = seen.error.as_ref().map_or(String::new(), |error| format!(": {error}"));
            write!(text, "\n  {:>9.3} {}{error}", seen.at.as_secs_f64(), seen.line()).unwrap_or_default();
        }
        text
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle for Phases {
    fn on_transition(&self, change: &Transition) {
        let seen = Seen {
            at: self.since.elapsed(),
            path: change.service().unwrap_or(APP).to_owned(),
            phase: change.to(),
            error: change.error().map(ToString::to_string),
        };
        self.seen.send_modify(|all| all.push(seen));
    }
}

impl Seen {
    fn line(&self) -> String {
        format!("{} {}", self.path, self.phase)
    }
}

/// Says which of the wanted lines is the first that did not come, or came too early; `None` when all came in order.
fn out_of_order(seen: &[Seen], wanted: &[&str]) -> Option<String> {
    let all: Vec<_> = seen.iter().map(Seen::line).collect();
    let mut rest = all.iter();
    let missing = wanted.iter().position(|wanted| !rest.any(|line| line == wanted))?;
    let line = wanted[missing];
    let came_before = missing.checked_sub(1).filter(|_| all.iter().any(|other| other == line));
    Some(match came_before {
        Some(before) => format!("`{line}` did not come after `{}`", wanted[before]),
        None => format!("`{line}` did not happen"),
    })
}
