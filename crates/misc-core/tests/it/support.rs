//! Services that behave as told, a recorder of transitions, and a driver beside a running app.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, BoxError, Context, Handle, Lifecycle, Phase, Report, Service, Transition};
use tokio::time::{Instant, sleep, timeout};

/// One second of the virtual clock, mostly.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Fails the test instead of letting it hang: an hour passes at once on a paused clock.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(secs(3600), future).await.expect("it ends, it does not hang")
}

/// Runs the app to its end and leaves the process's signals alone.
pub(crate) async fn run(app: App) -> Result<(), Report> {
    in_time(app.without_signals().run()).await
}

/// Runs the app beside a driver, which gets the app's handle.
pub(crate) async fn drive<T>(app: App, driver: impl AsyncFnOnce(Handle) -> T) -> (Result<(), Report>, T) {
    let handle = app.handle();
    in_time(async { tokio::join!(app.without_signals().run(), driver(handle)) }).await
}

/// Runs the app; once it is ready, asks it to stop.
pub(crate) async fn up_and_down(app: App) -> Result<(), Report> {
    drive(app, async |handle| {
        assert!(handle.ready().await, "the app becomes ready");
        handle.shutdown();
    })
    .await
    .0
}

/// Says ready and waits to be asked to stop.
pub(crate) async fn idle(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

/// Never says ready; stops when asked.
pub(crate) async fn never_ready(ctx: Context) -> Result<(), BoxError> {
    ctx.stopping().await;
    Ok(())
}

/// Says ready and never ends.
pub(crate) async fn stuck(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    std::future::pending().await
}

/// Ends at once.
pub(crate) async fn done(_: Context) -> Result<(), BoxError> {
    Ok(())
}

/// Takes its time to start and to stop.
pub(crate) fn slow(start: Duration, stop: Duration) -> impl Service + Clone {
    move |ctx: Context| async move {
        if ctx.until_stopping(sleep(start)).await.is_none() {
            return Ok(());
        }
        ctx.ready();
        ctx.stopping().await;
        sleep(stop).await;
        Ok(())
    }
}

/// Is ready at once and fails after a while.
pub(crate) fn fails_after(time: Duration) -> impl Service + Clone {
    move |ctx: Context| async move {
        ctx.ready();
        match ctx.until_stopping(sleep(time)).await {
            Some(()) => Err("boom".into()),
            None => Ok(()),
        }
    }
}

/// Fails without ever being ready.
pub(crate) async fn fails_to_start(_: Context) -> Result<(), BoxError> {
    Err("no luck".into())
}

/// Stops when asked, with an error.
pub(crate) async fn fails_to_stop(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Err("could not flush".into())
}

/// A change of phase with the moment it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) path: String,
    pub(crate) to: Phase,
    pub(crate) change: Transition,
}

/// Records every transition; the app itself is shown as `app`.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    since: Instant,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), seen: Arc::default() }
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    /// Returns all changes as `path phase`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().iter().map(|seen| format!("{} {}", seen.path, seen.to)).collect()
    }

    /// Returns all changes as `seconds path phase`.
    pub(crate) fn timed(&self) -> Vec<String> {
        self.all().iter().map(|seen| format!("{} {} {}", seen.at.as_secs_f64(), seen.path, seen.to)).collect()
    }

    /// Returns the phases that one service went through.
    pub(crate) fn phases(&self, path: &str) -> Vec<Phase> {
        self.all().iter().filter(|seen| seen.path == path).map(|seen| seen.to).collect()
    }

    /// Returns who entered a phase, in order.
    pub(crate) fn who(&self, phase: Phase) -> Vec<String> {
        self.all().into_iter().filter(|seen| seen.to == phase).map(|seen| seen.path).collect()
    }

    /// Returns when a service entered a phase for the first time.
    pub(crate) fn at(&self, path: &str, phase: Phase) -> Duration {
        let found = self.all().into_iter().find(|seen| seen.path == path && seen.to == phase);
        found.unwrap_or_else(|| panic!("`{path}` never was {phase}: {:?}", self.timed())).at
    }

    /// Returns when a service entered a phase, each time.
    pub(crate) fn times(&self, path: &str, phase: Phase) -> Vec<Duration> {
        self.all().iter().filter(|seen| seen.path == path && seen.to == phase).map(|seen| seen.at).collect()
    }
}

impl Lifecycle for Recorder {
    fn on_transition(&self, change: &Transition) {
        let path = change.service().unwrap_or("app").to_owned();
        let seen = Seen { at: self.since.elapsed(), path, to: change.to(), change: change.clone() };
        self.seen.lock().expect("nobody panics with it").push(seen);
    }
}

/// A log of what happened, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics with it").push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    /// Returns a value that logs its own drop.
    pub(crate) fn on_drop(&self, line: impl Into<String>) -> LogsDrop {
        LogsDrop(self.clone(), line.into())
    }
}

/// Logs its own drop.
#[derive(Debug)]
pub(crate) struct LogsDrop(Log, String);

impl Drop for LogsDrop {
    fn drop(&mut self) {
        self.0.add(std::mem::take(&mut self.1));
    }
}

/// Returns the paths of a report's failures.
pub(crate) fn failed(ended: &Result<(), Report>) -> Vec<&str> {
    ended.as_ref().err().map_or(Vec::new(), |report| report.failures().iter().map(misc_core::Failure::path).collect())
}

/// Returns the paths of a report's late services.
pub(crate) fn late(ended: &Result<(), Report>) -> Vec<&str> {
    ended.as_ref().err().map_or(Vec::new(), |report| report.late().iter().map(misc_core::Late::path).collect())
}

/// Checks that a text says all that it should.
pub(crate) fn check_says(text: &impl ToString, parts: &[&str]) {
    let text = text.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

/// Renders an error with all its sources.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// An error on top of another.
#[derive(Debug)]
pub(crate) struct Above(pub(crate) &'static str, pub(crate) BoxError);

impl std::fmt::Display for Above {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Above {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.1)
    }
}
