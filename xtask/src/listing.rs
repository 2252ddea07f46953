//! What a command can be asked for: files of the repository, each with the line that it starts with.

use crate::{
    failure::{Failure, Result},
    repo::Repo,
};

/// The name that stands for all of them.
pub(crate) const ALL: &str = "all";

/// Things of one kind, by name.
#[derive(Debug)]
pub(crate) struct Listing {
    kind: &'static str,
    entries: Vec<Entry>,
}

/// A thing: its name, its file, and what that says of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: String,
    help: String,
}

impl Listing {
    /// The Rust files in a directory, not those below it.
    pub(crate) fn of_files(repo: &Repo, kind: &'static str, dir: &str) -> Self {
        let name = |path: &str| {
            let name = path.strip_prefix(dir)?.strip_prefix('/')?.strip_suffix(".rs")?;
            (!name.contains('/')).then(|| name.replace('_', "-"))
        };
        Self::new(repo, kind, name)
    }

    /// The examples: lessons by the names of their packages, and systems of several packages by their READMEs.
    pub(crate) fn of_examples(repo: &Repo) -> Self {
        let name = |path: &str| {
            let (directory, file) = path.strip_prefix("examples/")?.split_once('/')?;
            let name = match (directory.split_once('-'), file) {
                (Some((_number, lesson)), "src/main.rs") => lesson,
                (None, "README.md") => directory,
                _ => return None,
            };
            Some(name.to_owned())
        };
        Self::new(repo, "example", name)
    }

    fn new(repo: &Repo, kind: &'static str, name: impl Fn(&str) -> Option<String>) -> Self {
        let entry = |(path, text): (&str, &str)| {
            let help = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("//!")
                .trim_start_matches('#')
                .trim()
                .to_owned();
            Some(Entry { name: name(path)?, path: path.to_owned(), help })
        };
        Self { kind, entries: repo.files().filter_map(entry).collect() }
    }

    /// What the user has asked for: one of them, or `all`.
    pub(crate) fn choose(&self, name: &str) -> Result<Vec<&Entry>> {
        let chosen: Vec<_> = self.entries.iter().filter(|entry| name == ALL || entry.name == name).collect();
        if chosen.is_empty() {
            let names: Vec<_> = self.entries.iter().map(|entry| &*entry.name).chain([ALL]).collect();
            let kind = self.kind;
            return Err(Failure::Usage(format!("there is no {kind} `{name}`; there are {}", names.join(", "))));
        }
        Ok(chosen)
    }

    /// One line for each, for who names none.
    pub(crate) fn print(&self) {
        print!("{}", self.text());
    }

    fn text(&self) -> String {
        self.entries.iter().map(|Entry { name, help, .. }| format!("  {name:<12} {help}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo() -> Repo {
        let mut repo = Repo::default();
        repo.insert("areas/http.rs", "//! Requests.\n\nfn main() {}\n");
        repo.insert("areas/cold_start.rs", "//! The first answer\n//! after a start.\n");
        repo.insert("areas/http/load.rs", "//! The load.\n");
        repo.insert("areas/README.md", "Areas.\n");
        repo.insert("examples/01-hello/src/main.rs", "//! Says hello.\n");
        repo.insert("examples/01-hello/README.md", "# Hello\n");
        repo.insert("examples/shop/README.md", "# A shop\n");
        repo.insert("examples/shop/order-service/src/main.rs", "//! Takes orders.\n");
        repo
    }

    #[test]
    fn lists_files_with_their_first_line() {
        let areas = Listing::of_files(&repo(), "area", "areas");
        assert_eq!(areas.text(), "  cold-start   The first answer\n  http         Requests.\n");
        assert_eq!(Listing::of_examples(&repo()).text(), "  hello        Says hello.\n  shop         A shop\n");
    }

    #[test]
    fn chooses_one_or_all_and_names_them_otherwise() {
        let areas = Listing::of_files(&repo(), "area", "areas");
        let chosen =
            |name| areas.choose(name).map(|chosen| chosen.iter().map(|entry| &*entry.path).collect::<Vec<_>>());
        assert_eq!(chosen("http").unwrap(), ["areas/http.rs"]);
        assert_eq!(chosen(ALL).unwrap(), ["areas/cold_start.rs", "areas/http.rs"]);
        let Err(Failure::Usage(text)) = chosen("ftp") else { panic!("nothing is called that") };
        assert_eq!(text, "there is no area `ftp`; there are cold-start, http, all");
    }
}
