//! The process around an app: its signals and its hard end.
//!
//! Both live on a thread of their own with a small runtime of its own, so that wedged workers, stuck threads and a
//! paused clock cannot hold them up. For the same reason that thread never writes itself: whoever it asks to write or
//! to drop something has [`ASIDE_WITHIN`] for it.

use std::{
    fmt, io,
    sync::{Arc, Mutex, Weak, mpsc},
    thread,
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use tracing::{error, info, warn};

use crate::{
    app::Kept,
    handle::Handle,
    node::Node,
    report::{Late, Report, last_words},
    scope::Scope,
    signals::{Signal, Signals},
    sync::lock,
    time::later,
};

/// How long past the total of the stop the process may live.
const HARD_END_AFTER: Duration = Duration::from_secs(1);
/// How long last words, and dropping the kept values, may take when the process must end.
const ASIDE_WITHIN: Duration = Duration::from_millis(200);
/// The total of the stop until an app says otherwise.
const STOP_WITHIN: Duration = Duration::from_secs(25);

/// The thread that guards the process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Process(Arc<Guarded>);

struct Guarded {
    /// The stop has begun and may take this long; `quit` ends the guard.
    control: watch::Sender<Control>,
    /// The first signal that asked for a stop.
    requested: watch::Sender<Option<Signal>>,
    app: Mutex<Option<Watched>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Control {
    stop_within: Option<Duration>,
    quit: bool,
}

#[derive(Clone)]
struct Watched {
    scope: Arc<Scope>,
    kept: Kept,
}

impl Process {
    /// Starts to guard the process; from here on no signal is missed.
    pub(crate) fn start() -> io::Result<Self> {
        let process = Self(Arc::new(Guarded {
            control: watch::Sender::new(Control::default()),
            requested: watch::Sender::new(None),
            app: Mutex::new(None),
        }));
        let (ready, listening) = mpsc::sync_channel(1);
        let guarded = process.clone();
        thread::Builder::new().name("misc-process".to_owned()).spawn(move || guarded.guard(&ready))?;
        let gone = || io::Error::other("the thread for signals did not start");
        listening.recv().map_err(|_| gone())??;
        Ok(process)
    }

    /// Hands signals on to an app from now on.
    pub(crate) fn watch(&self, scope: Arc<Scope>, kept: Kept) {
        *lock(&self.0.app) = Some(Watched { scope, kept });
        if self.0.requested.borrow().is_some() {
            self.stop_app();
        }
    }

    /// Waits for the first signal that asks for a stop.
    pub(crate) async fn stop_requested(&self) {
        let mut requested = self.0.requested.subscribe();
        // Cannot fail: `self` holds the sender.
        drop(requested.wait_for(Option::is_some).await);
    }

    /// The stop has begun, unless it had before: past its total the process ends hard.
    pub(crate) fn stop_begins(&self, total: Duration) {
        self.0.control.send_if_modified(|control| {
            let begins = control.stop_within.is_none();
            control.stop_within.get_or_insert(total);
            begins
        });
    }

    /// Ends the guard.
    fn quit(&self) {
        *lock(&self.0.app) = None;
        self.0.control.send_modify(|control| control.quit = true);
    }

    fn guard(&self, ready: &mpsc::SyncSender<io::Result<()>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let signals = runtime.and_then(|runtime| {
            let entered = runtime.enter();
            let signals = Signals::new()?;
            drop(entered);
            Ok((runtime, signals))
        });
        match signals {
            Ok((runtime, signals)) => {
                // Before `start` goes on, so that no order is missed.
                let control = self.0.control.subscribe();
                drop(ready.send(Ok(())));
                runtime.block_on(self.watch_over(signals, control));
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    }

    async fn watch_over(&self, mut signals: Signals, mut control: watch::Receiver<Control>) {
        // When the stop began, and when it must be over.
        let mut stop: Option<(Instant, Instant)> = None;
        loop {
            tokio::select! {
                signal = signals.next() => self.received(signal),
                changed = control.changed() => {
                    let Control { stop_within, quit } = *control.borrow_and_update();
                    if quit || changed.is_err() {
                        return;
                    }
                    let now = Instant::now();
                    let end = |total| (now, later(later(now, total), HARD_END_AFTER));
                    stop = stop.or(stop_within.map(end));
                }
                began = over(stop) => self.end_hard(began.elapsed()),
            }
        }
    }

    fn received(&self, signal: Signal) {
        if signal.reloads && self.watched().is_some_and(|watched| Handle::new(watched.scope).reload()) {
            return;
        }
        let first = self.0.requested.send_if_modified(|requested| {
            let first = requested.is_none();
            requested.get_or_insert(signal);
            first
        });
        if !first {
            aside(move || second(signal));
            self.end(128 + signal.number);
        }
        self.stop_app();
        self.stop_begins(self.total());
        aside(move || info!(signal = signal.name, "stop requested"));
    }

    fn stop_app(&self) {
        if let Some(watched) = self.watched() {
            Handle::new(watched.scope).shutdown();
        }
    }

    fn total(&self) -> Duration {
        self.watched().and_then(|watched| watched.scope.place().map(|place| place.total)).unwrap_or(STOP_WITHIN)
    }

    fn watched(&self) -> Option<Watched> {
        lock(&self.0.app).clone()
    }

    /// Ends a process that did not end by itself, and says who held it.
    fn end_hard(&self, waited: Duration) {
        let mut unfinished = Unfinished { waited, ..Unfinished::default() };
        if let Some(watched) = self.watched() {
            unfinished.collect(&watched.scope);
        }
        let code = unfinished.report.exit_code().max(Report::LATE);
        aside(move || unfinished.print());
        self.end(code);
    }

    fn end(&self, code: u8) {
        if let Some(Watched { kept, .. }) = self.watched() {
            aside(move || kept.release());
        }
        std::process::exit(i32::from(code));
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

/// Guards the process until it is dropped.
pub(crate) struct Guard(Option<Process>);

impl Guard {
    pub(crate) fn new(process: Process) -> Self {
        Self(Some(process))
    }

    pub(crate) fn process(&self) -> Option<Process> {
        self.0.clone()
    }

    /// Leaves the guard on its post: somebody may hold the process beyond the end of the app.
    pub(crate) fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.quit();
        }
    }
}

/// Says why a process ends in the middle of its stop, also where nobody reads the log.
fn second(signal: Signal) {
    warn!(signal = %signal.name, "second signal: the process ends at once");
    last_words(io::stderr(), format_args!("{}, a second time: the process ends at once", signal.name));
}

/// Does something that may block on a thread of its own, and goes on without it when it takes too long.
fn aside(work: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::sync_channel(1);
    let work = move || {
        work();
        done.send(()).unwrap_or_default();
    };
    if thread::Builder::new().name("misc-aside".to_owned()).spawn(work).is_ok() {
        finished.recv_timeout(ASIDE_WITHIN).unwrap_or_default();
    }
}

/// Waits until the stop must be over; returns when it began.
async fn over(stop: Option<(Instant, Instant)>) -> Instant {
    match stop {
        Some((began, end)) => {
            tokio::time::sleep_until(end).await;
            began
        }
        None => std::future::pending().await,
    }
}

/// What a process that ends hard leaves behind, as seen from outside of its runtime.
#[derive(Default)]
struct Unfinished {
    waited: Duration,
    /// Who has failed, and who holds a thread.
    report: Report,
    /// Who could not stop because of them.
    innocent: Vec<Arc<Node>>,
}

impl Unfinished {
    fn collect(&mut self, scope: &Scope) {
        for node in scope.nodes() {
            match node.inside() {
                Some(inside) => self.collect(&inside),
                None => self.add(node),
            }
        }
    }

    fn add(&mut self, node: Arc<Node>) {
        let facts = node.facts();
        if facts.phase == crate::lifecycle::Phase::Failed {
            if let Some(error) = facts.last_error {
                self.report.add_failure(node.path(), &error);
            }
        } else if node.is_busy() {
            let late = Late {
                path: Arc::clone(node.path()),
                phase: facts.phase,
                waited: self.waited,
                tasks: node.task_locations(),
                did_not_yield: true,
                run: Weak::new(),
            };
            self.report.add_late(&[], Some(&late));
        } else if !facts.phase.is_ended() {
            self.innocent.push(node);
        }
    }

    fn print(&self) {
        let text = self.to_string();
        last_words(io::stderr(), &text);
        error!(report = text, "the process ends hard");
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the process had not ended {:.1?} after it began to stop, and ends hard", self.waited)?;
        if !self.report.is_clean() {
            write!(f, "\n{}", self.report)?;
        }
        if !self.innocent.is_empty() {
            let names: Vec<_> =
                self.innocent.iter().map(|node| format!("`{}` ({})", node.path(), node.phase())).collect();
            write!(f, "\nleft behind, neither stopped nor closed: {}", names.join(", "))?;
        } else if self.report.is_clean() {
            f.write_str("\nno service holds it; a kept value, the set-up, or what follows the app does")?;
        }
        Ok(())
    }
}
