//! Examples are lessons: numbered, named for their idea, and each says how to run it and what one then sees.
//!
//! A system of several packages has no number: its directory has a README, and one directory for each package.

use crate::{
    problem::Problem,
    repo::Repo,
    workspace::{Package, Workspace},
};

/// `examples/03-config` is the third lesson and the package `config`, whose header is checked for the command and a
/// sentence with "see".
pub(super) fn examples_are_lessons(repo: &Repo, workspace: &Workspace, problems: &mut Vec<Problem>) {
    let mut numbers = std::collections::BTreeMap::new();
    for example in workspace.examples() {
        let name = example.dir.trim_start_matches("examples/");
        if let Some((system, part)) = name.split_once('/') {
            check_part(repo, example, system, part, problems);
            continue;
        }
        let Some((number, _)) =
            name.split_once('-').filter(|(number, rest)| is_number(number) && *rest == example.name)
        else {
            let cure = format!("name the directory `NN-{}`, for its place in the order of learning", example.name);
            problems.push(Problem::new(example.manifest(), 1, "the example has no place", cure));
            continue;
        };
        if let Some(other) = numbers.insert(number, name) {
            let what = format!("`{other}` has that number too");
            problems.push(Problem::new(example.manifest(), 1, what, "decide which one is learned first"));
        }
        check_header(repo, example, problems);
    }
}

/// `examples/shop/orders` is the package `orders` of a system; what it shares with others has nothing to run.
fn check_part(repo: &Repo, example: &Package, system: &str, part: &str, problems: &mut Vec<Problem>) {
    if part != example.name {
        let cure = format!("name the directory `{}`", example.name);
        problems.push(Problem::new(example.manifest(), 1, "the directory is not named as the package", cure));
    }
    let readme = format!("examples/{system}/README.md");
    if repo.text(&readme).is_none() {
        problems.push(Problem::new(readme, 1, "nothing says what the system is", "add it"));
    }
    if repo.text(&format!("{}/src/main.rs", example.dir)).is_some() {
        check_header(repo, example, problems);
    }
}

fn check_header(repo: &Repo, example: &Package, problems: &mut Vec<Problem>) {
    let path = format!("{}/src/main.rs", example.dir);
    let text = repo.text(&path).unwrap_or_default();
    let header: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let header = header.join("\n");
    let command = format!("cargo run -p {}", example.name);
    match header.split_once(&command) {
        None => {
            let cure = format!("name `{command}` in its `//!`");
            problems.push(Problem::new(path, 1, "the example does not say how to run it", cure));
        }
        Some((_, after)) if !has_word(after, "see") => {
            let cure = "go on with \"You see ..\" after the command";
            problems.push(Problem::new(path, 1, "the example does not say what one sees", cure));
        }
        Some(_) => {}
    }
}

fn is_number(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric()).any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{edited, problems},
        *,
    };

    const MAIN: &str = "examples/01-hello/src/main.rs";

    #[track_caller]
    fn check(overlay: &str, expected: &str) {
        assert_eq!(problems(&[examples_are_lessons], overlay), expected);
    }

    #[test]
    fn headers_lead_the_reader() {
        let expected = "examples/01-hello/src/main.rs:1: the example does not say how to run it; name `cargo run -p hello` in its `//!`";
        check(&edited(MAIN, "-p hello", "-p hallo"), expected);
        let expected = "examples/01-hello/src/main.rs:1: the example does not say what one sees; go on with \"You see ..\" after the command";
        check(&edited(MAIN, "; you see it start and stop", ""), expected);
    }

    #[test]
    fn systems_explain_themselves_and_their_parts() {
        let part = "//- examples/shop/orders/Cargo.toml\n[package]\nname = \"orders\"\n\
            //- examples/shop/orders/src/main.rs\n//! Orders.\n//- Cargo.toml\n[workspace]\nmembers = [\"examples/shop/*\"]\n";
        let header = "examples/shop/orders/src/main.rs:1: the example does not say how to run it; name `cargo run -p orders` in its `//!`";
        let readme = "examples/shop/README.md:1: nothing says what the system is; add it";
        check(part, &format!("{readme}\n{header}"));
        check(&format!("{part}//- examples/shop/README.md\n# A shop\n"), header);
        let library = part.replace("src/main.rs", "src/lib.rs");
        check(&format!("{library}//- examples/shop/README.md\n# A shop\n"), "");
    }

    #[test]
    fn lessons_have_an_order() {
        let expected = "examples/hello/Cargo.toml:1: the example has no place; name the directory `NN-hello`, for its place in the order of learning";
        check("//- examples/hello/Cargo.toml\n[package]\nname = \"hello\"\n", expected);
        let overlay = "//- examples/01-bye/Cargo.toml\n[package]\nname = \"bye\"\n\
            //- examples/01-bye/src/main.rs\n//! `cargo run -p bye`: you see nothing.\n";
        check(
            overlay,
            "examples/01-hello/Cargo.toml:1: `01-bye` has that number too; decide which one is learned first",
        );
    }
}
