//! `cargo xtask test`: unit, integration and doc tests, by nextest where it is installed, and one count of them all.
//!
//! # Skips
//!
//! A test that lacks a tool (`docker`) or a server (a database) on this machine returns early and says so. Test
//! runners swallow what a passing test prints, so it appends one line to the file that `MISC_SKIPS` names, which this
//! command sets, counts and prints at the end; with a bare `cargo test` there is no such file, and the line goes to
//! stderr. Either way it reads
//!
//! ```text
//! skipped: <crate>::<test>: <why>
//! ```
//!
//! and ends in a line break. It is written in one call to a file opened for appending, so that tests in other threads
//! and processes do not mix with it. `MISC_REQUIRE_TOOLS=1` and `MISC_REQUIRE_SERVICES=1` are for the test to read:
//! with the one that applies, it fails instead. The name of the test is that of its thread. `misc_test::skip` does all
//! this, and `tool` and `server` look and skip.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    args::Args,
    failure::{Failure, Result},
    process::{cargo, has_cargo_tool, run_observed, target_dir},
};

/// The variable that names the file of skips.
const SKIPS: &str = "MISC_SKIPS";

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    let skips = empty_skips_file()?;
    let mut tally = Tally::default();
    let mut succeeded = true;
    // Tests run examples and programs of other packages, which are not all built along with them.
    succeeded &= run_observed(cargo(["build", "--bins", "--examples", "--all-features"]), |_| {})?;
    for runner in [Runner::of_tests(), Runner::DocTests] {
        let mut command = runner.command();
        command.env(SKIPS, &skips);
        succeeded &= run_observed(command, |line| tally.add(runner.counts(line)))?;
    }
    let skipped = fs::read_to_string(&skips).map_err(|error| Failure::met(skips.display(), error))?;
    print!("{}", tally.report(&skipped));
    match (succeeded, tally.failed) {
        (true, _) => Ok(()),
        (false, 0) => Err(Failure::check("not all tests could be run: see above")),
        (false, failed) => Err(Failure::check(format!("{failed} failed"))),
    }
}

/// How the tests went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    /// What the runners count as skipped: nothing in this repository, where tidy has it so.
    ignored: usize,
}

/// What runs tests and prints how they went.
#[derive(Clone, Copy, Debug)]
enum Runner {
    Nextest,
    Harness,
    DocTests,
}

impl Runner {
    fn of_tests() -> Self {
        if has_cargo_tool("nextest") { Self::Nextest } else { Self::Harness }
    }

    /// Tests the default members, all with the same features, so that one build serves every runner.
    fn command(self) -> Command {
        let args: &[&str] = match self {
            Self::Nextest => &["nextest", "run", "--no-tests=pass"],
            Self::Harness => &["test", "--lib", "--bins", "--tests"],
            Self::DocTests => &["test", "--doc"],
        };
        cargo(args.iter().copied().chain(["--all-features", "--no-fail-fast"]))
    }

    /// The counts on the line, if it is this runner's summary and not what it quotes from a test.
    fn counts(self, line: &str) -> Option<&str> {
        let (_, counts) = match self {
            Self::Nextest => line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?,
            Self::Harness | Self::DocTests => line.strip_prefix("test result: ")?.split_once(". ")?,
        };
        Some(counts)
    }
}

fn empty_skips_file() -> Result<PathBuf> {
    let dir = target_dir().join("xtask");
    let path = dir.join("skips");
    let created = fs::create_dir_all(&dir).and_then(|()| fs::write(&path, ""));
    created.map_err(|error| Failure::met(path.display(), error))?;
    Ok(path)
}

impl Tally {
    /// Adds the counts of a summary, if there is one.
    fn add(&mut self, counts: Option<&str>) {
        for count in without_parentheses(counts.unwrap_or_default()).split([',', ';']) {
            self.add_count(count.trim());
        }
    }

    /// Adds one count, such as `3 passed`.
    fn add_count(&mut self, count: &str) {
        let Some((number, kind)) = count.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse::<usize>() else {
            return;
        };
        match kind {
            "passed" => self.passed += number,
            "failed" | "timed out" | "exec failed" => self.failed += number,
            "skipped" | "ignored" => self.ignored += number,
            _ => {}
        }
    }

    /// The summary; a test that reported a skip has passed for its runner, and has not for us.
    fn report(&self, skips: &str) -> String {
        let mut skips: Vec<_> = skips.lines().collect();
        skips.sort_unstable();
        skips.dedup();
        let Self { passed, failed, ignored } = self;
        let passed = passed.saturating_sub(skips.len());
        let skipped = ignored + skips.len();
        let lines = skips.iter().map(|line| format!("{line}\n"));
        let head = format!("\ntest: {passed} passed, {failed} failed, {skipped} skipped\n");
        std::iter::once(head).chain(lines).collect()
    }
}

/// The counts without what qualifies them, as in `3 passed (1 slow)`.
fn without_parentheses(counts: &str) -> String {
    let mut parts = counts.split('(');
    let first = parts.next().unwrap_or_default().trim_end().to_owned();
    parts.fold(first, |all, part| all + part.split_once(')').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runner: Runner, lines: &[&str], passed: usize, failed: usize, ignored: usize) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.add(runner.counts(line)));
        assert_eq!(tally, Tally { passed, failed, ignored });
    }

    #[test]
    fn counts_what_nextest_says() {
        let check = |line, passed, failed, ignored| check(Runner::Nextest, &[line], passed, failed, ignored);
        check("     Summary [   0.012s] 1 test run: 1 passed, 0 skipped", 1, 0, 0);
        check(
            "     Summary [ 1.2s] 10 tests run: 7 passed (1 slow, 2 leaky), 1 failed, 2 timed out, 3 skipped",
            7,
            3,
            3,
        );
        check("     Summary [ 1.2s] 3/10 tests run: 2 passed, 1 exec failed, 0 skipped", 2, 1, 0);
        check("test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out", 0, 0, 0);
    }

    #[test]
    fn counts_what_the_harness_says() {
        let lines = [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test a_test ... ok",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ];
        check(Runner::Harness, &lines, 7, 2, 1);
    }

    #[test]
    fn names_what_was_skipped() {
        let tally = Tally { passed: 5, failed: 1, ignored: 0 };
        let skips = "skipped: misc-queue::claims: no PostgreSQL\nskipped: misc-core::ends: no setsid\n";
        let expected = "\ntest: 3 passed, 1 failed, 2 skipped\n\
            skipped: misc-core::ends: no setsid\nskipped: misc-queue::claims: no PostgreSQL\n";
        assert_eq!(tally.report(skips), expected);
    }
}
