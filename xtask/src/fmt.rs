//! `cargo xtask fmt`: the formatting of every Rust file, consumers outside the workspace included.

use std::{path::PathBuf, process::Command};

use crate::{
    args::Args,
    consumers,
    failure::Result,
    process::{cargo, root, run as run_command},
};

pub(crate) fn run(mut args: Args) -> Result {
    let fix = args.flag("--fix");
    args.finish()?;
    let check: &[&str] = if fix { &[] } else { &["--check"] };
    run_command(cargo(["fmt", "--all", "--"]).args(check))?;
    run_command(
        Command::new("rustfmt").args(["--edition", "2024"]).args(check).args(consumer_files()?).current_dir(root()),
    )
}

/// What `cargo fmt` does not see, since it belongs to no workspace member.
fn consumer_files() -> Result<Vec<PathBuf>> {
    Ok(consumers::names()?.iter().map(|name| PathBuf::from(consumers::DIR).join(name).join("src/main.rs")).collect())
}
