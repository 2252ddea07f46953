//! `cargo xtask features`: each library compiles with no feature, with each one alone and with all.
//!
//! Only libraries, without their tests: this is about `cfg`s that need one another, which users meet and we do not,
//! since every other command builds with all features.

use crate::{
    args::Args,
    failure::Result,
    process::{cargo, run as run_command},
    repo::Repo,
    workspace::{Package, Workspace},
};

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    let workspace = Workspace::load(&Repo::read()?)?;
    for library in workspace.libraries() {
        for features in feature_sets(library) {
            let mut check = cargo(["check", "--lib", "--package", &library.name, "--no-default-features"]);
            run_command(check.args(features.iter().flat_map(|features| ["--features", features])))?;
        }
    }
    Ok(())
}

/// None, each alone, and all where that is something else.
fn feature_sets(package: &Package) -> Vec<Option<String>> {
    let names: Vec<_> = package.features.iter().map(|feature| feature.name.clone()).collect();
    let all = (names.len() > 1).then(|| names.join(","));
    std::iter::once(None).chain(names.into_iter().chain(all).map(Some)).collect()
}
