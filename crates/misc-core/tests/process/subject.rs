//! One process under test: what it prints, how it ends, and that nothing of it is left.

use std::{os::unix::process::ExitStatusExt, path::PathBuf, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    time::{Instant, timeout_at},
};

/// The file of the program, as a panic or a spawn names it.
pub(crate) const FILE: &str = "crates/misc-core/examples/subject.rs";
/// How long a process may take that has no reason to wait for anything, on a machine that has other work, too.
pub(crate) const SOON: Duration = Duration::from_secs(3);
/// When a process ends hard whose stop may take 2 s, as those do that have somebody late.
pub(crate) const HARD_END: Duration = Duration::from_secs(3);
/// No process lives longer than this.
const WATCHDOG: Duration = Duration::from_secs(20);

/// A running process, killed when it is dropped.
pub(crate) struct Subject {
    name: String,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    printed: Printed,
    deadline: Instant,
    /// When it was started, or signalled last.
    since: Instant,
}

#[derive(Debug, Default)]
struct Printed {
    out: Vec<String>,
    err: Vec<String>,
}

impl Subject {
    /// Starts the program in one of its scenarios.
    pub(crate) fn start(scenario: &str) -> Self {
        let mut child = Command::new(program())
            .arg(scenario)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let now = Instant::now();
        let (name, printed) = (scenario.to_owned(), Printed::default());
        Self { name, child, stdout, stderr, printed, deadline: now + WATCHDOG, since: now }
    }

    /// Starts the program and waits until it prints a line.
    pub(crate) async fn started(scenario: &str, line: &str) -> Self {
        let mut subject = Self::start(scenario);
        subject.prints(line).await;
        subject
    }

    /// Waits until the program prints one more line that starts so.
    pub(crate) async fn prints(&mut self, line: &str) {
        self.prints_all(&[line]).await;
    }

    /// Waits until the program has printed more lines, of which one starts with each of these.
    pub(crate) async fn prints_all(&mut self, lines: &[&str]) {
        let seen = self.printed.out.len();
        let wanted = |printed: &Printed| {
            lines.iter().all(|line| printed.out[seen..].iter().any(|printed| printed.starts_with(line)))
        };
        let read = timeout_at(self.deadline, read(&mut self.stdout, &mut self.stderr, &mut self.printed, wanted)).await;
        assert!(matches!(read, Ok(true)), "`{}` did not print {lines:?}: {:#?}", self.name, self.printed);
    }

    pub(crate) fn pid(&self) -> Pid {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        id.and_then(Pid::from_raw).expect("it was not waited for yet")
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        // Looked at first: the process may be on its way before this thread goes on.
        self.since = Instant::now();
        kill_process(self.pid(), signal).expect("it is our own process, and not waited for yet");
    }

    /// Signals, then waits for the end.
    pub(crate) async fn end_by(mut self, signal: Signal) -> Ended {
        self.signal(signal);
        self.end().await
    }

    /// Waits for the end of the process, and of all that hold on to its output: its children.
    pub(crate) async fn end(mut self) -> Ended {
        let all = read(&mut self.stdout, &mut self.stderr, &mut self.printed, |_| false);
        let read = timeout_at(self.deadline, all).await;
        assert!(read.is_ok(), "`{}`, or a child of it, does not end: {:#?}", self.name, self.printed);
        self.gone().await
    }

    async fn gone(mut self) -> Ended {
        let status = timeout_at(self.deadline, self.child.wait()).await;
        let took = self.since.elapsed();
        let Ok(status) = status else {
            panic!("`{}` closed its output but does not end: {:#?}", self.name, self.printed);
        };
        let status = status.expect("a child can be waited for");
        let Printed { out, err } = self.printed;
        Ended { code: status.code(), signal: status.signal(), out, err: err.join("\n"), took }
    }
}

/// Reads lines until `wanted`, which it returns, or the end of both.
async fn read(
    stdout: &mut Lines<BufReader<ChildStdout>>,
    stderr: &mut Lines<BufReader<ChildStderr>>,
    printed: &mut Printed,
    wanted: impl Fn(&Printed) -> bool,
) -> bool {
    let (mut more_out, mut more_err) = (true, true);
    while (more_out || more_err) && !wanted(printed) {
        tokio::select! {
            line = stdout.next_line(), if more_out => match line.expect("text") {
                Some(line) => printed.out.push(line),
                None => more_out = false,
            },
            line = stderr.next_line(), if more_err => match line.expect("text") {
                Some(line) => printed.err.push(line),
                None => more_err = false,
            },
        }
    }
    wanted(printed)
}

/// How a process has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: Vec<String>,
    pub(crate) err: String,
    /// The time from its start, or from the last signal.
    pub(crate) took: Duration,
}

impl Ended {
    #[track_caller]
    pub(crate) fn with_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn within(&self, time: Duration) -> &Self {
        assert!(self.took < time, "took longer than {time:?}: {self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn not_before(&self, time: Duration) -> &Self {
        assert!(self.took >= time, "took less than {time:?}: {self:#?}");
        self
    }

    /// Checks all that was printed on standard output.
    #[track_caller]
    pub(crate) fn printed(&self, lines: &[&str]) -> &Self {
        assert_eq!(self.out, lines, "{self:#?}");
        self
    }

    /// Checks the last lines on standard output.
    #[track_caller]
    pub(crate) fn printed_last(&self, lines: &[&str]) -> &Self {
        let at = self.out.len().saturating_sub(lines.len());
        assert_eq!(self.out[at..], *lines, "{self:#?}");
        self
    }

    /// Checks all that was printed on standard error; `TIME` stands for any time that somebody was late.
    #[track_caller]
    pub(crate) fn reported(&self, text: &str) -> &Self {
        assert_eq!(without_times(&self.err), text, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn reported_among_others(&self, text: &str) -> &Self {
        assert!(without_times(&self.err).contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// The number that ends the line on standard output that begins so.
    #[track_caller]
    pub(crate) fn number_after(&self, start: &str) -> u32 {
        let number = self.out.iter().find_map(|line| line.strip_prefix(start)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no line {start:?} in {self:#?}"))
    }
}

fn without_times(text: &str) -> String {
    const BEFORE: &str = "had not stopped after ";
    let mut parts = text.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.find(" and").map_or("", |at| &part[at..]);
        text + BEFORE + "TIME" + rest
    })
}

pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("`target/<profile>/deps/<test>`");
    let program = profile.join("examples").join("subject");
    assert!(
        program.exists(),
        "the program under test is not there: {}\nbuild it with `cargo build -p misc-core --example subject`, or run \
         `cargo test -p misc-core`, which builds examples, too",
        program.display()
    );
    program
}
