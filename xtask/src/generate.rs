//! `cargo xtask gen`: the tables of the READMEs, made from what the manifests say anyway.
//!
//! A feature table goes between `<!-- gen:features -->` and `<!-- /gen -->`, in the README of each library that has
//! features and in that of the root (for the facade's features); it is made of the comments above the features. A
//! crate table goes between `<!-- gen:crates -->` and `<!-- /gen -->` in the README of the root; it is made of the
//! packages' descriptions. With `--check`, nothing is written, and a table that differs is a problem.

use std::fs;

use crate::{
    args::Args,
    failure::{Failure, Result},
    manifest::Feature,
    problem::Problem,
    process::root,
    repo::{Repo, line_at},
    workspace::{FACADE, Package, Workspace},
};

const FEATURES: &str = "<!-- gen:features -->";
const CRATES: &str = "<!-- gen:crates -->";
const END: &str = "<!-- /gen -->";

/// A table that belongs in a README.
#[derive(Debug)]
struct Table {
    readme: String,
    marker: &'static str,
    rows: String,
}

pub(crate) fn run(mut args: Args) -> Result {
    let check = args.flag("--check");
    args.finish()?;
    let mut repo = Repo::read()?;
    let tables = tables(&Workspace::load(&repo)?);
    let mut problems = Vec::new();
    for table in tables {
        match table.place(&repo) {
            Err(problem) => problems.push(problem),
            Ok(None) => {}
            Ok(Some(_)) if check => {
                problems.push(table.problem(1, "is not what the manifests say", "run `cargo xtask gen`"));
            }
            Ok(Some(text)) => {
                write(&table.readme, &text)?;
                repo.insert(table.readme, text);
            }
        }
    }
    Problem::report(problems)
}

fn write(path: &str, text: &str) -> Result {
    println!("gen: {path}");
    fs::write(root().join(path), text).map_err(|error| Failure::met(path, error))
}

/// All tables of the repository.
fn tables(workspace: &Workspace) -> Vec<Table> {
    let libraries = workspace.libraries().filter(|library| !library.features.is_empty());
    let own = libraries.map(|library| Table::of_features(format!("{}/README.md", library.dir), library));
    let facade = workspace.package(FACADE).map(|facade| Table::of_features("README.md".to_owned(), facade));
    own.chain(facade).chain([Table::of_crates(workspace)]).collect()
}

impl Table {
    fn of_features(readme: String, package: &Package) -> Self {
        let default = package.feature("default").map(|default| default.enables.as_slice()).unwrap_or_default();
        let row = |feature: &Feature| {
            let Feature { name, comment, .. } = feature;
            let on = if default.contains(name) { "yes" } else { "" };
            format!("| `{name}` | {on} | {} |\n", cell(comment.as_deref()))
        };
        let rows: String = package.features.iter().filter(|feature| feature.name != "default").map(row).collect();
        let head = "| feature | default | what it adds |\n| --- | --- | --- |\n";
        Self { readme, marker: FEATURES, rows: head.to_owned() + &rows }
    }

    fn of_crates(workspace: &Workspace) -> Self {
        let row = |package: &Package| {
            let Package { dir, name, description, .. } = package;
            format!("| [`{name}`]({dir}) | {} |\n", cell(description.as_deref()))
        };
        let rows: String = workspace.libraries().map(row).collect();
        let head = "| crate | what it is |\n| --- | --- |\n";
        Self { readme: "README.md".to_owned(), marker: CRATES, rows: head.to_owned() + &rows }
    }

    /// The README with this table in its place, if that changes it.
    fn place(&self, repo: &Repo) -> Result<Option<String>, Problem> {
        let cure = format!("write `{}` and `{END}` where the table belongs", self.marker);
        let text = repo.text(&self.readme).unwrap_or_default();
        let Some((before, rest)) = text.split_once(self.marker) else {
            return Err(self.problem(1, "has no place", &cure));
        };
        let Some((_, after)) = rest.split_once(END) else {
            return Err(self.problem(line_at(text, before.len()), "does not end", &cure));
        };
        let placed = format!("{before}{}\n\n{}\n{END}{after}", self.marker, self.rows);
        Ok((placed != text).then_some(placed))
    }

    fn problem(&self, line: usize, what: &str, cure: &str) -> Problem {
        let name = if self.marker == CRATES { "crates" } else { "features" };
        Problem::new(&self.readme, line, format!("the table of {name} {what}"), cure)
    }
}

/// The text as a cell of a Markdown table.
fn cell(text: Option<&str>) -> String {
    text.unwrap_or_default().replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(readme: &str) -> Repo {
        let mut repo = Repo::default();
        repo.insert("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n");
        let manifest = "[package]\nname = \"misc-rs\"\ndescription = \"All of misc.\"\n[features]\n\
            # What the first example needs.\ndefault = [\"http\"]\n# Serves\n# HTTP 1|2.\nhttp = []\n# Runs jobs.\nqueue = []\n";
        repo.insert("crates/misc/Cargo.toml", manifest);
        repo.insert("README.md", readme);
        repo
    }

    /// What becomes of a README of the root, or the problems with it.
    fn placed(readme: &str) -> Result<Option<String>, String> {
        let mut repo = repo(readme);
        let tables = tables(&Workspace::load(&repo).unwrap());
        let mut placed = None;
        for table in tables.iter().filter(|table| table.readme == "README.md") {
            if let Some(text) = table.place(&repo).map_err(|problem| problem.to_string())? {
                repo.insert("README.md", text.clone());
                placed = Some(text);
            }
        }
        Ok(placed)
    }

    #[test]
    fn makes_tables_once() {
        let empty = "# misc\n<!-- gen:features --><!-- /gen -->\n\n<!-- gen:crates -->\nold\n<!-- /gen -->\nEnd.\n";
        let expected = "# misc\n<!-- gen:features -->\n\n\
            | feature | default | what it adds |\n| --- | --- | --- |\n\
            | `http` | yes | Serves HTTP 1\\|2. |\n| `queue` |  | Runs jobs. |\n\n<!-- /gen -->\n\n\
            <!-- gen:crates -->\n\n| crate | what it is |\n| --- | --- |\n\
            | [`misc-rs`](crates/misc) | All of misc. |\n\n<!-- /gen -->\nEnd.\n";
        assert_eq!(placed(empty), Ok(Some(expected.to_owned())));
        assert_eq!(placed(expected), Ok(None));
    }

    #[test]
    fn asks_for_markers() {
        let cure = "write `<!-- gen:features -->` and `<!-- /gen -->` where the table belongs";
        assert_eq!(placed("# misc\n"), Err(format!("README.md:1: the table of features has no place; {cure}")));
        let open = "# misc\n<!-- gen:features -->\n";
        assert_eq!(placed(open), Err(format!("README.md:2: the table of features does not end; {cure}")));
    }
}
