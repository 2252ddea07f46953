//! One process under test, and the lines that it prints.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{Instant, timeout_at},
};

/// A running process, killed when it is dropped.
pub(crate) struct Subject {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Subject {
    /// Starts the program, and waits until it is ready.
    pub(crate) async fn start(arguments: &[&str], variables: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.envs(variables.iter().copied()).spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut subject = Self { child, stdout };
        subject.until("begins", Duration::from_secs(20)).await.expect("it begins");
        subject
    }

    /// Reads on until a task fires, and returns for when that was planned; `None` if it does not within that time.
    pub(crate) async fn until(&mut self, task: &str, within: Duration) -> Option<u64> {
        let deadline = Instant::now() + within;
        while let Ok(line) = timeout_at(deadline, self.stdout.next_line()).await {
            let line = line.expect("it prints text")?;
            let (name, due) = line.split_once(' ').expect("a name and a time");
            if name == task {
                return Some(due.parse().expect("a number"));
            }
        }
        None
    }

    /// Reads what it prints within a time, or to its end.
    pub(crate) async fn all(&mut self, within: Duration) -> Vec<(String, u64)> {
        let deadline = Instant::now() + within;
        let mut all = Vec::new();
        while let Ok(Ok(Some(line))) = timeout_at(deadline, self.stdout.next_line()).await {
            let (name, due) = line.split_once(' ').expect("a name and a time");
            all.push((name.to_owned(), due.parse().expect("a number")));
        }
        all
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it is running");
    }
}

/// The program that cargo has built beside this test.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().expect("this test is a file");
    path.pop();
    path.pop();
    path.join("examples").join("firings")
}

/// A file of this test alone, removed with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("misc-scheduler-{}-{name}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", ".lock", ".new"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            drop(std::fs::remove_file(path));
        }
    }
}
