//! Every feature is used by somebody who would notice that it broke.
//!
//! The reading of "used" that a tool can check: a feature of a library is used if an example, a consumer or the
//! dev-dependencies of a library ask for it, if a test target requires it, if a file below `tests/` is compiled by it,
//! or if a feature or dependency that is used so asks for it in turn. The feature `full` neither needs a user, since it
//! adds nothing of its own, nor is one: who asks for everything shows nothing.

use std::collections::BTreeSet;

use crate::{
    manifest::{Dependency, DependencyKind},
    problem::Problem,
    repo::Repo,
    workspace::{Package, Workspace},
};

/// The feature that gathers all others of its crate.
const EVERYTHING: &str = "full";

/// A feature without a user is a promise that nobody keeps.
pub(super) fn every_feature_is_used(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let used = Used::find(repo, workspace);
    for package in workspace.libraries() {
        let single = package.features.iter().filter(|feature| feature.name != EVERYTHING);
        for feature in single.filter(|feature| !used.has(package, &feature.name)) {
            let what = format!("nothing uses the feature `{}`", feature.name);
            let cure = "ask for it in an example, a consumer or a test";
            problems.push(Problem::new(package.manifest(), feature.line, what, cure));
        }
    }
}

/// The features that somebody uses; the empty name stands for the package itself.
struct Used<'w> {
    workspace: &'w Workspace,
    features: BTreeSet<(String, String)>,
}

impl<'w> Used<'w> {
    fn find(repo: &Repo, workspace: &'w Workspace) -> Self {
        let mut used = Self { workspace, features: BTreeSet::new() };
        for user in workspace.examples().chain(&workspace.consumers) {
            user.dependencies.iter().for_each(|dependency| used.add_dependency(dependency));
        }
        for library in workspace.libraries() {
            let dev = library.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Dev);
            dev.for_each(|dependency| used.add_dependency(dependency));
            library.required_features.iter().for_each(|feature| used.add(library, feature));
            let tests: String = repo.files_in(&format!("{}/tests", library.dir)).map(|(_, text)| text).collect();
            let asked =
                library.features.iter().filter(|feature| tests.contains(&format!("feature = \"{}\"", feature.name)));
            asked.for_each(|feature| used.add(library, &feature.name));
        }
        used
    }

    fn has(&self, package: &Package, feature: &str) -> bool {
        self.features.contains(&(package.name.clone(), feature.to_owned()))
    }

    fn add_dependency(&mut self, dependency: &Dependency) {
        let Some(package) = self.workspace.package(&dependency.package) else {
            return;
        };
        self.add_package(package);
        dependency.features.iter().for_each(|feature| self.add(package, feature));
        if dependency.default_features {
            self.add(package, "default");
        }
    }

    /// Adds the package, and what it always asks of others.
    fn add_package(&mut self, package: &'w Package) {
        if self.features.insert((package.name.clone(), String::new())) {
            let always = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal && !dependency.optional);
            always.for_each(|dependency| self.add_dependency(dependency));
        }
    }

    /// Adds the feature, and what it enables.
    fn add(&mut self, package: &'w Package, name: &str) {
        let Some(feature) = package.feature(name) else {
            return;
        };
        if !self.features.insert((package.name.clone(), name.to_owned())) {
            return;
        }
        for enabled in &feature.enables {
            let other = |key: &str| package.dependencies.iter().find(|dependency| dependency.key == key);
            if let Some(dependency) = enabled.strip_prefix("dep:").and_then(other) {
                self.add_dependency(dependency);
            } else if let Some((key, feature)) = enabled.split_once('/') {
                let dependency = other(key.trim_end_matches('?'));
                let package = dependency.and_then(|dependency| self.workspace.package(&dependency.package));
                package.into_iter().for_each(|package| self.add(package, feature));
            } else if name != EVERYTHING {
                self.add(package, enabled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    const FACADE: &str = "crates/misc/Cargo.toml";
    const HTTP: &str = "crates/misc-http/Cargo.toml";
    const UNUSED: &str = "crates/misc-http/Cargo.toml:10: nothing uses the feature `tls`; ask for it in an example, a consumer or a test";

    /// Checks what is unused when the facade enables `enables` by `http`, misc-http has a feature `tls`, and `more` is there.
    #[track_caller]
    fn check(enables: &str, more: &str, expected: &str) {
        let overlay = edited(FACADE, "[\"dep:misc-http\"]", enables)
            + &edited(HTTP, "[lints]", "[features]\ntls = []\n[lints]")
            + more;
        assert_eq!(problems(&[every_feature_is_used], &overlay), expected);
    }

    #[test]
    fn features_need_users() {
        check("[\"dep:misc-http\"]", "", UNUSED);
        check("[\"dep:misc-http\", \"misc-http/tls\"]", "", "");
        check("[\"dep:misc-http\", \"misc-http?/tls\"]", "", "");
    }

    #[test]
    fn tests_and_consumers_are_users() {
        let dep = "[\"dep:misc-http\"]";
        check(dep, "//- crates/misc-http/tests/it/tls.rs\n#![cfg(feature = \"tls\")]\n", "");
        let consumer =
            "//- xtask/consumers/tls/Cargo.toml\n[dependencies]\nmisc-http = { path = \"..\", features = [\"tls\"] }\n";
        check(dep, consumer, "");
    }

    #[test]
    fn asking_for_everything_shows_nothing() {
        let overlay = edited(FACADE, "# Serves HTTP.\n", "# All.\nfull = [\"http\"]\n# Serves HTTP.\n")
            + &edited("examples/01-hello/Cargo.toml", "[\"http\"]", "[\"full\"]");
        let expected = "crates/misc/Cargo.toml:16: nothing uses the feature `http`; ask for it in an example, a consumer or a test";
        assert_eq!(problems(&[every_feature_is_used], &overlay), expected);
    }
}
