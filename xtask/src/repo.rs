//! The text files of the repository, in memory: rules read them, and tests make them up.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::{
    failure::{Failure, Result},
    process::root,
};

/// Directories whose name starts with a dot and that are ours nevertheless.
const DOT_DIRS: &[&str] = &[".cargo", ".ci", ".config", ".github"];

/// Every text file by its path from the root, with `/` between names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repo {
    files: BTreeMap<String, String>,
}

impl Repo {
    /// Reads the repository that this xtask was built in.
    ///
    /// Asks no git, since a bare machine has none: skips what `.gitignore` names, and hidden directories.
    pub(crate) fn read() -> Result<Self> {
        let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
        let ignored: Vec<_> = ignored.lines().map(|line| line.trim_matches('/')).collect();
        let mut repo = Self::default();
        repo.read_dir(root(), "", &ignored).map_err(|error| Failure::met("cannot read the repository", error))?;
        Ok(repo)
    }

    pub(crate) fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.insert(path.into(), text.into());
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files below the directory `dir`, at any depth.
    pub(crate) fn files_in(&self, dir: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefix = format!("{dir}/");
        self.files().filter(move |(path, _)| path.starts_with(&prefix))
    }

    fn read_dir(&mut self, dir: &Path, prefix: &str, ignored: &[&str]) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if ignored.contains(&name.as_str()) || ignored.contains(&path.as_str()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') || DOT_DIRS.contains(&name.as_str()) {
                    self.read_dir(&entry.path(), &format!("{path}/"), ignored)?;
                }
            } else if entry.file_type()?.is_file() {
                String::from_utf8(fs::read(entry.path())?).into_iter().for_each(|text| self.insert(&path, text));
            }
        }
        Ok(())
    }
}

/// The number, from 1, of the line that holds the byte at `offset`.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
