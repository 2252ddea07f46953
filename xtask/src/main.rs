//! Checks and maintains the workspace: `cargo xtask <command>`.
//!
//! Every command is a file of this crate and works offline, given a Rust toolchain and the dependencies of the
//! workspace. `ci` runs those that check, and nothing else decides whether a change is good; `bench` and `torture` take
//! longer, and want a quiet machine. Tools that not everybody has (`cargo-nextest`, `cargo-deny`, a C++ compiler,
//! valgrind) are used when they are there. Please think twice before adding a dependency here:
//! everyone waits for this crate to build before anything else happens.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod args;
mod failure;
mod process;

mod http;
mod listing;
mod manifest;
mod problem;
mod program;
mod random;
mod repo;
mod source;
mod workspace;

mod bench;
mod ci;
mod consumers;
mod demo;
mod deny;
mod doc;
mod features;
mod fmt;
mod fuzz;
mod generate;
mod lint;
mod test;
mod tidy;
mod torture;
mod vectors;

use std::process::ExitCode;

use crate::{
    args::Args,
    failure::{Failure, Result},
};

/// A command: what the user types, what `--help` says of it, and what runs it.
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(Args) -> Result,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        help: "runs all down to demo, with times; --skip <command> leaves one out, --keep-going fails late",
        run: ci::run,
    },
    Command { name: "fmt", help: "checks the formatting; --fix writes it", run: fmt::run },
    Command {
        name: "tidy",
        help: "checks what compilers do not: edges between crates, docs, features, names",
        run: tidy::run,
    },
    Command {
        name: "gen",
        help: "writes the feature and crate tables of the READMEs; --check compares them",
        run: generate::run,
    },
    Command {
        name: "deny",
        help: "checks licences, bans and sources of dependencies, where cargo-deny is installed",
        run: deny::run,
    },
    Command {
        name: "lint",
        help: "runs clippy on all targets with all features; a warning is an error",
        run: lint::run,
    },
    Command {
        name: "test",
        help: "runs unit, integration and doc tests, and counts and names what was skipped",
        run: test::run,
    },
    Command { name: "doc", help: "builds the documentation; a warning is an error", run: doc::run },
    Command {
        name: "features",
        help: "checks each library with no feature, with each one alone and with all",
        run: features::run,
    },
    Command {
        name: "consumers",
        help: "builds small projects outside the workspace, one for each way to depend on misc",
        run: consumers::run,
    },
    Command {
        name: "fuzz",
        help: "lists what is fuzzed; <target> or all runs libFuzzer: --seconds <n>, --replay <file>",
        run: fuzz::run,
    },
    Command {
        name: "demo",
        help: "lists the examples; <example> or all plays what one says of itself: --built, --postgres <url>",
        run: demo::run,
    },
    Command {
        name: "bench",
        help: "lists what is measured; <area> or all runs ours and its peers: --rounds <n>, --instructions",
        run: bench::run,
    },
    Command {
        name: "torture",
        help: "lists the fault harnesses; <name> or all runs them: --seconds <n>, --seed <n>; queue: --backend <name>, --kills <n>, --jobs <n>",
        run: torture::run,
    },
    Command {
        name: "vectors",
        help: "compares due times with cronsim's: --seed <n>, --count <n>; --write makes those in the repository",
        run: vectors::run,
    },
];

fn main() -> ExitCode {
    match dispatch(Args::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            eprintln!("error: {text}\nhelp: `cargo xtask --help` lists commands and flags");
            ExitCode::from(2)
        }
        Err(Failure::Check(text)) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command that the first argument names.
fn dispatch(mut args: Args) -> Result {
    let Some(name) = args.next() else {
        return Err(Failure::Usage("no command given".into()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help(COMMANDS));
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Err(Failure::Usage(format!("unknown command `{name}`")));
    };
    if args.wants_help() {
        print!("{}", help(std::slice::from_ref(command)));
        return Ok(());
    }
    (command.run)(args)
}

fn help(commands: &[Command]) -> String {
    let usage = "usage: cargo xtask <command>\n\n".to_owned();
    let lines = commands.iter().map(|Command { name, help, .. }| format!("  {name:<10} {help}\n"));
    std::iter::once(usage).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_usage(line: &str, expected: &str) {
        match dispatch(Args::new(line.split_whitespace())) {
            Err(Failure::Usage(text)) => assert_eq!(text, expected),
            other => panic!("expected a usage error, got {other:?}"),
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        check_usage("", "no command given");
        check_usage("frobnicate", "unknown command `frobnicate`");
        check_usage("fmt --fox", "unknown argument `--fox`");
        check_usage("tidy now", "unknown argument `now`");
        check_usage("ci --skip", "`--skip` needs a value");
        check_usage(
            "ci --skip tests",
            "`--skip tests` names no step; steps: fmt, tidy, gen, deny, lint, test, doc, features, consumers, fuzz, demo, \
             torture",
        );
    }

    #[test]
    fn helps_with_one_line_a_command() {
        let text = help(COMMANDS);
        for command in COMMANDS {
            let start = format!("  {:<10} ", command.name);
            assert_eq!(text.lines().filter(|line| line.starts_with(&start)).count(), 1, "{text}");
        }
    }
}
