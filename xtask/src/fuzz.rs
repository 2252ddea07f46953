//! `cargo xtask fuzz`: libFuzzer on the stable toolchain, for each target of misc-fuzz.
//!
//! The flags that libFuzzer needs would rebuild everything that the other commands share, so what they build has a place
//! of its own, `fuzz` below the target directory. Beside it grow the inputs that were found worth keeping (`corpus`),
//! what broke a target (`findings`) and what libFuzzer said (`log`).

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    args::Args,
    failure::{Failure, Result},
    listing::Listing,
    process::{cargo, root, run as run_command, skip_for_lack_of, succeeds, target_dir},
    repo::Repo,
};

const TARGETS: &str = "crates/misc-fuzz/src/targets";
const SEEDS: &str = "crates/misc-fuzz/corpus";
/// For how long a target is fuzzed when nothing else is said.
const SECONDS: u64 = 60;
/// How much of the log shows what a target has met.
const TAIL: usize = 20;

/// Coverage and comparisons, as libFuzzer counts them.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

pub(crate) fn run(mut args: Args) -> Result {
    let (seconds, replay) = (args.number("--seconds")?, args.values("--replay")?);
    let name = args.next();
    args.finish()?;
    let targets = Listing::of_files(&Repo::read()?, "target", TARGETS);
    let Some(name) = name else {
        targets.print();
        return Ok(());
    };
    let chosen = targets.choose(&name)?;
    if !replay.is_empty() {
        return replay_inputs(&name, &replay);
    }
    if !has_cpp() {
        return skip_for_lack_of("fuzz", "a C++ compiler, which libFuzzer is built with (`g++`, or what `CXX` names)");
    }
    let program = build()?;
    for target in chosen {
        fuzz(&program, &target.name, seconds.unwrap_or(SECONDS))?;
    }
    Ok(())
}

/// Runs a target on files, built as usual: no libFuzzer, and a panic with its own backtrace.
fn replay_inputs(target: &str, files: &[String]) -> Result {
    let mut command = cargo(["run", "--quiet", "--package", "misc-fuzz", "--", target]);
    for file in files {
        command.arg(std::path::absolute(file).map_err(|error| Failure::met(file, error))?);
    }
    run_command(&mut command)
}

fn has_cpp() -> bool {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    succeeds(Command::new(compiler).arg("--version"))
}

/// Builds the program with its flags; named as a foreign platform, ours has build scripts and macros without them.
fn build() -> Result<PathBuf> {
    let platform = platform()?;
    let mut command = cargo(["build", "--profile", "fuzz", "--package", "misc-fuzz", "--target", &platform]);
    run_command(command.env("CARGO_TARGET_DIR", dir()).env("RUSTFLAGS", FLAGS.join(" ")))?;
    Ok(dir().join(platform).join("fuzz/misc-fuzz"))
}

/// The platform that rustc builds for.
fn platform() -> Result<String> {
    let said = Command::new("rustc").arg("-vV").output().map_err(|error| Failure::met("rustc -vV", error))?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::check("`rustc -vV` names no host"))
}

/// Fuzzes one target, from its seeds and from what was found before.
fn fuzz(program: &Path, target: &str, seconds: u64) -> Result {
    let place = Place::of(target);
    let ended = place.make().and_then(|log| place.command(program, target, seconds).stderr(log).status());
    let ended = ended.map_err(|error| Failure::met(program.display(), error))?;
    let log = fs::read_to_string(&place.log).map_err(|error| Failure::met(place.log.display(), error))?;
    if ended.success() {
        println!("fuzz {target} runs={} seconds={seconds} findings=0", runs(&log).unwrap_or_default());
        return Ok(());
    }
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].iter().for_each(|line| println!("{line}"));
    let Some(finding) = finding(&log) else {
        return Err(Failure::check(format!("libFuzzer failed on `{target}`: {}", place.log.display())));
    };
    let replay = format!("cargo xtask fuzz {target} --replay {finding}");
    let keep = format!("once it is mended, keep that file in {SEEDS}/{target}");
    Err(Failure::check(format!("`{target}` does not hold; to see it again: {replay}\n{keep}")))
}

/// Where the inputs of a target are, and what is said of it.
struct Place {
    corpus: PathBuf,
    findings: PathBuf,
    log: PathBuf,
}

impl Place {
    fn of(target: &str) -> Self {
        let log = dir().join("log").join(target);
        Self { corpus: dir().join("corpus").join(target), findings: dir().join("findings").join(target), log }
    }

    /// Makes the directories, and an empty log.
    fn make(&self) -> io::Result<File> {
        fs::create_dir_all(&self.corpus)?;
        fs::create_dir_all(&self.findings)?;
        fs::create_dir_all(dir().join("log"))?;
        File::create(&self.log)
    }

    /// The fuzzer; it adds to the first directory and only reads the second.
    fn command(&self, program: &Path, target: &str, seconds: u64) -> Command {
        let mut command = Command::new(program);
        command
            .env("MISC_FUZZ_TARGET", target)
            // The panic says what is wrong; where that was, a replay shows better.
            .env("RUST_BACKTRACE", "0")
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", self.findings.display()))
            .args(["-max_len=256", "-timeout=10", "-print_final_stats=1"])
            .args([&self.corpus, &root().join(SEEDS).join(target)]);
        command
    }
}

fn dir() -> PathBuf {
    target_dir().join("fuzz")
}

/// How many inputs the target was run on.
fn runs(log: &str) -> Option<u64> {
    log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

/// The file with the input that broke the target.
fn finding(log: &str) -> Option<&str> {
    log.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_libfuzzer_says() {
        let log = "#8\tDONE   cov: 11\nDone 8 runs in 1 second(s)\nstat::number_of_executed_units: 8\n";
        assert_eq!((runs(log), finding(log)), (Some(8), None));
        let log = "==9== ERROR: libFuzzer: deadly signal\nartifact_prefix='f/'; Test unit written to f/crash-1\n";
        assert_eq!((runs(log), finding(log)), (None, Some("f/crash-1")));
    }
}
