//! Programs of ours that run beside a command, and do not outlive it.
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::{Failure, Result},
    process::succeeds,
};

/// How many lines may wait to be looked at before the program is held up.
const LINES: usize = 1024;

/// A started program, with what it prints; dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    /// Both of its outputs, line by line; closed at its end.
    lines: Receiver<String>,
    printed: Vec<String>,
}

impl Program {
    /// Starts a program, both of whose outputs are read.
    pub(crate) fn start(command: Command) -> Result<Self> {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a program with something to read from.
    pub(crate) fn start_with(mut command: Command, input: Stdio) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = || -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            command.stdin(input).stdout(writer.try_clone()?).stderr(writer);
            let child = command.spawn()?;
            // The command owns our ends of the pipe: the reader would wait for them to close.
            drop(command);
            let (sender, lines) = sync_channel(LINES);
            thread::spawn(move || {
                let text = BufReader::new(reader).split(b'\n').map_while(io::Result::ok);
                for line in text.map(|line| String::from_utf8_lossy(&line).into_owned()) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
            Ok(Self { child, lines, printed: Vec::new() })
        };
        started().map_err(|error| Failure::met(name, error))
    }

    /// Takes what was seen of its output so far.
    pub(crate) fn take_printed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.printed)
    }

    /// Watches the program for a time; `false` when it ends before.
    pub(crate) fn watch(&mut self, time: Duration) -> bool {
        self.watch_until(time, |_| false) != Watched::Ended
    }

    /// Watches the program until it prints a line that contains `text`; `false` when it ends first, or takes longer.
    pub(crate) fn prints(&mut self, text: &str, time: Duration) -> bool {
        self.watch_until(time, |line| line.contains(text)) == Watched::Said
    }

    /// Waits for its end; `None` when it takes longer.
    pub(crate) fn end(&mut self, time: Duration) -> Result<Option<ExitStatus>> {
        if self.watch(time) {
            return Ok(None);
        }
        let status = self.child.wait().map_err(|error| Failure::met("cannot wait for a child", error))?;
        Ok(Some(status))
    }

    /// Sends signals, such as `TERM`, as soon after each other as can be.
    ///
    /// Call it only before the end was waited for: afterwards the id may be somebody else's.
    pub(crate) fn signal(&self, signals: &[&str]) -> bool {
        let id = self.child.id();
        let kills = signals.iter().map(|signal| format!("kill -{signal} {id}")).collect::<Vec<_>>();
        // The standard library knows no signal but SIGKILL; every shell has `kill` built in.
        succeeds(Command::new("sh").args(["-c", &kills.join("; ")]))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn watch_until(&mut self, time: Duration, stop: impl Fn(&str) -> bool) -> Watched {
        let deadline = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let said = stop(&line);
                    self.printed.push(line);
                    if said {
                        return Watched::Said;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Watched::Runs,
                Err(RecvTimeoutError::Disconnected) => return Watched::Ended,
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error says that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What was seen of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    Said,
    Runs,
    Ended,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start(command).expect("a shell")
    }

    #[test]
    fn sees_both_outputs_and_the_end() {
        let mut program = shell("echo out; echo err >&2; exit 3");
        assert!(program.prints("err", SOON));
        assert!(!program.prints("more", SOON));
        let status = program.end(SOON).unwrap().expect("it ends");
        assert_eq!((program.take_printed(), status.code()), (vec!["out".to_owned(), "err".to_owned()], Some(3)));
    }

    #[test]
    fn signals_what_runs() {
        let mut program = shell("trap 'echo caught; exit 0' TERM; echo up; while :; do read line; done");
        assert!(program.prints("up", SOON));
        assert!(program.signal(&["TERM"]));
        assert_eq!(program.end(SOON).unwrap().and_then(|status| status.code()), Some(0));
        assert_eq!(program.take_printed(), ["up", "caught"]);
    }

    #[test]
    fn gives_up_on_what_takes_longer() {
        let mut program = shell("exec cat /dev/zero > /dev/null");
        assert!(program.watch(Duration::from_millis(1)));
        assert!(program.end(Duration::from_millis(1)).unwrap().is_none());
    }
}
