//! The program that `tests/process` starts, sets the clock of, and kills.
//!
//! Run it with `cargo run -p misc-scheduler --example firings -- clock`, or with `replica FILE`. You see each firing, with
//! the time for which it was planned; Ctrl-C stops it.
#![expect(clippy::print_stdout, reason = "what it prints is what the tests look at")]

use std::{process::ExitCode, time::Duration};

use misc_core::App;
use misc_scheduler::{FileLedger, Run, Scheduler, Task, Trigger, cron, daily, every};

fn main() -> ExitCode {
    misc_core::main(async || {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let scheduler = match &*arguments.iter().map(|argument| &**argument).collect::<Vec<_>>() {
            ["replica", file] => replica(file),
            _ => clock(),
        };
        Ok(App::new("firings").service("tasks", scheduler))
    })
}

/// A task of a fixed time, one that follows the clock, and one that does not look at it.
fn clock() -> Scheduler {
    Scheduler::new()
        .task("fixed", daily("09:00"), say)
        .task("wildcard", cron("0 * * * *"), say)
        .task("interval", every(Duration::from_millis(500)), say)
        .task("begins", begins(), say)
}

/// A task that fires each second, on one of those that share the file.
fn replica(file: &str) -> Scheduler {
    let task = Task::new("task", cron("* * * * * *"), say);
    Scheduler::new().ledger(FileLedger::new(file)).add(task).task("begins", begins(), say)
}

/// Fires once all others are armed.
fn begins() -> Trigger {
    every(Duration::from_secs(3_600)).immediately().limit(1).into()
}

async fn say(run: Run) {
    let due = run.due().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    println!("{} {}", run.task(), due.as_secs());
}
