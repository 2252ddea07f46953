//! The processes on a store: who pushes, who works, and who only looks.

use std::{
    fs,
    io::{self, PipeWriter, Write},
    process::{Command, Stdio},
    time::Duration,
};

use super::{place::Place, story};
use crate::{
    failure::{Failure, Result},
    process::target_dir,
    program::Program,
};

/// No start, stop, answer or push of a few hundred jobs takes longer, on a machine that has other work, too.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How many pushes are made at the same time.
const LANES: u64 = 8;
/// What an answer of the reader begins with.
const ANSWER: &str = "answer: ";

/// Starts a process that pushes what was not pushed before, up to a number.
pub(super) fn pusher(place: &Place, end: u64) -> Result<Program> {
    let begin = fs::read_to_string(place.pushed()).map_or(0, |pushed| story::next_number(&pushed));
    let mut command = subject("push");
    command
        .arg(place.settings())
        .arg(place.pushed())
        .args([begin, end.max(begin), LANES].map(|number| number.to_string()));
    started(Program::start(command)?, "pushes")
}

/// A process that works.
pub(super) struct Worker {
    pub(super) program: Program,
    /// What the store calls it.
    pub(super) session: String,
}

impl Worker {
    pub(super) fn start(place: &Place) -> Result<Self> {
        let mut command = subject("work");
        command.arg(place.settings()).arg(place.worked());
        Ok(Self { program: started(Program::start(command)?, "works")?, session: String::new() })
    }

    /// Learns what the store calls it; nobody else has come since it was started.
    pub(super) fn with_session(self, reader: &mut Reader) -> Result<Self> {
        Ok(Self { session: reader.ask("session")?, ..self })
    }

    pub(super) fn kill(&mut self) {
        self.program.signal(&["KILL"]);
        // It has ended before anybody looks at what it has left.
        self.program.watch(PATIENCE);
    }

    pub(super) fn stop(mut self) -> Result {
        self.program.signal(&["TERM"]);
        let status = self.program.end(PATIENCE)?;
        if status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        let printed = self.program.take_printed().join("\n  ");
        Err(Failure::check(format!("a worker has not stopped well: {status:?}\n  {printed}")))
    }
}

/// A process that reads the store with plain SQL.
pub(super) struct Reader {
    program: Program,
    questions: PipeWriter,
}

impl Reader {
    pub(super) fn start(place: &Place) -> Result<Self> {
        let mut command = subject("read");
        command.args([&place.url, &place.prefix]);
        let (input, questions) = io::pipe().map_err(|error| Failure::met("a pipe", error))?;
        let program = Program::start_with(command, Stdio::from(input))?;
        Ok(Self { program: started(program, "reads")?, questions })
    }

    pub(super) fn ask(&mut self, question: &str) -> Result<String> {
        writeln!(self.questions, "{question}").map_err(|error| Failure::met("the reader", error))?;
        let is_answered = self.program.prints(ANSWER, PATIENCE);
        let printed = self.program.take_printed();
        match printed.last().and_then(|line| line.strip_prefix(ANSWER)) {
            Some(answer) if is_answered => Ok(answer.to_owned()),
            _ => Err(Failure::check(format!("`{question}` is not answered\n  {}", printed.join("\n  ")))),
        }
    }
}

fn subject(role: &str) -> Command {
    let mut command = Command::new(target_dir().join("debug/examples/queue_subject"));
    command.arg(role);
    command
}

/// Waits until a program says that it does what it is for.
fn started(mut program: Program, word: &str) -> Result<Program> {
    if program.prints(word, PATIENCE) {
        return Ok(program);
    }
    let printed = program.take_printed().join("\n  ");
    Err(Failure::check(format!("a process does not say that it {word} within {PATIENCE:?}\n  {printed}")))
}
