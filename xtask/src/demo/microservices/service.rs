//! One of the services as a process: where it listens, and what can be asked of it.
#![expect(clippy::disallowed_types, reason = "no test pauses the time that other processes take")]

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use super::super::{PATIENCE, READY, command, wait};
use crate::{
    failure::{Failure, Result},
    http::{Connection, Request, Response},
    process::root,
    program::Program,
};

/// How long to wait before something is looked at again.
const PAUSE: Duration = Duration::from_millis(50);

/// How many lines of a log are shown.
const LINES: usize = 40;

/// A service that runs, killed when it is dropped.
pub(super) struct Service {
    name: &'static str,
    program: Program,
    log: Vec<String>,
    /// Where it serves, and where operators find its health and metrics.
    pub(super) http: String,
    ops: String,
}

impl Service {
    /// Starts a service with its own settings, and over them those of the demo.
    pub(super) fn start(dir: &Path, name: &'static str, listen: &str, settings: &str) -> Result<Self> {
        let over = dir.join(format!("{name}.yaml"));
        let settings = format!("http:\n  listen: {listen}\nops: 127.0.0.1:0\n{settings}");
        fs::write(&over, settings).map_err(|error| Failure::met(over.display(), error))?;
        let mut program = Program::start(configured(dir, name))?;
        let is_ready = program.prints(READY, PATIENCE);
        let log = program.take_printed();
        let address = |service: &str| {
            let line = log.iter().find(|line| line.contains(&format!("listening service={service} ")))?;
            line.split_once("address=").map(|(_, address)| address.trim().to_owned())
        };
        let (Some(http), Some(ops), true) = (address("http"), address("ops"), is_ready) else {
            return Err(Failure::check(format!("`{name}` does not start:\n{}", log.join("\n"))));
        };
        println!("$ {name} --config {} --config {name}.yaml", settings_of(name));
        println!("{name} is ready: http://{http}, for operators http://{ops}");
        Ok(Self { name, program, log, http, ops })
    }

    /// Asks, and shows the question and the answer.
    #[expect(clippy::unused_self, reason = "it is asked, wherever it is")]
    pub(super) fn ask(&self, request: &Request) -> Result<Response> {
        let Request { host, path, body, .. } = request;
        match body {
            Some(body) => println!("$ curl --json '{body}' http://{host}{path}"),
            None => println!("$ curl http://{host}{path}"),
        }
        let answer = ask(request)?;
        let after = answer.field("retry-after").map(|after| format!("retry-after: {after} "));
        println!("{} {}{}", answer.status, after.unwrap_or_default(), answer.body.trim_end());
        Ok(answer)
    }

    /// Waits until its health has a line, since a check is good for a second, and shows it.
    pub(super) fn shows(&self, line: &str) -> Result {
        let request = Request::get(&self.ops, "/readyz?verbose");
        eventually(&format!("the health of `{}` says `{line}`", self.name), || {
            Ok(ask(&request)?.body.contains(line).then_some(()))
        })?;
        self.ask(&request).map(drop)
    }

    /// Shows the series of a metric, and returns the sum.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        let answer = ask(&Request::get(&self.ops, "/metrics"))?;
        let mut sum = 0.0;
        for line in answer.body.lines().filter(|line| line.starts_with(name)) {
            println!("{}: {line}", self.name);
            sum += line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(sum)
    }

    /// Lets its program look after its jobs while it runs, and returns what that says.
    pub(super) fn operate(&self, dir: &Path, args: &[&str]) -> Result<String> {
        println!("$ {} {}", self.name, args.join(" "));
        let output = configured(dir, self.name).args(args).output().map_err(|error| Failure::met(self.name, error))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{said}{}", String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(said);
        }
        Err(Failure::check(format!("`{} {}` has failed", self.name, args.join(" "))))
    }

    /// Ends it as nobody can prevent.
    pub(super) fn kill(&mut self) -> Result {
        println!("$ kill -KILL {}", self.program.id());
        self.signal("KILL")?;
        match self.program.end(PATIENCE)? {
            Some(_) => Ok(()),
            None => Err(Failure::check(format!("`{}` outlives SIGKILL", self.name))),
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(&mut self) -> Result {
        println!("$ kill -TERM {}", self.program.id());
        self.signal("TERM")?;
        let status = self.program.end(PATIENCE)?;
        match status.and_then(|status| status.code()) {
            Some(0) => {
                println!("{} has ended with exit code 0", self.name);
                Ok(())
            }
            code => {
                self.show_log();
                Err(Failure::check(format!("`{}` was to end with exit code 0, not {code:?}", self.name)))
            }
        }
    }

    /// Shows what it has logged last.
    pub(super) fn show_log(&mut self) {
        self.program.watch(PAUSE);
        self.log.append(&mut self.program.take_printed());
        println!("-- the log of {}", self.name);
        self.log.iter().skip(self.log.len().saturating_sub(LINES)).for_each(|line| println!("{line}"));
    }

    fn signal(&self, signal: &str) -> Result {
        if self.program.signal(&[signal]) {
            return Ok(());
        }
        Err(Failure::check("cannot signal: that needs the shell of a Unix"))
    }
}

/// Makes the command that runs a service, or what else its program does.
fn configured(dir: &Path, name: &str) -> Command {
    let mut command = command(name);
    let over = dir.join(format!("{name}.yaml"));
    command.current_dir(dir).arg("--config").arg(root().join(settings_of(name))).arg("--config").arg(over);
    command
}

/// Names its own settings.
fn settings_of(name: &str) -> String {
    format!("examples/microservices/{name}/config.yaml")
}

/// Asks in silence.
pub(super) fn ask(request: &Request) -> Result<Response> {
    let mut connection = Connection::open(&request.host).map_err(|error| Failure::met(&request.host, error))?;
    connection
        .response(request)
        .ok_or_else(|| Failure::check(format!("{}{} gives no answer", request.host, request.path)))
}

/// Looks until there is something.
pub(super) fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(Failure::check(format!("in vain it was waited until {what}")));
        }
        wait(PAUSE);
    }
}
