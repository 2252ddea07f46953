//! The program of `examples/under_systemd.rs` as a real process.

use std::{ffi::OsStr, os::fd::OwnedFd, path::PathBuf, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// No step takes longer, on a machine that has other work, too.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A running greeter, killed when it is dropped.
pub(crate) struct Greeter {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    logged: String,
}

impl Greeter {
    /// Starts it as a service that binds its socket itself.
    pub(crate) fn start(address: &str, variables: &[(&str, &OsStr)]) -> Self {
        Self::spawn(Command::new(program()).arg(address).envs(variables.iter().copied()).stdin(Stdio::null()))
    }

    /// Starts it as systemd does for a socket of the unit: as descriptor 3, for this process only.
    pub(crate) fn activated(address: &str, socket: impl Into<OwnedFd>, variables: &[(&str, &OsStr)]) -> Self {
        Self::activated_with(&[address], socket, variables)
    }

    /// Starts it like that with other arguments, too: the address, then the number of workers.
    pub(crate) fn activated_with(arguments: &[&str], socket: impl Into<OwnedFd>, variables: &[(&str, &OsStr)]) -> Self {
        let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program()).args(arguments).env("LISTEN_FDS", "1");
        Self::spawn(command.envs(variables.iter().copied()).stdin(Stdio::from(socket.into())))
    }

    /// Takes over a process that is, or becomes, a greeter.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let command = command.env("RUST_BACKTRACE", "0").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the program starts");
        let log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Self { child, log, logged: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it was not waited for yet")
    }

    /// Waits until it logs a line with this text.
    pub(crate) async fn logs(&mut self, text: &str) {
        let found = timeout(SOON, async {
            while let Some(line) = self.log.next_line().await.expect("text") {
                self.log_was(&line);
                if line.contains(text) {
                    return true;
                }
            }
            false
        });
        assert!(matches!(found.await, Ok(true)), "no {text:?} in\n{}", self.logged);
    }

    fn log_was(&mut self, line: &str) {
        self.logged.push_str(line);
        self.logged.push('\n');
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it is our own process, and not waited for yet");
    }

    /// Asks it to stop, and returns as [`end`](Self::end).
    pub(crate) async fn stop(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// Waits for its end; returns its exit code and all that it has logged.
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
        let end = async {
            while let Some(line) = self.log.next_line().await.expect("text") {
                self.log_was(&line);
            }
            self.child.wait().await.expect("a child can be waited for").code()
        };
        let code = timeout(SOON, end).await.unwrap_or_else(|_| panic!("it does not end"));
        (code, self.logged)
    }
}

/// Says hello, and returns who answers.
pub(crate) async fn say_hello(stream: impl AsyncRead + AsyncWrite + Unpin) -> u32 {
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    let talk = async {
        stream.write_all(b"hello\n").await?;
        stream.read_line(&mut answer).await
    };
    timeout(SOON, talk).await.expect("an answer").expect("a connection");
    let pid = answer.trim_end().strip_prefix("hello to you, from ").and_then(|pid| pid.parse().ok());
    pid.unwrap_or_else(|| panic!("that is no greeting: {answer:?}"))
}

pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("`target/<profile>/deps/<test>`");
    let program = profile.join("examples").join("under_systemd");
    assert!(
        program.exists(),
        "the program under test is not there: {}\nbuild it with `cargo build -p misc-upgrade --examples`, or run \
         `cargo test -p misc-upgrade`, which builds examples, too",
        program.display()
    );
    program
}
