//! The shape of the workspace: a core that everyone knows, crates that do not know each other, a facade that knows all.

use crate::{
    manifest::{Dependency, DependencyKind},
    problem::Problem,
    repo::Repo,
    workspace::{FACADE, Package, Workspace},
};

/// What every library may depend on.
const COMMON: &[&str] = &["misc-core", "misc-macros"];

/// What the tests of every library may depend on besides.
const COMMON_IN_TESTS: &[&str] = &["misc-test"];

/// Siblings meet in the user's `main`, at types that neither of them owns.
pub(super) fn siblings_do_not_know_each_other(_: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    for package in workspace.libraries().filter(|package| package.name != FACADE) {
        let edges = package.dependencies.iter();
        let edges = edges.filter(|edge| workspace.package(&edge.package).is_some_and(Package::is_library));
        for edge in edges.filter(|edge| !is_allowed(edge)) {
            let what = format!("`{}` names its sibling `{}`", package.name, edge.package);
            let cure = "let them meet at a type of the core or of the ecosystem";
            problems.push(Problem::new(package.manifest(), edge.line, what, cure));
        }
    }
}

fn is_allowed(edge: &Dependency) -> bool {
    let name = edge.package.as_str();
    let in_tests = edge.kind == DependencyKind::Dev && COMMON_IN_TESTS.contains(&name);
    edge.kind != DependencyKind::Build && COMMON.contains(&name) || in_tests
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    /// Checks what comes of adding `lines` to the manifest of misc-http.
    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let siblings = "misc-http = { path = \"crates/misc-http\", default-features = false }\n\
            misc-rpc = { path = \"crates/misc-rpc\", default-features = false }\n\
            misc-test = { path = \"crates/misc-test\", default-features = false }\n";
        let overlay =
            edited("Cargo.toml", "misc-http = { path = \"crates/misc-http\", default-features = false }\n", siblings)
                + "//- crates/misc-rpc/Cargo.toml\n[package]\nname = \"misc-rpc\"\n"
                + "//- crates/misc-test/Cargo.toml\n[package]\nname = \"misc-test\"\n"
                + &edited("crates/misc-http/Cargo.toml", "misc-core.workspace = true\n", lines);
        assert_eq!(problems(&[siblings_do_not_know_each_other], &overlay), expected);
    }

    #[test]
    fn siblings_are_strangers() {
        let cure = "let them meet at a type of the core or of the ecosystem";
        let named = |line: u32, name: &str| {
            format!("crates/misc-http/Cargo.toml:{line}: `misc-http` names its sibling `{name}`; {cure}")
        };
        check("misc-rpc.workspace = true\n", &named(13, "misc-rpc"));
        check("misc.workspace = true\n", &named(13, "misc-rs"));
        check("misc-test.workspace = true\n", &named(13, "misc-test"));
        check("[dev-dependencies]\nmisc-rpc.workspace = true\n", &named(14, "misc-rpc"));
        check("[target.'cfg(unix)'.dependencies]\nmisc-rpc.workspace = true\n", &named(14, "misc-rpc"));
        check("[build-dependencies]\nmisc-core.workspace = true\n", &named(14, "misc-core"));
    }

    #[test]
    fn all_know_the_core_and_their_tests_the_kit() {
        check("misc-core.workspace = true\n[dev-dependencies]\nmisc-test.workspace = true\n", "");
    }
}
