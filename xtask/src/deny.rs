//! `cargo xtask deny`: licences, banned crates and sources of all dependencies, by cargo-deny and `deny.toml`.
//!
//! Advisories are left out: they need a database from the network, while this command has to work offline.

use crate::{
    args::Args,
    failure::Result,
    process::{cargo, has_cargo_tool, run as run_command, skip_for_lack_of},
};

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    if has_cargo_tool("deny") {
        return run_command(&mut cargo(["deny", "--all-features", "check", "bans", "licenses", "sources"]));
    }
    skip_for_lack_of("deny", "cargo-deny (`cargo install --locked cargo-deny`)")
}
