//! `cargo xtask lint`: clippy for every target of every member, heavy ones included.
//!
//! Warnings become errors by an argument to clippy rather than by `RUSTFLAGS`, which would build all dependencies again.
//! Members, features and profile are those of `doc`, so that the two share what they check.

use crate::{
    args::Args,
    failure::Result,
    process::{cargo, run as run_command},
};

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    run_command(&mut cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))
}
