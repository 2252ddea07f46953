//! `cargo xtask consumers`: small projects outside the workspace, one for each way to depend on misc.
//!
//! Inside the workspace cargo unifies features and every crate finds its siblings, which hides what users would meet.
//! The projects in `xtask/consumers` are copied below the target directory together with the lock file, so that they
//! get the versions that everything else was tested with, and checked there; one is run.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    args::Args,
    failure::{Failure, Result},
    process::{cargo, root, run as run_command, succeeds, target_dir},
};

/// Where the projects are, from the root.
pub(crate) const DIR: &str = "xtask/consumers";

/// The project that is run, and not just checked.
const RUN: &str = "sub-crate";

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    for name in names()? {
        println!("-- {name}");
        let project = copy(&name).map_err(|error| Failure::met(&name, error))?;
        lock(&project)?;
        let command: &[&str] = if name == RUN { &["run", "--locked"] } else { &["check", "--all-targets", "--locked"] };
        run_command(&mut cargo_in(&project, command))?;
    }
    Ok(())
}

/// The names of the projects, in order.
pub(crate) fn names() -> Result<Vec<String>> {
    let entries = fs::read_dir(root().join(DIR)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| Failure::met(DIR, error))?;
    let mut names: Vec<_> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Copies the project, as deep below the root as it was: its relative paths keep their meaning.
fn copy(name: &str) -> io::Result<PathBuf> {
    let (from, to) = (root().join(DIR).join(name), builds().join(name));
    fs::create_dir_all(to.join("src"))?;
    for file in ["Cargo.toml", "src/main.rs"] {
        fs::copy(from.join(file), to.join(file))?;
    }
    fs::copy(root().join("Cargo.lock"), to.join("Cargo.lock"))?;
    Ok(to)
}

/// Makes the copied lock file fit the project; from the network only what this machine has not seen.
fn lock(project: &Path) -> Result {
    let update = ["update", "--workspace", "--quiet"];
    if succeeds(cargo_in(project, &update).arg("--offline")) {
        return Ok(());
    }
    run_command(&mut cargo_in(project, &update))
}

/// A cargo command in the project; what it builds is shared with the other projects, and with the workspace where that is
/// the same.
fn cargo_in(project: &Path, args: &[&str]) -> Command {
    let mut command = cargo(args.iter().copied());
    command.current_dir(project).env("CARGO_TARGET_DIR", target_dir());
    command
}

/// Always below the root, wherever cargo builds: the projects' paths lead there.
fn builds() -> PathBuf {
    root().join("target/consumers")
}
