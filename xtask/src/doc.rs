//! `cargo xtask doc`: the documentation of every member, where a warning (a broken link, say) is an error.

use crate::{
    args::Args,
    failure::Result,
    process::{cargo, run as run_command},
};

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    run_command(cargo(["doc", "--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
