//! `cargo xtask deny`: licences, banned crates and sources of all dependencies, by cargo-deny and `deny.toml`.
//!
//! Advisories are left out: they need a database from the network, while this command has to work offline.

use crate::{
    args::Args,
    failure::{Failure, Result},
    process::{cargo, has_cargo_tool, run as run_command},
};

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    if has_cargo_tool("deny") {
        return run_command(&mut cargo(["deny", "--all-features", "check", "bans", "licenses", "sources"]));
    }
    let why = "cargo-deny is not installed (`cargo install --locked cargo-deny`)";
    if std::env::var_os("MISC_REQUIRE_TOOLS").is_some_and(|value| value == "1") {
        return Err(Failure::check(why));
    }
    println!("skipped: deny: {why}");
    Ok(())
}
