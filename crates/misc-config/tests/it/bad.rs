//! Bad configurations, each with the whole report that the operator gets.
//!
//! The cases are in `bad/*.txt`. A case is its name after `==`, then sections: `-- NAME` is a file, of which those called
//! `config.*` are loaded, `.env` and `secrets/*` are where they belong, and others are only there; `-- env` and `-- cli` are
//! variables and arguments, one a line; `-- report` is what the user gets to see. `DIR` is where the files are. Each secret has
//! `hunter` or `2718` in it, and no report has.

mod schemas;

use std::{fs, path::Path};

use misc_config::{Config, Error, Invalid, Loader};

use self::schemas::{Refused, Required, Ruled, Secrets, Shop, Twins};
use crate::dir::Dir;

/// How often a case is loaded: tables of keys are hashed, and have another order each time.
const TIMES: usize = 20;

struct Case {
    /// All of it but the report.
    given: String,
    env: Vec<(String, String)>,
    cli: Option<Vec<String>>,
    files: Vec<(String, String)>,
    report: String,
}

impl Case {
    fn all(text: &str) -> Vec<Self> {
        text.split("\n== ").map(|text| Self::read(text.trim_start_matches("== "))).collect()
    }

    fn read(text: &str) -> Self {
        let (given, report) = text.split_once("\n-- report\n").unwrap();
        let (given, report) = (given.to_owned(), report.trim_end().to_owned());
        let mut case = Self { given: given.clone(), env: Vec::new(), cli: None, files: Vec::new(), report };
        for section in given.split("\n-- ").skip(1) {
            let (name, text) = section.split_once('\n').unwrap_or((section, ""));
            let pair =
                |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
            match name {
                "env" => case.env = text.lines().map(pair).collect(),
                "cli" => case.cli = Some(std::iter::once("shop").chain(text.lines()).map(str::to_owned).collect()),
                file => case.files.push((file.to_owned(), text.to_owned())),
            }
        }
        case
    }

    fn loader<T: Config>(&self, dir: &Dir) -> Loader<T> {
        let shown = dir.path().display().to_string();
        let env = self.env.iter().map(|(name, value)| (name, value.replace("DIR", &shown)));
        let loader = T::loader().env_from(env).dotenv(dir.path().join(".env")).secrets_dir(dir.path().join("secrets"));
        let named = self.files.iter().filter(|(name, _)| name.starts_with("config."));
        let loader = named.fold(loader, |loader, (name, _)| loader.file(dir.path().join(name)));
        match &self.cli {
            Some(args) => loader.cli_from(args.iter().map(|arg| arg.replace("DIR", &shown))),
            None => loader,
        }
    }

    fn report<T: Config>(&self, load: impl Fn(Loader<T>) -> Result<T, Error>) -> String {
        let dir = Dir::new();
        self.files.iter().for_each(|(name, text)| drop(dir.write(name, text)));
        let reports: Vec<String> = (0..TIMES)
            .map(|_| match load(self.loader(&dir)) {
                Ok(_) => "it is valid".to_owned(),
                Err(error) => dir.hidden(&error.to_string()),
            })
            .collect();
        match reports.iter().find(|report| **report != reports[0]) {
            Some(other) => format!("not always the same:\n{}\nor\n{other}", reports[0]),
            None => reports[0].clone(),
        }
    }
}

/// Checks that each case is reported as it says, and that no secret is in the report. Where one is not, all cases of the file
/// are written down with their reports as they are, to be compared.
fn check<T: Config>(file: &str, text: &str, load: impl Fn(Loader<T>) -> Result<T, Error>) {
    let (mut wrong, mut all) = (String::new(), String::new());
    for case in Case::all(text) {
        let report = case.report(&load);
        all = format!("{all}== {}\n-- report\n{report}\n", case.given);
        if report != case.report || report.contains("hunter") || report.contains("2718") {
            wrong = format!("{wrong}\n== {}\n-- expected\n{}\n-- report\n{report}", case.given, case.report);
        }
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    if !wrong.is_empty() {
        fs::write(&path, all).unwrap();
    }
    assert!(wrong.is_empty(), "see {}\n{wrong}", path.display());
}

#[test]
fn values_of_wrong_types() {
    check::<Shop>("types.txt", include_str!("bad/types.txt"), Loader::<_>::load);
}

#[test]
fn keys_that_are_unknown_or_named_twice() {
    check::<Shop>("keys.txt", include_str!("bad/keys.txt"), Loader::<_>::load);
}

#[test]
fn keys_that_are_missing() {
    check::<Required>("missing.txt", include_str!("bad/missing.txt"), Loader::<_>::load);
}

#[test]
fn files_that_cannot_be_read() {
    check::<Shop>("files.txt", include_str!("bad/files.txt"), |loader| loader.file_limit(200).load());
}

#[test]
fn variables_that_cannot_be_used() {
    check::<Shop>("variables.txt", include_str!("bad/variables.txt"), Loader::<_>::load);
}

#[test]
fn values_that_their_types_refuse() {
    check::<Refused>("refused.txt", include_str!("bad/refused.txt"), Loader::<_>::load);
}

#[test]
fn secrets_are_not_told() {
    check::<Secrets>("secrets.txt", include_str!("bad/secrets.txt"), Loader::<_>::load);
}

#[test]
fn rules_that_are_broken() {
    let load = |loader: Loader<Ruled>| {
        let even = |settings: &Ruled| match settings.workers % 2 {
            0 => Ok(()),
            _ => Err(Invalid::new("workers", "must be even")),
        };
        loader.validate(even).load()
    };
    check("rules.txt", include_str!("bad/rules.txt"), load);
}

#[test]
fn names_that_fields_share() {
    check::<Twins>("twins.txt", include_str!("bad/twins.txt"), Loader::<_>::load);
}
