//! A log that writes to a file of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use misc_log::{Config, Format, Log, Output, Setup};
use serde_json::Value;
use tracing::{Dispatch, dispatcher::with_default};

/// Longer than anything takes that has no reason to wait.
const SOON: Duration = Duration::from_secs(10);

/// A directory that goes with the test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A log under test.
pub(crate) struct Logged {
    pub(crate) dispatch: Dispatch,
    pub(crate) log: Log,
    pub(crate) path: PathBuf,
    pub(crate) _dir: Dir,
}

impl Logged {
    pub(crate) fn new(format: Format) -> Self {
        Self::with(|config| config.format = format)
    }

    /// A log with other settings; all lines down to debug are in it unless they say otherwise.
    pub(crate) fn with(settings: impl FnOnce(&mut Config)) -> Self {
        let dir = Dir::new();
        let path = dir.file("log");
        let mut config = Config::default();
        config.filter = Some("debug".to_owned());
        config.output = Output::File(path.clone());
        settings(&mut config);
        let (dispatch, log) = Setup::new(config).build().unwrap();
        Self { dispatch, log, path, _dir: dir }
    }

    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        with_default(&self.dispatch, work)
    }

    /// What is in the file by now.
    pub(crate) fn text(&self) -> String {
        assert!(self.log.flush(SOON));
        fs::read_to_string(&self.path).unwrap()
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What is in the file after the end of the log.
    pub(crate) fn end(self) -> String {
        let Self { log, path, _dir, .. } = self;
        drop(log);
        fs::read_to_string(path).unwrap()
    }
}

/// The one line that some work logs, without its time.
#[track_caller]
pub(crate) fn line(format: Format, work: impl FnOnce()) -> String {
    let logged = Logged::new(format);
    logged.run(work);
    let text = logged.text();
    let untimed = text.split_once("Z ").map_or(&*text, |(_, rest)| rest);
    untimed.strip_suffix('\n').expect("a line").to_owned()
}

/// The one object that some work logs.
#[track_caller]
pub(crate) fn object(work: impl FnOnce()) -> Value {
    let logged = Logged::new(Format::Json);
    logged.run(work);
    let [object] = <[Value; 1]>::try_from(logged.json()).expect("one line");
    object
}
