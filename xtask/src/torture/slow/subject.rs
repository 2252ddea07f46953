//! The server that is looked at, and what it has of the system.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::{Failure, Result},
    process::{succeeds, target_dir},
    program::Program,
};

/// What a server listens on that has its own limits.
pub(super) const DEFAULT: &str = r#"{"listen": "127.0.0.1:0"}"#;
const LISTENS: &str = "listens on ";
const PATIENCE: Duration = Duration::from_secs(20);
/// What a process has open for itself.
const OWN: usize = 100;
/// Runs a program with so many descriptors, or with as many as there may be.
const LIMITED: &str = "ulimit -S -n \"${0:-$(ulimit -H -n)}\" && exec \"$@\"";

/// A server in a process of its own.
pub(super) struct Subject {
    program: Program,
    pub(super) address: String,
}

impl Subject {
    /// Starts a server, if it is said with so many descriptors.
    pub(super) fn start(settings: &str, descriptors: Option<usize>) -> Result<Self> {
        let limit = descriptors.map(|count| count.to_string()).unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, &limit]).arg(target_dir().join("debug/examples/http_subject")).arg(settings);
        let mut program = Program::start(command)?;
        let ready = program.prints(LISTENS, PATIENCE);
        let mut printed = program.take_printed();
        match printed.pop() {
            Some(line) if ready => Ok(Self { program, address: line.trim_start_matches(LISTENS).to_owned() }),
            last => {
                printed.extend(last);
                let printed = printed.join("\n");
                Err(Failure::check(format!("the server is not ready after {PATIENCE:?}\n{printed}")))
            }
        }
    }

    /// How many descriptors it has, where the system says so.
    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.program.id())).map_or(0, Iterator::count)
    }

    /// How many bytes of memory it has, where the system says so.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        kib.unwrap_or(0) << 10
    }

    /// Waits until it has no more descriptors than that; returns how many are still too many after `time`.
    pub(super) fn above(&self, descriptors: usize, time: Duration) -> usize {
        let end = Instant::now() + time;
        loop {
            let above = self.descriptors().saturating_sub(descriptors);
            if above == 0 || Instant::now() > end {
                return above;
            }
            pause(Duration::from_millis(5));
        }
    }
}

/// Sees to it that this process may have that many connections; returns how many it may have in the end, on both sides.
pub(super) fn descriptors_for(clients: usize) -> Result<usize> {
    let wanted = clients + OWN;
    // What a shell of ours may have, we may have.
    let has = || -> Result<[Option<usize>; 2]> {
        let asked = Command::new("sh").args(["-c", "ulimit -S -n; ulimit -H -n"]).output();
        let asked = asked.map_err(|error| Failure::met("`ulimit -n`", error))?;
        let text = String::from_utf8_lossy(&asked.stdout).into_owned();
        // What is no number is `unlimited`.
        let mut limits = text.lines().map(|line| line.parse().ok());
        Ok([limits.next().flatten(), limits.next().flatten()])
    };
    let [soft, hard] = has()?;
    if soft.is_some_and(|soft| soft < wanted) {
        let limit = format!("--nofile={}:", hard.map_or(wanted, |hard| wanted.min(hard)));
        succeeds(Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &limit]));
    }
    let may_have = has()?[0].map_or(clients, |soft| clients.min(soft.saturating_sub(OWN)));
    if may_have < clients {
        println!("a process may have only {} descriptors here: {may_have} slow clients", may_have + OWN);
    }
    Ok(may_have)
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "it blocks a thread of a command, which has no workers")]
pub(super) fn pause(time: Duration) {
    thread::sleep(time);
}
