//! `cargo xtask tidy`: what compilers and linters do not check, also a test, so that `cargo test` checks it.
//!
//! A rule is a function over the files and the manifests that pushes what it finds. Each has a test that makes it fail.

mod core_limits;
mod edges;
mod examples;
mod facade;
mod feature_list;
mod features_used;
mod manifests;
mod places;
mod promises;
mod sources;

#[cfg(test)]
mod fixture;

use crate::{args::Args, failure::Result, problem::Problem, repo::Repo, workspace::Workspace};

/// A rule: pushes a problem for whatever breaks it.
type Rule = fn(&Repo, &Workspace, &mut Vec<Problem>);

const RULES: &[Rule] = &[
    manifests::members_inherit,
    manifests::dependencies_are_declared_once,
    manifests::features_are_explained,
    manifests::libraries_introduce_themselves,
    manifests::default_members_leave_nothing_out,
    edges::siblings_do_not_know_each_other,
    core_limits::core_knows_no_protocol,
    core_limits::core_stays_small,
    facade::facade_has_no_code,
    facade::modules_are_features,
    facade::crates_are_features,
    features_used::every_feature_is_used,
    examples::examples_are_lessons,
    sources::files_explain_themselves,
    sources::files_are_named_for_nouns,
    sources::tests_all_run,
    sources::nothing_is_left_for_later,
    places::no_machine_shows,
    places::dependencies_come_from_one_registry,
    feature_list::features_are_shown,
    promises::promises_are_tested,
];

pub(crate) fn run(args: Args) -> Result {
    args.finish()?;
    let repo = Repo::read()?;
    let (lines, budget) = (core_limits::code_lines(&repo), core_limits::CODE_LINES);
    println!("tidy: {} rules; misc-core has {lines} of {budget} code lines", RULES.len());
    Problem::report(check(&repo, RULES))
}

fn check(repo: &Repo, rules: &[Rule]) -> Vec<Problem> {
    let workspace = match Workspace::parse(repo) {
        Ok(workspace) => workspace,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    for rule in rules {
        rule(repo, &workspace, &mut problems);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let problems = check(&Repo::read().unwrap(), RULES);
        let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        assert!(problems.is_empty(), "{lines}");
    }

    #[test]
    fn the_fixture_is_tidy() {
        assert_eq!(fixture::problems(RULES, ""), "");
    }

    #[test]
    fn a_broken_manifest_is_all_one_needs_to_know() {
        let broken = "//- Cargo.toml\n[workspace\n";
        assert!(fixture::problems(RULES, broken).starts_with("Cargo.toml:1: "));
        let member = "//- crates/misc-http/Cargo.toml\n[package]\nname =\n";
        assert!(fixture::problems(RULES, member).starts_with("crates/misc-http/Cargo.toml:2: "));
    }
}
