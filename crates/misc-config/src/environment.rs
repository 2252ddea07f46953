//! Environment variables, and what stands for them: `.env` files, files named by variables, directories of secrets.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    dotenv,
    error::Problem,
    file,
    keys::{FILE, Key, Keys},
    nearest::nearest,
    text::from_text,
    tree::{Table, find, insert},
};

/// Where variables are looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// The variables, where they are not the process's own.
    pub(crate) given: Option<Vec<(OsString, OsString)>>,
    pub(crate) dotenv: Vec<PathBuf>,
    pub(crate) secrets: Vec<PathBuf>,
}

/// What the environment says: its layers, the lowest first, and what is odd about it.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) layers: Vec<Table>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
    /// `<PREFIX>_CONFIG`.
    pub(crate) files: Vec<PathBuf>,
    /// `<PREFIX>_PROFILE`.
    pub(crate) profile: Option<String>,
}

impl Environment {
    /// Looks up the variables of all keys.
    pub(crate) fn look_up(&self, keys: &Keys) -> Surroundings {
        let mut lookup = Lookup::new(keys);
        for path in &self.dotenv {
            lookup.dotenv(path);
        }
        for dir in &self.secrets {
            lookup.secrets(dir);
        }
        match &self.given {
            Some(given) => lookup.variables(given.iter().cloned()),
            None => lookup.variables(std::env::vars_os()),
        }
        lookup.found
    }
}

struct Lookup<'a> {
    keys: &'a Keys,
    by_variable: HashMap<&'a str, &'a Key>,
    found: Surroundings,
}

/// What variables of one place are set to.
#[derive(Default)]
struct Set<'a> {
    table: Table,
    /// The keys whose values are in files, with who says so and where they are.
    named: Vec<(&'a Key, String, OsString)>,
}

impl<'a> Lookup<'a> {
    fn new(keys: &'a Keys) -> Self {
        let by_variable = keys.all.iter().flat_map(|key| key.variables().map(move |name| (&**name, key))).collect();
        Self { keys, by_variable, found: Surroundings::default() }
    }

    fn variables(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) {
        let mut said = Set::default();
        for (name, value) in variables {
            if let Some(name) = name.to_str() {
                self.set(&mut said, name, &value, name);
            }
        }
        self.add(said);
    }

    /// Takes what a variable is set to; files that variables name are read at the end.
    fn set(&mut self, said: &mut Set<'a>, name: &str, value: &OsStr, origin: &str) {
        if let Some(key) = self.by_variable.get(name) {
            self.variable(&mut said.table, key, (name, origin), value);
        } else if let Some(key) = name.strip_suffix(FILE).and_then(|name| self.by_variable.get(name)) {
            said.named.push((key, origin.to_owned(), value.to_owned()));
        } else if !value.is_empty() {
            self.other(name, value, origin);
        }
    }

    fn add(&mut self, Set { mut table, named }: Set<'a>) {
        for (key, origin, path) in named {
            self.file_of(&mut table, key, &origin, Path::new(&path));
        }
        self.found.layers.push(table);
    }

    fn variable(&mut self, table: &mut Table, key: &Key, (name, origin): (&str, &str), value: &OsStr) {
        match value.to_str() {
            Some(value) if !value.is_empty() && set_by(table, key).is_some_and(|other| other != name) => {
                self.twice(table, key, origin);
            }
            Some(value) => self.take(table, key, origin, value),
            None => self.found.problems.push(Problem::new(&key.path, "is not UTF-8").at(origin)),
        }
    }

    /// Takes a value; an empty one only where the key says so.
    fn take(&mut self, table: &mut Table, key: &Key, origin: &str, text: &str) {
        if text.is_empty() && !key.field.keep_empty {
            return;
        }
        match from_text(text, &key.kind, origin) {
            Ok(value) => insert(table, &key.parts, value),
            Err(error) => self.found.problems.push(Problem::new(&key.path, error).at(origin)),
        }
    }

    /// A variable that names a file.
    fn file_of(&mut self, table: &mut Table, key: &Key, origin: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            return;
        }
        if set_by(table, key).is_some() {
            return self.twice(table, key, origin);
        }
        let origin = format!("{origin} ({})", path.display());
        match file::read(path, file::SECRET) {
            Ok(text) => self.take(table, key, &origin, without_newline(&text)),
            Err(error) => {
                self.found.problems.push(Problem::new(&key.path, format!("cannot be read: {error}")).at(origin));
            }
        }
    }

    /// A key that two variables of one place set; they come in any order.
    fn twice(&mut self, table: &Table, key: &Key, origin: &str) {
        let mut both = [set_by(table, key).unwrap_or_default(), origin];
        both.sort_by_key(|name| (*name != key.variable, *name));
        let message = format!("is set by `{}` and by `{}`", both[0], both[1]);
        self.found.problems.push(Problem::new(&key.path, message).hint("unset one of them"));
    }

    /// A variable that is none of a key's.
    fn other(&mut self, name: &str, value: &OsStr, origin: &str) {
        let prefix = &self.keys.prefix;
        let Some(rest) = name.strip_prefix(&**prefix).and_then(|rest| rest.strip_prefix('_')) else { return };
        match rest {
            _ if prefix.is_empty() => {}
            "CONFIG" => self.found.files = std::env::split_paths(value).collect(),
            "PROFILE" => self.found.profile = value.to_str().map(str::to_owned),
            _ => {
                let near = nearest(name, self.keys.all.iter().map(|key| &*key.variable));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                self.found.warnings.push(format!("the variable `{origin}` belongs to no key{near}"));
            }
        }
    }

    /// A file of variables, if it is there.
    fn dotenv(&mut self, path: &Path) {
        let shown = path.display();
        let text = match file::read(path, file::CONFIG) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return self
                    .found
                    .problems
                    .push(Problem::new("", format!("cannot be read: {error}")).at(shown.to_string()));
            }
        };
        let lines = match dotenv::parse(&text) {
            Ok(lines) => lines,
            Err((line, why)) => return self.found.problems.push(Problem::new("", why).at(format!("{shown}:{line}"))),
        };
        let mut said = Set::default();
        for dotenv::Line { number, name, value } in lines {
            self.set(&mut said, &name, OsStr::new(&value), &format!("{name} in {shown}:{number}"));
        }
        self.add(said);
    }

    /// A directory in which each file is the value of the key that it is called after; files that belong to no key are somebody
    /// else's.
    fn secrets(&mut self, dir: &Path) {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let problem = Problem::new("", format!("cannot be read: {error}")).at(dir.display().to_string());
                return self.found.problems.push(problem);
            }
        };
        let mut table = Table::new();
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
        paths.sort();
        for path in paths {
            let Some(key) = path.file_name().and_then(OsStr::to_str).and_then(|name| self.keys.called(name)) else {
                continue;
            };
            let origin = path.display().to_string();
            if find(&table, &key.parts).is_some() {
                let problem = Problem::new(&key.path, "is set by two files of one directory").at(origin);
                self.found.problems.push(problem.hint("remove one of them"));
                continue;
            }
            match file::read(&path, file::SECRET) {
                Ok(text) => self.take(&mut table, key, &origin, without_newline(&text)),
                Err(error) => {
                    self.found.problems.push(Problem::new(&key.path, format!("cannot be read: {error}")).at(origin));
                }
            }
        }
        self.found.layers.push(table);
    }
}

/// Returns the variable that has set a key: where it is comes after it.
fn set_by<'a>(table: &'a Table, key: &Key) -> Option<&'a str> {
    find(table, &key.parts).map(|value| value.origin().and_then(|origin| origin.split(' ').next()).unwrap_or_default())
}

/// Editors and `echo` end a file with a newline that is no part of the value.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
