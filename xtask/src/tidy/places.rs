//! No file shows the machine that it was written on, nor the way that machine reaches the registry.

use crate::{
    manifest::Manifest,
    problem::Problem,
    repo::{Repo, line_at},
    workspace::Workspace,
};

/// Directories that only one machine has: a path that starts there means nothing to anybody else.
///
/// Paths that are the same everywhere (`/run`, `/proc`, `/etc`) may be written.
const PRIVATE: &[&str] = &["home", "root", "tmp", "work", "Users"];

/// Hosts and protocols of registries, in two parts lest this file break its own rule.
const REGISTRIES: &[[&str; 2]] = &[["index.", "crates.io"], ["static.", "crates.io"], ["sparse", "+http"]];

/// Where every dependency comes from, as the lock file writes it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Paths of one machine stay on it.
pub(super) fn no_machine_shows(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    for (path, text) in repo.files().filter(|(path, _)| *path != "Cargo.lock") {
        for (offset, place) in private_paths(text) {
            let what = format!("`{place}` is a place on one machine");
            let cure = "start from the manifest's directory, or ask for a temporary one";
            problems.push(Problem::new(path, line_at(text, offset), what, cure));
        }
    }
}

/// A fork of a registry, a mirror or a path of somebody's own does not get in by way of a lock file.
pub(super) fn dependencies_come_from_one_registry(repo: &Repo, _: &Workspace, problems: &mut Vec<Problem>) {
    for (path, text) in repo.files() {
        for (offset, host) in
            REGISTRIES.iter().map(|parts| parts.concat()).filter_map(|host| Some((text.find(&host)?, host)))
        {
            let what = format!("`{host}` is how one machine reaches the registry");
            problems.push(Problem::new(
                path,
                line_at(text, offset),
                what,
                "leave that to the user's own configuration",
            ));
        }
    }
    let lock = repo.text("Cargo.lock").unwrap_or_default();
    for (index, line) in lock.lines().enumerate() {
        let source = line.strip_prefix("source = ").map(|source| source.trim_matches('"'));
        if let Some(source) = source.filter(|source| *source != REGISTRY) {
            let what = format!("a dependency comes from `{source}`");
            problems.push(Problem::new("Cargo.lock", index + 1, what, "take it from the registry"));
        }
    }
    let path = ".cargo/config.toml";
    let config = repo.text(path).and_then(|text| Manifest::parse(text).ok());
    for entry in config.iter().flat_map(|config| config.entries(&[])) {
        if matches!(entry.key, "source" | "registry" | "registries") {
            let what = format!("`[{}]` is how one machine reaches the registry", entry.key);
            problems.push(Problem::new(path, entry.line, what, "leave that to the user's own configuration"));
        }
    }
}

/// Each private path of the text: its offset, and its first two names.
fn private_paths(text: &str) -> Vec<(usize, &str)> {
    let in_path = |letter: char| letter.is_alphanumeric() || "._-/~$})".contains(letter);
    let mut found = Vec::new();
    for name in PRIVATE {
        for (offset, _) in text.match_indices(&format!("/{name}/")) {
            let head = offset + name.len() + 2;
            let next = text[head..]
                .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .unwrap_or(text.len() - head);
            if next > 0 && !text[..offset].ends_with(in_path) {
                found.push((offset, &text[offset..head + next]));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::problems, *};

    #[test]
    fn machines_stay_hidden() {
        let cure = "start from the manifest's directory, or ask for a temporary one";
        for name in PRIVATE {
            let overlay =
                format!("//- docs/run.md\n\nRun `/{name}/misc/run`, crates/{name}/run or http://misc.rs/{name}/run.\n");
            let expected = format!("docs/run.md:2: `/{name}/misc` is a place on one machine; {cure}");
            assert_eq!(problems(&[no_machine_shows], &overlay), expected);
        }
    }

    #[test]
    fn registries_stay_configured_elsewhere() {
        let rules: &[super::super::Rule] = &[dependencies_come_from_one_registry];
        let cure = "leave that to the user's own configuration";

        let host = REGISTRIES[0].concat();
        let expected = format!("README.md:1: `{host}` is how one machine reaches the registry; {cure}");
        assert_eq!(problems(rules, &format!("//- README.md\nSee {host}.\n")), expected);

        let config = "//- .cargo/config.toml\n[alias]\n[source.mirror]\ndirectory = \"vendor\"\n";
        let expected = format!(".cargo/config.toml:2: `[source]` is how one machine reaches the registry; {cure}");
        assert_eq!(problems(rules, config), expected);

        let lock = "//- Cargo.lock\n[[package]]\nsource = \"git+https://example.org/fork\"\n";
        let expected =
            "Cargo.lock:2: a dependency comes from `git+https://example.org/fork`; take it from the registry";
        assert_eq!(problems(rules, lock), expected);
    }
}
