//! One process under test: its settings, its log, and how it ends.

use std::{
    fmt,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A directory that goes with the test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("process-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
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

/// A running process, killed when it is dropped.
pub(crate) struct Subject {
    child: Child,
    dir: Dir,
}

impl Subject {
    /// Starts a scenario that logs JSON to a file.
    pub(crate) fn start(scenario: &str, settings: &Value) -> Self {
        let dir = Dir::new();
        let mut all = json!({ "format": "json", "output": dir.file("log") });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let child = command(scenario, &all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, dir }
    }

    /// Waits until it prints a line.
    pub(crate) fn prints(&mut self, expected: &str) {
        let mut line = String::new();
        BufReader::new(self.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code();
        let log = fs::read_to_string(self.dir.file("log")).unwrap_or_default();
        Ended { code, out, err, log }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
    }
}

/// How a process has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) log: String,
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.log.lines().collect();
        let last = &lines[lines.len().saturating_sub(10)..];
        let Self { code, out, err, .. } = self;
        write!(f, "code {code:?}\nout {out}\nerr {err}\nlast of {} lines {last:#?}", lines.len())
    }
}

impl Ended {
    /// The lines of the log, each of them parsed.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks that all lines of the scenario are there, in order.
    #[track_caller]
    pub(crate) fn has_all_lines(&self) -> &Self {
        let numbers: Vec<_> = self.lines().iter().filter_map(|line| line["number"].as_u64()).collect();
        assert!(numbers == Vec::from_iter(0..1000), "{} lines: {self:#?}", numbers.len());
        self
    }

    #[track_caller]
    pub(crate) fn with_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// The program under test with its settings; nothing of the environment changes how it logs.
pub(crate) fn command(scenario: &str, settings: &Value) -> Command {
    let mut command = Command::new(program());
    for variable in ["RUST_LOG", "NO_COLOR", "JOURNAL_STREAM"] {
        command.env_remove(variable);
    }
    command.arg(scenario).env("LOG", settings.to_string()).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

pub(crate) fn read(mut file: File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).expect("`target/<profile>/deps/<test>`");
    let program = profile.join("examples").join("log_subject");
    assert!(
        program.exists(),
        "the program under test is not there: {}\nbuild it with `cargo build -p misc-log --example log_subject`, or run \
         `cargo test -p misc-log`, which builds examples, too",
        program.display()
    );
    program
}
