//! Rust files: each says what it is for, is named for a noun, runs its tests and leaves nothing for later.

use crate::{
    problem::Problem,
    repo::{Repo, line_at},
    source::Source,
    workspace::Workspace,
};

/// File names that say nothing of what is inside.
const NAMELESS: &[&str] = &["util.rs", "utils.rs", "helper.rs", "helpers.rs"];

/// Attributes that make a test pass without testing.
const NO_TEST: &[(&str, &str)] = &[
    ("#[ignore", "report a skip (see xtask's `test.rs`) or move the test to a command"),
    ("#[should_panic", "assert on the panic or on an error, so that no other panic passes for it"),
];

/// The start of an example that the compiler never sees.
const NO_EXAMPLE: &str = "```ignore";

/// Words for unfinished work.
const LATER: &[&str] = &["TODO", "FIXME", "XXX"];

/// Every file starts with the sentence that a reader of the directory wants.
pub(super) fn files_explain_themselves(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    let is_told = |text: &str| text.starts_with("//!") || text.starts_with("#![doc = include_str!");
    for (path, _) in sources(repo).filter(|(_, text)| !is_told(text)) {
        problems.push(Problem::new(path, 1, "the file does not say what it is", "start it with a `//!` line"));
    }
}

/// `foo.rs` and `foo/` instead of `mod.rs`, and a noun instead of a drawer.
pub(super) fn files_are_named_for_nouns(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    for (path, _) in sources(repo) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == "mod.rs" {
            problems.push(Problem::new(path, 1, "modules are named for themselves", format!("move it to `{dir}.rs`")));
        }
        if NAMELESS.contains(&name) {
            problems.push(Problem::new(path, 1, "the file is a drawer", "name it for the noun that it is about"));
        }
    }
}

/// A test that is there runs; so does an example in the documentation.
pub(super) fn tests_all_run(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    for (path, text) in sources(repo) {
        let Source { code, comments } = Source::new(text);
        for (attribute, cure) in NO_TEST {
            for line in lines_with(&code, attribute) {
                problems.push(Problem::new(path, line, format!("`{attribute}]` is not a test"), *cure));
            }
        }
        for line in lines_with(&comments, NO_EXAMPLE) {
            let cure = "let it compile (`no_run` if it must not run), or call it `text`";
            problems.push(Problem::new(path, line, "an example is not compiled", cure));
        }
    }
}

/// Work that is not done is an issue, where others find it. Prose (`.md`) may name the words.
pub(super) fn nothing_is_left_for_later(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    let cure = "do it, or open an issue";
    for (path, text) in repo.files().filter(|(path, _)| !path.ends_with(".md")) {
        let source = path.ends_with(".rs").then(|| Source::new(text));
        let comments = source.as_ref().map_or(text, |source| &source.comments);
        for word in LATER {
            for (offset, _) in comments.match_indices(word).filter(|(offset, _)| is_word(comments, *offset, word.len()))
            {
                problems.push(Problem::new(path, line_at(text, offset), format!("`{word}` is left for later"), cure));
            }
        }
        for line in source.iter().flat_map(|source| lines_with(&source.code, "todo!")) {
            problems.push(Problem::new(path, line, "`todo!` is left for later", cure));
        }
    }
}

/// Our Rust files; cases of UI tests are not ours to explain, since their text is what the test is about.
fn sources(repo: &Repo) -> impl Iterator<Item = (&str, &str)> {
    repo.files().filter(|(path, _)| path.ends_with(".rs") && !path.contains("/tests/ui/"))
}

/// The lines on which `needle` stands.
fn lines_with(text: &str, needle: &str) -> impl Iterator<Item = usize> {
    text.match_indices(needle).map(|(offset, _)| line_at(text, offset))
}

/// Whether the bytes at `offset` are a word of their own.
fn is_word(text: &str, offset: usize, length: usize) -> bool {
    let joins = |letter: char| letter.is_alphanumeric() || letter == '_';
    !text[..offset].ends_with(joins) && !text[offset + length..].starts_with(joins)
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::problems, *};

    #[track_caller]
    fn check(rule: super::super::Rule, path: &str, text: &str, expected: &str) {
        assert_eq!(problems(&[rule], &format!("//- {path}\n{text}")), expected);
    }

    #[test]
    fn files_start_with_a_sentence() {
        let path = "crates/misc-core/src/app.rs";
        let expected = "crates/misc-core/src/app.rs:1: the file does not say what it is; start it with a `//!` line";
        check(files_explain_themselves, path, "// An app.\n", expected);
        check(files_explain_themselves, path, "//! An app.\n", "");
        check(files_explain_themselves, "crates/misc-core/tests/ui/send.rs", "fn main() {}\n", "");
    }

    #[test]
    fn files_have_names() {
        let expected = "crates/misc-core/src/app/mod.rs:1: modules are named for themselves; move it to `crates/misc-core/src/app.rs`";
        check(files_are_named_for_nouns, "crates/misc-core/src/app/mod.rs", "", expected);
        let expected = "crates/misc-core/src/utils.rs:1: the file is a drawer; name it for the noun that it is about";
        check(files_are_named_for_nouns, "crates/misc-core/src/utils.rs", "", expected);
    }

    #[test]
    fn tests_are_not_switched_off() {
        let path = "crates/misc-core/tests/it/order.rs";
        let (ignore, panic) = (NO_TEST[0].1, NO_TEST[1].1);
        let expected = format!(
            "{path}:2: `#[ignore]` is not a test; {ignore}\n{path}:4: `#[should_panic]` is not a test; {panic}"
        );
        let text =
            "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[should_panic(expected = \"b\")]\nfn b() {}\n// no #[ignore]\n";
        check(tests_all_run, path, text, &expected);
    }

    #[test]
    fn examples_compile() {
        let path = "crates/misc-core/src/app.rs";
        let cure = "let it compile (`no_run` if it must not run), or call it `text`";
        let text = "//! An app.\n//! ```ignore\n//! app.run()\n//! ```\n";
        check(tests_all_run, path, text, &format!("{path}:2: an example is not compiled; {cure}"));
    }

    #[test]
    fn nothing_waits() {
        let path = "crates/misc-core/src/app.rs";
        let text = "// TODOS are no word, TODO is\nfn a() { todo!() }\nconst A: &str = \"FIXME\";\n";
        let expected = format!(
            "{path}:1: `TODO` is left for later; do it, or open an issue\n{path}:2: `todo!` is left for later; do it, or open an issue"
        );
        check(nothing_is_left_for_later, path, text, &expected);
        check(
            nothing_is_left_for_later,
            "ci.sh",
            "# XXX\n",
            "ci.sh:1: `XXX` is left for later; do it, or open an issue",
        );
        check(nothing_is_left_for_later, "docs/style.md", "No TODO without an issue.\n", "");
    }
}
