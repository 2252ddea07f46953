//! `docs/architecture.md` lists what the core promises, and names tests that exist.
//!
//! A reference is `` `it/order.rs::a_test` ``, below [`TESTS`].

use crate::{problem::Problem, repo::Repo, source::Source, workspace::Workspace};

const PATH: &str = "docs/architecture.md";

const TESTS: &str = "crates/misc-core/tests/";

/// A promise without a test is a hope.
pub(super) fn promises_are_tested(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    let text = repo.text(PATH).unwrap_or_default();
    for (index, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        for (file, test) in quoted.filter_map(|item| item.split_once(".rs::")) {
            let path = format!("{TESTS}{file}.rs");
            if !repo.text(&path).is_some_and(|text| Source::new(text).defines_fn(test)) {
                let what = format!("`{path}` has no `fn {test}`");
                problems.push(Problem::new(PATH, index + 1, what, "name the test that shows the promise"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::problems, *};

    #[test]
    fn promises_name_tests_that_exist() {
        let page = |test: &str| format!("//- {PATH}\n| order | `it/main.rs::{test}` |\n");
        assert_eq!(problems(&[promises_are_tested], &page("stops_in_order")), "");
        let expected = format!(
            "{PATH}:1: `crates/misc-core/tests/it/main.rs` has no `fn stops`; name the test that shows the promise"
        );
        assert_eq!(problems(&[promises_are_tested], &page("stops")), expected);
    }
}
