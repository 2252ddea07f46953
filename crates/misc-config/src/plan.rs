//! What to load, and how it becomes one tree.

use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use misc_core::schema::{Kind, Schema};

use crate::{
    cli::{Cli, Typed},
    config::Config,
    environment::{Environment, Surroundings},
    error::{Error, Problem},
    explain::{Explanation, explain},
    file,
    format::{self, Format, Limits},
    keys::{Keys, bare, is_secret, rank},
    layer::{Layer, to_json},
    mask::Secrets,
    merge::merge,
    path::Path as KeyPath,
    place::{Place, Said},
    read::child,
    shape::shape,
    show::without_passwords,
    tree::{Table, Value, ValueKind, find, table},
    typing,
};

/// What to load.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) kind: &'static Kind,
    pub(crate) prefix: String,
    pub(crate) environment: Option<Environment>,
    pub(crate) files: Vec<FileOf>,
    pub(crate) profile: Option<String>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) cli: Cli,
    /// The arguments after the name of the program, if the command line is read.
    pub(crate) args: Option<Vec<OsString>>,
    /// The places, the highest first.
    pub(crate) precedence: Vec<Place>,
    pub(crate) limits: Limits,
}

/// A file to read.
#[derive(Debug, Clone)]
pub(crate) struct FileOf {
    pub(crate) path: PathBuf,
    pub(crate) required: bool,
}

/// What all places together say.
pub(crate) struct Settled {
    pub(crate) kind: &'static Kind,
    pub(crate) keys: Arc<Keys>,
    /// The settings, with defaults.
    pub(crate) effective: Value,
    /// What each place says, the lowest first.
    pub(crate) layers: Vec<Arc<Said>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
    /// The files that were read, or would have been if they were there.
    pub(crate) files: Vec<PathBuf>,
}

impl Plan {
    pub(crate) fn of<T: Config>() -> Self {
        // One that is read as another type may hold secrets which that one does not tell of: it has its keys all the same.
        let kind = bare(const { &T::KIND }).kind;
        Self {
            kind,
            prefix: T::PREFIX.to_owned(),
            environment: None,
            files: Vec::new(),
            profile: None,
            layers: Vec::new(),
            cli: Cli::new(T::NAME, T::VERSION, docs_of(kind)),
            args: None,
            precedence: vec![Place::Cli, Place::Source, Place::File, Place::Env],
            limits: Limits::default(),
        }
    }

    pub(crate) fn schema(&self) -> &'static Schema {
        match self.kind {
            Kind::Struct(schema) => schema,
            _ => const { &Schema::new("", &[]) },
        }
    }

    /// Names the keys.
    ///
    /// # Errors
    /// When two keys share a name.
    pub(crate) fn keys(&self) -> Result<Arc<Keys>, Error> {
        let keys = Keys::of(self.kind, &self.prefix);
        match keys.clashes() {
            clashes if clashes.is_empty() => Ok(Arc::new(keys)),
            clashes => Err(Error::invalid(clashes)),
        }
    }

    /// Asks every place, and makes one tree of what they say.
    pub(crate) fn settle(&self, keys: &Arc<Keys>, typed: Option<&Typed>, fetched: &[Layer]) -> Settled {
        let mut gathering = Gathering { plan: self, said: Vec::new(), problems: Vec::new(), read: Vec::new() };
        let Surroundings { layers, problems, mut warnings, files, profile } =
            self.environment.as_ref().map(|environment| environment.look_up(keys)).unwrap_or_default();
        gathering.problems.extend(problems);
        gathering.add(Place::Env, layers);
        let typed_files = typed.map(|typed| &typed.files).filter(|files| !files.is_empty());
        let by = typed_files.map_or_else(|| format!("{}_CONFIG", keys.prefix), |_| "--config".to_owned());
        let named = typed_files.unwrap_or(&files);
        let profile = typed.and_then(|typed| typed.profile.clone()).or(profile).or_else(|| self.profile.clone());
        gathering.files(named, &by, profile.as_deref());
        gathering.add(Place::Source, self.layers.iter().chain(fetched).map(|layer| layer.table.clone()));
        gathering.add(Place::Cli, typed.map(|typed| typed.table.clone()));
        gathering.problems.extend(typed.into_iter().flat_map(|typed| typed.problems.iter().cloned()));
        let Gathering { mut said, mut problems, read, .. } = gathering;
        said.sort_by_key(|said| std::cmp::Reverse(self.rank(said.place)));
        problems.extend(shape(said.iter_mut().map(|said| &mut said.table), self.kind));
        let said: Vec<Arc<Said>> = said.into_iter().map(Arc::new).collect();
        let mut effective = merge(&said);
        warnings.extend(shadowed(keys, &effective, &said));
        let mut wrong = typing::typed(&mut effective, self.schema(), keys, &said);
        // What a file says that could not be read is not missing.
        let unread = problems.iter().any(|problem| problem.path().is_empty());
        wrong.retain(|problem| !(unread && problem.is_missing()));
        problems.extend(wrong);
        problems.iter_mut().filter(|problem| problem.origin().is_none()).for_each(|problem| locate(problem, &said));
        Settled {
            kind: self.kind,
            keys: Arc::clone(keys),
            effective: Value::new(None, ValueKind::Table(effective)),
            layers: said,
            problems,
            warnings,
            files: read,
        }
    }

    /// How high a place is, 0 the highest.
    fn rank(&self, place: Place) -> usize {
        self.precedence.iter().position(|listed| *listed == place).unwrap_or(usize::MAX)
    }
}

fn docs_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Struct(schema) => schema.docs,
        _ => "",
    }
}

impl Settled {
    /// Tells where everything comes from.
    pub(crate) fn explain(&self) -> Explanation {
        explain(&self.keys, self.table(), &self.layers, &self.warnings)
    }

    pub(crate) fn table(&self) -> &Table {
        table(&self.effective).expect("the root is a section")
    }

    /// Says what is wrong with a value that its type, or a rule, refuses.
    pub(crate) fn problem(&self, parts: Vec<String>, message: String) -> Problem {
        let message = Secrets::of(&self.effective, self.kind).masked(message, is_secret(self.kind, &parts));
        let problem = Problem::new(parts.join("."), without_passwords(&message));
        let found = parts.into_iter().try_fold(&self.effective, |value, part| child(value, &part));
        let mut problem = found.map_or(problem.clone(), |value| problem.of(value));
        if problem.origin().is_none() {
            locate(&mut problem, &self.layers);
        }
        problem
    }

    /// Puts problems in the order of the schema: those with whole files first, those with everything together last.
    pub(crate) fn in_order(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        problems.sort_by_cached_key(|problem| {
            let with_everything = problem.path().is_empty() && problem.origin().is_none();
            (with_everything, rank(self.kind, &parts_of(problem.path())))
        });
        problems
    }

    /// Names the keys that have another value than before, or are set where they were not; passwords in names are masked.
    pub(crate) fn changed_since(&self, before: &Value) -> Vec<String> {
        let mut changed = Vec::new();
        differences(before, &self.effective, &mut KeyPath::default(), &mut changed);
        changed.sort();
        changed.iter().map(|name| without_passwords(name).into_owned()).collect()
    }
}

/// Splits a path at its dots.
pub(crate) fn parts_of(path: &str) -> Vec<String> {
    path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Names the keys whose values differ; of lists, the list.
fn differences(before: &Value, after: &Value, path: &mut KeyPath, changed: &mut Vec<String>) {
    let (Some(old), Some(new)) = (table(before), table(after)) else {
        if !same(&before.kind, &after.kind) {
            changed.push(path.as_str().to_owned());
        }
        return;
    };
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let back = path.enter(key);
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => differences(old, new, path, changed),
            // What is not set may be worth something else than nothing.
            _ => changed.push(path.as_str().to_owned()),
        }
        path.leave(back);
    }
}

/// Returns whether two values are one, wherever they come from. In JSON, infinity would be nothing.
fn same(one: &ValueKind, other: &ValueKind) -> bool {
    match (one, other) {
        (ValueKind::Float(one), ValueKind::Float(other)) => one.to_bits() == other.to_bits(),
        (ValueKind::Float(_), _) | (_, ValueKind::Float(_)) => false,
        (ValueKind::Array(one), ValueKind::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(&one.kind, &other.kind))
        }
        (ValueKind::Table(one), ValueKind::Table(other)) => {
            let has =
                |(key, value): (&String, &Value)| other.get(key).is_some_and(|other| same(&value.kind, &other.kind));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => to_json(one) == to_json(other),
    }
}

/// What places have said so far.
struct Gathering<'a> {
    plan: &'a Plan,
    said: Vec<Said>,
    problems: Vec<Problem>,
    read: Vec<PathBuf>,
}

impl Gathering<'_> {
    fn add(&mut self, place: Place, tables: impl IntoIterator<Item = Table>) {
        self.said.extend(tables.into_iter().map(|table| Said { place, table }));
    }

    /// Reads the files that the program names, and those that the user names, over them. A place to look in, which need not be
    /// there, is not looked in when the user says where to look.
    fn files(&mut self, named: &[PathBuf], by: &str, profile: Option<&str>) {
        let own = self.plan.files.iter().filter(|file| file.required || named.is_empty());
        let own = own.map(|file| (&file.path, file.required, None));
        let named = named.iter().map(|path| (path, true, Some(by)));
        let mut overlays = Vec::new();
        for (path, required, by) in own.chain(named) {
            self.file(path, required, by);
            if let Some(profile) = profile {
                let overlay = overlay(path, profile);
                overlays.push((overlay.display().to_string(), self.file(&overlay, false, None)));
            }
        }
        if let Some(profile) = profile.filter(|_| overlays.iter().all(|(_, found)| !found)) {
            let looked: Vec<String> = overlays.into_iter().map(|(path, _)| format!("`{path}`")).collect();
            let message = format!("the profile `{profile}` has no file");
            self.problems.push(Problem::new("", message).hint(match &*looked {
                [] => "there is no file that it could go with".to_owned(),
                looked => format!("looked for {}", looked.join(", ")),
            }));
        }
    }

    /// Reads a file, which a variable or a flag may have named; returns whether it is there.
    fn file(&mut self, path: &Path, required: bool, by: Option<&str>) -> bool {
        self.read.push(path.to_owned());
        let name = path.display().to_string();
        let Some(format) = Format::of(path) else {
            let problem = Problem::new("", "has no format that is known by its name").at(name);
            self.problems.push(problem.hint("call it `.yaml`, `.yml`, `.json` or `.toml`"));
            return true;
        };
        let limits = self.plan.limits;
        let table = match file::read(path, limits.bytes) {
            Ok(text) => format::read(&name, format, &text, limits),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return false,
            Err(error) => {
                let problem = Problem::new("", format!("cannot be read: {error}")).at(name);
                Err(match by {
                    Some(by) => problem.hint(format!("`{by}` names it")),
                    None => problem,
                })
            }
        };
        match table {
            Ok(table) => self.add(Place::File, [table]),
            Err(problem) => self.problems.push(problem),
        }
        true
    }
}

/// Finds where a section comes from, since a merged one does not know; of a key that is missing, the section that it is
/// missing in.
fn locate(problem: &mut Problem, layers: &[Arc<Said>]) {
    let parts: Vec<&str> = problem.path().split('.').collect();
    let above = &parts[..parts.len() - 1];
    let found = origin_of(&parts, layers).or_else(|| origin_of(above, layers));
    if let Some(origin) = found.map(str::to_owned) {
        problem.set_origin(origin);
    }
}

/// Finds the highest place that says something about a path.
fn origin_of<'a>(parts: &[&str], layers: &'a [Arc<Said>]) -> Option<&'a str> {
    let (first, rest) = parts.split_first()?;
    layers
        .iter()
        .rev()
        .find_map(|said| rest.iter().try_fold(said.table.get(*first)?, |value, part| child(value, part))?.origin())
}

/// Names the file that goes over another one in a profile: `config.prod.yaml` over `config.yaml`.
fn overlay(path: &Path, profile: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(profile);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Tells of variables that are set, and do not count since a file or a source says something else.
fn shadowed(keys: &Keys, effective: &Table, layers: &[Arc<Said>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let set: Vec<&Arc<Said>> =
        layers.iter().filter(|said| said.place == Place::Env && !said.table.is_empty()).collect();
    let mut told = HashSet::new();
    for (said, key) in set.into_iter().flat_map(|said| keys.all.iter().map(move |key| (said, key))) {
        let (Some(own), Some(counts)) = (find(&said.table, &key.parts), find(effective, &key.parts)) else { continue };
        let (Some(own), Some(counts)) = (own.origin(), counts.origin().filter(|_| table(counts).is_none())) else {
            continue;
        };
        let by_higher = layers.iter().any(|layer| {
            matches!(layer.place, Place::File | Place::Source)
                && find(&layer.table, &key.parts).and_then(Value::origin) == Some(counts)
        });
        if own != counts && by_higher && told.insert(own) {
            warnings.push(format!("`{own}` is set, but `{}` is taken from {counts}", key.path));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::value;

    /// Checks that a value is no change beside itself from another place, and is one beside each other value.
    fn check(values: &[ValueKind]) {
        for (at, before) in values.iter().enumerate() {
            for (other, after) in values.iter().enumerate() {
                let mut changed = Vec::new();
                let (before, after) = (value("a", before.clone()), value("b", after.clone()));
                differences(&before, &after, &mut KeyPath::default(), &mut changed);
                assert_eq!(changed.is_empty(), at == other, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn tells_all_values_apart() {
        let number = |number: f64| ValueKind::from(number);
        let list = |number: f64| ValueKind::from(vec![number]);
        let table =
            |key: &str, number: f64| ValueKind::from(vec![Table::from_iter([(key.to_owned(), value("", number))])]);
        check(&[
            ValueKind::Nil,
            number(f64::INFINITY),
            number(f64::NEG_INFINITY),
            number(f64::NAN),
            number(0.5),
            "0.5".into(),
            list(f64::NAN),
            list(f64::INFINITY),
            vec![0.5, 0.5].into(),
            table("a", f64::NAN),
            table("a", f64::INFINITY),
            table("b", f64::INFINITY),
            true.into(),
            1_i64.into(),
        ]);
    }
}
