//! The core is small and knows no protocol, format or store: this is what lets everything else depend on it.

use crate::{manifest::DependencyKind, problem::Problem, repo::Repo, source::Source, workspace::Workspace};

const CORE: &str = "misc-core";

/// The most code lines that misc-core may have, without blank lines, comments and tests.
///
/// What one person reads in a day. About half of it are the supervisor, the runs and the process guard, half the
/// vocabulary at which other crates meet, 200 lines of that the tables that describe settings and 100 the trace that HTTP,
/// RPC and queues carry; who needs more has probably found another crate.
pub(super) const CODE_LINES: usize = 6_000;

/// What other crates are for, by the start of the package's name.
const FORBIDDEN: &[&str] = &[
    "axum",
    "clap",
    "chrono",
    "config",
    "cron",
    "croner",
    "http",
    "hyper",
    "listenfd",
    "metrics-exporter",
    "opentelemetry",
    "prometheus",
    "redis",
    "reqwest",
    "rustls",
    "sd-notify",
    "serde_json",
    "serde_yaml",
    "sqlx",
    "tokio-cron-scheduler",
    "toml",
    "tonic",
    "tower",
    "tracing-subscriber",
];

/// The core does not depend on what its siblings are built on; its tests may.
pub(super) fn core_knows_no_protocol(_: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let Some(core) = workspace.package(CORE) else {
        return;
    };
    let used = core.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Dev);
    for dependency in used.filter(|dependency| is_forbidden(&dependency.package)) {
        let what = format!("the core knows `{}`", dependency.package);
        let cure = "move what needs it to the crate of that noun";
        problems.push(Problem::new(core.manifest(), dependency.line, what, cure));
    }
}

/// The core has a budget of code.
pub(super) fn core_stays_small(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    let lines = code_lines(repo);
    if lines > CODE_LINES {
        let what = format!("the core has {lines} code lines of {CODE_LINES}");
        problems.push(Problem::new("crates/misc-core/src/lib.rs", 1, what, "find what is not the core's"));
    }
}

pub(super) fn code_lines(repo: &Repo) -> usize {
    let sources =
        repo.files_in("crates/misc-core/src").filter(|(path, _)| path.ends_with(".rs") && !path.ends_with("/tests.rs"));
    sources.map(|(_, text)| Source::new(text).code_lines()).sum()
}

fn is_forbidden(package: &str) -> bool {
    FORBIDDEN
        .iter()
        .filter_map(|name| package.strip_prefix(name))
        .any(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    #[test]
    fn protocols_stay_out() {
        let tokio = "tokio = { workspace = true, features = [\"rt\"] }\n";
        let overlay = edited(
            "crates/misc-core/Cargo.toml",
            tokio,
            "http-body.workspace = true\n[dev-dependencies]\ntower.workspace = true\n",
        );
        let expected =
            "crates/misc-core/Cargo.toml:13: the core knows `http-body`; move what needs it to the crate of that noun";
        assert_eq!(problems(&[core_knows_no_protocol], &overlay), expected);
    }

    #[test]
    fn the_budget_ends() {
        let code = "//! Long.\n".to_owned() + &"fn f() {}\n".repeat(CODE_LINES);
        let overlay = format!("//- crates/misc-core/src/long.rs\n{code}");
        let lines = CODE_LINES + 1;
        let expected = format!(
            "crates/misc-core/src/lib.rs:1: the core has {lines} code lines of {CODE_LINES}; find what is not the core's"
        );
        assert_eq!(problems(&[core_stays_small], &overlay), expected);
    }
}
