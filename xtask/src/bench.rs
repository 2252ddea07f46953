//! `cargo xtask bench`: the measurements, whose peers are too heavy to build with everything else.

use crate::{
    args::Args,
    failure::Result,
    process::{cargo, run as run_command},
};

pub(crate) fn run(args: Args) -> Result {
    run_command(cargo(["bench", "--package", "misc-bench"]).args(args.rest()))
}
