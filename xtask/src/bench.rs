//! `cargo xtask bench`: misc beside its peers, which are too heavy to build with everything else.
//!
//! What is measured, and how, is all in `crates/misc-bench`; this builds it and passes on what it was given.

use std::process::Command;

use crate::{
    args::Args,
    failure::Result,
    listing::Listing,
    process::{cargo, run as run_command, target_dir},
    repo::Repo,
};

const AREAS: &str = "crates/misc-bench/src/areas";

pub(crate) fn run(mut args: Args) -> Result {
    let areas = Listing::of_files(&Repo::read()?, "area", AREAS);
    let Some(name) = args.next() else {
        areas.print();
        return Ok(());
    };
    areas.choose(&name)?;
    run_command(&mut cargo(["build", "--release", "--package", "misc-bench"]))?;
    let program = target_dir().join("release/misc-bench");
    run_command(Command::new(program).arg(name).args(args.rest()))
}
