//! How one process notices that another one has changed something.
//!
//! Who commits writes to the log beside the file, which the system tells those who watch it. That comes before the change
//! can be seen: first it is made durable. So it is looked for again and again for a while, ever more seldom, in a number that
//! SQLite changes when somebody else has committed. Nothing is done while nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use sqlx::Row;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::connection::Connection;
use crate::{engine::Wake, error::Error};

/// For how long a change is looked for after the log was written to.
const WHILE: Duration = Duration::from_millis(500);

/// How long it is until the next look at least.
const SOON: Duration = Duration::from_millis(1);

/// How often a change is looked for where the system does not tell of any, and how soon it is asked again after that.
const POLL: Duration = Duration::from_millis(250);

/// How long it is until the next attempt to watch the log where that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// How long the thread of the system's watch rests after it has told of a change: a commit is many writes.
const REST: Duration = Duration::from_millis(2);

/// Tells `wake` when others have committed.
pub(super) async fn watch(writer: &Connection, wake: &dyn Wake) {
    let mut log = Log::new(writer.file());
    let mut seen = None;
    let mut written = Some(Instant::now());
    loop {
        match version(writer).await {
            Ok(version) if seen != Some(version) => {
                seen = Some(version);
                written = None;
                wake.everything();
            }
            Ok(_) => {}
            Err(error) => tracing::debug!("changes by others are not seen: {error}"),
        }
        written = log.written(written).await;
    }
}

/// Returns a number that changes when another connection commits.
async fn version(writer: &Connection) -> Result<i64, Error> {
    let mut held = writer.get().await?;
    let row = held.row(sqlx::query("PRAGMA data_version")).await?;
    let version = held.check(row.map_or(Err(sqlx::Error::RowNotFound), |row| row.try_get(0)))?;
    held.done();
    Ok(version)
}

/// The log beside the file.
struct Log {
    path: PathBuf,
    heard: Arc<Heard>,
    /// None where the system refuses.
    watcher: Option<RecommendedWatcher>,
    /// When it was asked for that.
    asked: Instant,
}

/// What the system has told.
#[derive(Default)]
struct Heard {
    written: Notify,
    /// Whether the log was replaced, so that another one is to be watched.
    gone: AtomicBool,
}

impl Log {
    fn new(file: &Path) -> Self {
        // SQLite has it beside the file that a link leads to.
        let mut path = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()).into_os_string();
        path.push("-wal");
        let mut log = Self { path: path.into(), heard: Arc::default(), watcher: None, asked: Instant::now() };
        log.watch();
        log
    }

    fn watch(&mut self) {
        self.asked = Instant::now();
        self.watcher = watcher(&self.path, &self.heard)
            .inspect_err(|error| {
                tracing::warn!(
                    "{} cannot be watched, so changes by other processes are looked for every {POLL:?}: {error}",
                    self.path.display(),
                );
            })
            .ok();
    }

    /// Waits until it is worth a look, given when the log was written to; returns when that was.
    async fn written(&mut self, last: Option<Instant>) -> Option<Instant> {
        let is_gone = self.heard.gone.swap(false, Ordering::Relaxed);
        if is_gone || self.watcher.is_none() && self.asked.elapsed() > AGAIN {
            self.watch();
        }
        if self.watcher.is_none() {
            drop(timeout(POLL, self.heard.written.notified()).await);
            return None;
        }
        let since = last.map(|last| last.elapsed()).filter(|since| *since < WHILE);
        let Some(since) = since else {
            self.heard.written.notified().await;
            return Some(Instant::now());
        };
        match timeout(SOON.max(since / 4), self.heard.written.notified()).await {
            Ok(()) => Some(Instant::now()),
            Err(_) => last,
        }
    }
}

fn watcher(log: &Path, heard: &Arc<Heard>) -> notify::Result<RecommendedWatcher> {
    let heard = Arc::clone(heard);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let kind = event.map_or(EventKind::Any, |event| event.kind);
        match kind {
            EventKind::Access(_) => return,
            EventKind::Remove(_) | EventKind::Any => heard.gone.store(true, Ordering::Relaxed),
            _ => {}
        }
        heard.written.notify_one();
        #[expect(clippy::disallowed_methods, reason = "it is the thread of the watch, which has nothing else to do")]
        std::thread::sleep(REST);
    })?;
    watcher.watch(log, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
