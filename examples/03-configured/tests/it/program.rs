//! Programs that do not outlive a test, and the directories of their files.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs, and what it logs.
pub(crate) struct Program {
    child: Child,
    log: Receiver<String>,
    /// What of it was looked at.
    seen: Vec<String>,
    /// Where it listens.
    pub(crate) address: String,
}

impl Program {
    /// Starts the service on a port of the system's choice, with these arguments and variables.
    pub(crate) fn service<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_configured"));
        command.args(args).arg("--port=0").envs(variables.iter().copied());
        Self::start(command)
    }

    /// Starts a centre that serves this directory, and holds back its answers for so long.
    pub(crate) fn centre(listen: &str, directory: &Directory, hold: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_centre"));
        let directory = format!("--directory={}", directory.0.display());
        command.args([format!("--listen={listen}"), directory, format!("--hold={hold}")]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        // Where there is no `config.yaml` that the test does not know of.
        let command = command.current_dir(env!("CARGO_TARGET_TMPDIR")).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let (sender, log) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut program = Self { child, log, seen: Vec::new(), address: String::new() };
        let listening = program.logs("listening service=http address=");
        program.address = listening.rsplit_once('=').expect("it names the address").1.to_owned();
        program
    }

    /// Waits for a line that has this text; what came before it is not looked at again.
    #[track_caller]
    pub(crate) fn logs(&mut self, text: &str) -> String {
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("`{text}` was not logged, but\n{}", self.seen.join("\n"));
    }

    /// Whether a line that was looked at has this text.
    pub(crate) fn has_logged(&self, text: &str) -> bool {
        self.seen.iter().any(|line| line.contains(text))
    }

    /// Asks for a path; returns the head of the answer, and its body.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let mut answer = String::new();
        self.ask(path).read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        (head.to_owned(), body.to_owned())
    }

    /// Asks for a path, and leaves the answer to be read.
    #[track_caller]
    pub(crate) fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
        stream
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Ends it as an operator does; returns the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error says that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A directory of a test's own.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("configured-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("it can be made");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("it is UTF-8").to_owned()
    }

    /// Replaces a file, as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, self.path(name))).expect("it can be written");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What stays behind is in the directory for that.
        drop(fs::remove_dir_all(&self.0));
    }
}
