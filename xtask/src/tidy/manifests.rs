//! Manifests take all they can from the workspace and explain the rest.

use crate::{
    manifest::{DependencyKind, Manifest},
    problem::Problem,
    repo::Repo,
    workspace::{INHERITED, Workspace},
};

/// Members that `cargo test` leaves alone since they are heavy to build, and the command that builds each.
const HEAVY: &[(&str, &str)] = &[("misc-bench", "bench")];

/// Version, edition, toolchain, licence and lints are said once.
pub(super) fn members_inherit(_: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    for package in &workspace.members {
        for key in INHERITED.iter().chain(&["lints"]).filter(|key| !package.inherits.contains(**key)) {
            let cure = match *key {
                "lints" => "add `[lints]` with `workspace = true`".to_owned(),
                key => format!("write `{key}.workspace = true`"),
            };
            problems.push(Problem::new(package.manifest(), 1, format!("`{key}` is not inherited"), cure));
        }
    }
}

/// Dependencies and their versions are said once, without default features, so that each crate asks for what it uses.
pub(super) fn dependencies_are_declared_once(_: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    for shared in workspace.shared.iter().filter(|shared| shared.default_features) {
        let what = format!("`{}` comes with default features", shared.key);
        problems.push(Problem::new("Cargo.toml", shared.line, what, "add `default-features = false`"));
    }
    for package in &workspace.members {
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.inherited) {
            let what = format!("`{}` is not a workspace dependency", dependency.key);
            let cure = "declare it in the root manifest and write `workspace = true` here";
            problems.push(Problem::new(package.manifest(), dependency.line, what, cure));
        }
    }
}

/// A feature's comment is its documentation: `cargo xtask gen` makes the tables of it.
pub(super) fn features_are_explained(_: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    for package in &workspace.members {
        for feature in package.features.iter().filter(|feature| feature.comment.is_none()) {
            let what = format!("feature `{}` has no comment", feature.name);
            let cure = "say directly above it what it adds";
            problems.push(Problem::new(package.manifest(), feature.line, what, cure));
        }
    }
}

/// A library has a README, a description for the registry, and nothing to build it with but cargo.
pub(super) fn libraries_introduce_themselves(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    for package in workspace.libraries() {
        let readme = format!("{}/README.md", package.dir);
        if repo.text(&readme).is_none() {
            problems.push(Problem::new(readme, 1, "a library has a README", "say what it is for, with one example"));
        }
        if package.description.is_none() {
            let cure = "write `description = \"..\"`, one sentence";
            problems.push(Problem::new(package.manifest(), 1, "a library has a description", cure));
        }
        let build = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Build);
        for dependency in build {
            let what = format!("`{}` is a build dependency", dependency.key);
            let cure = "do without a build script, which every user would have to run";
            problems.push(Problem::new(package.manifest(), dependency.line, what, cure));
        }
    }
}

/// What is not a default member is not tested, so it has to be heavy, and built by a command of its own.
pub(super) fn default_members_leave_nothing_out(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let root = repo.text("Cargo.toml").and_then(|text| Manifest::parse(text).ok());
    let line = root.and_then(|root| Some(root.entry(&["workspace", "default-members"])?.line)).unwrap_or(1);
    for package in &workspace.members {
        let heavy = HEAVY.iter().find(|(name, _)| *name == package.name);
        match (heavy, workspace.default_members.contains(&package.dir)) {
            (None, false) => {
                let what = format!("`{}` is tested by nobody", package.dir);
                problems.push(Problem::new("Cargo.toml", line, what, "add it to `default-members`"));
            }
            (Some((_, command)), true) => {
                let what = format!("`{}` is heavy, and built by `cargo xtask {command}`", package.dir);
                problems.push(Problem::new("Cargo.toml", line, what, "take it out of `default-members`"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    #[test]
    fn members_say_nothing_twice() {
        let overlay = edited("crates/misc-core/Cargo.toml", "edition.workspace = true", "edition = \"2024\"");
        let expected = "crates/misc-core/Cargo.toml:1: `edition` is not inherited; write `edition.workspace = true`";
        assert_eq!(problems(&[members_inherit], &overlay), expected);

        let overlay = edited("examples/01-hello/Cargo.toml", "[lints]\nworkspace = true\n", "");
        let expected =
            "examples/01-hello/Cargo.toml:1: `lints` is not inherited; add `[lints]` with `workspace = true`";
        assert_eq!(problems(&[members_inherit], &overlay), expected);
    }

    #[test]
    fn dependencies_stand_in_the_root() {
        let overlay = edited("Cargo.toml", "tokio = { version = \"1\", default-features = false }", "tokio = \"1\"");
        let expected = "Cargo.toml:9: `tokio` comes with default features; add `default-features = false`";
        assert_eq!(problems(&[dependencies_are_declared_once], &overlay), expected);

        let overlay =
            edited("crates/misc-core/Cargo.toml", "tokio = { workspace = true,", "tokio = { version = \"1\",");
        let expected = "crates/misc-core/Cargo.toml:13: `tokio` is not a workspace dependency; \
            declare it in the root manifest and write `workspace = true` here";
        assert_eq!(problems(&[dependencies_are_declared_once], &overlay), expected);
    }

    #[test]
    fn features_need_a_comment_right_above() {
        let overlay = edited("crates/misc/Cargo.toml", "# Serves HTTP.\n", "# Serves HTTP.\n\n");
        let expected = "crates/misc/Cargo.toml:15: feature `http` has no comment; say directly above it what it adds";
        assert_eq!(problems(&[features_are_explained], &overlay), expected);
    }

    #[test]
    fn libraries_need_a_readme_and_no_build_script() {
        let overlay = "//- crates/misc-new/Cargo.toml\n[package]\nname = \"misc-new\"\n[build-dependencies]\ncc.workspace = true\n";
        let expected = "crates/misc-new/README.md:1: a library has a README; say what it is for, with one example\n\
            crates/misc-new/Cargo.toml:1: a library has a description; write `description = \"..\"`, one sentence\n\
            crates/misc-new/Cargo.toml:4: `cc` is a build dependency; do without a build script, which every user would have to run";
        assert_eq!(problems(&[libraries_introduce_themselves], overlay), expected);
    }

    #[test]
    fn only_heavy_members_go_untested() {
        let overlay = edited("Cargo.toml", ", \"examples/01-hello\"]", ", \"crates/misc-bench\"]")
            + "//- crates/misc-bench/Cargo.toml\n[package]\nname = \"misc-bench\"\n";
        let expected = "Cargo.toml:3: `crates/misc-bench` is heavy, and built by `cargo xtask bench`; take it out of `default-members`\n\
            Cargo.toml:3: `examples/01-hello` is tested by nobody; add it to `default-members`";
        assert_eq!(problems(&[default_members_leave_nothing_out], &overlay), expected);
    }
}
