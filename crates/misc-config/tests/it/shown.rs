//! What is shown of settings is what the program has.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use misc_config::{Config, Format, Layer, Secret};
use serde::{Deserialize, Serialize};

fn parsed(yaml: &str) -> Layer {
    Layer::parse("config.yaml", Format::Yaml, yaml).unwrap()
}

fn loaded<T: Config>(yaml: &str) -> T {
    T::loader().layer(parsed(yaml)).load().unwrap_or_else(|error| panic!("{yaml}\n{error}"))
}

/// Returns what a flag shows.
fn shown<T: Config + Debug>(yaml: &str, flag: &str) -> String {
    T::loader().layer(parsed(yaml)).cli_from(["app", flag]).load().unwrap_err().exit().text().to_owned()
}

/// Checks what is printed, and that it loads to the same.
#[track_caller]
fn check<T: Config + PartialEq + Debug>(yaml: &str, expected: &str) {
    let printed = shown::<T>(yaml, "--print-config");
    assert_eq!(printed.trim(), expected.trim(), "{yaml}");
    assert_eq!(loaded::<T>(&printed), loaded::<T>(yaml), "{yaml}\n{printed}");
}

/// Checks the rows of an explanation.
#[track_caller]
fn check_explained<T: Config + Debug>(yaml: &str, expected: &str) {
    let explained = shown::<T>(yaml, "--explain-config");
    assert_eq!(explained.trim(), expected.trim(), "{yaml}");
}

#[derive(Debug, Default, PartialEq, Deserialize, Config)]
struct Database {
    #[config(default = 10)]
    pool: u32,
    #[config(default = "x")]
    name: String,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Shop {
    #[config(nested)]
    #[serde(default)]
    database: Database,
}

#[test]
fn a_section_that_the_program_makes_is_not_shown_as_its_keys_defaults() {
    check::<Shop>("", "# database: set by the program");
    check::<Shop>("database: {}", "database:\n  pool: 10\n  name: x");
    check::<Shop>("database: {pool: 5}", "database:\n  pool: 5\n  name: x");
    check_explained::<Shop>(
        "",
        "
KEY            VALUE  FROM         INSTEAD OF
database.pool         the program
database.name         the program
",
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Config)]
#[config(defaults)]
#[serde(default)]
struct Http {
    port: u16,
    limit: u8,
    wait: Duration,
    waits: BTreeMap<String, Vec<Duration>>,
}

impl Default for Http {
    fn default() -> Self {
        let waits = BTreeMap::from([("a".to_owned(), vec![Duration::from_millis(90_500)])]);
        Self { port: 8080, limit: 1, wait: Duration::from_secs(60), waits }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Config)]
#[config(defaults)]
#[serde(default)]
struct Outer {
    #[config(nested)]
    http: Http,
    name: String,
}

impl Default for Outer {
    fn default() -> Self {
        let http = Http { port: 9000, limit: 2, wait: Duration::ZERO, waits: BTreeMap::new() };
        Self { http, name: "x".to_owned() }
    }
}

#[test]
fn the_default_of_a_section_counts_once_it_is_there() {
    check::<Outer>("", "http:\n  port: 9000\n  limit: 2\n  wait: 0s\n  waits: {}\nname: x");
    let there =
        |limit| format!("http:\n  port: 8080\n  limit: {limit}\n  wait: 1m\n  waits:\n    a: [1m30s500ms]\nname: x");
    check::<Outer>("http: {limit: 7}", &there(7));
    check::<Outer>("http: {}", &there(1));
    check_explained::<Outer>(
        "http: {limit: 7}",
        "
KEY           VALUE         FROM              INSTEAD OF
http.port     8080          default
http.limit    7             config.yaml:1:15  1 (default)
http.wait     1m            default
http.waits.a  [1m30s500ms]  default
name          x             default
",
    );
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Page {
    size: u8,
    #[config(default = 5)]
    count: u8,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Optional {
    #[config(nested)]
    #[serde(flatten)]
    page: Option<Page>,
    #[config(nested)]
    section: Option<Page>,
}

#[test]
fn a_section_that_may_be_missing_is_shown_only_where_it_is_there() {
    check::<Optional>("", "# section: not set");
    check::<Optional>("section:", "section: null");
    check::<Optional>("size: 1\nsection: {size: 2}", "size: 1\ncount: 5\nsection:\n  size: 2\n  count: 5");
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, Config)]
struct Filter {
    filter: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Config)]
#[config(defaults)]
#[serde(default)]
struct Log {
    #[config(nested)]
    log: Filter,
    #[serde(skip_serializing)]
    size: u8,
}

impl Default for Log {
    fn default() -> Self {
        Self { log: Filter::default(), size: 7 }
    }
}

#[test]
fn a_section_in_which_nothing_is_set_is_a_comment() {
    check::<Log>("", "# log:\n  # filter: not set\n# size: set by the program");
    check::<Log>("log: {}", "log: {}\n  # filter: not set\n# size: set by the program");
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Store {
    Disk {
        path: String,
        #[config(default = 4)]
        block: u8,
    },
    Memory {
        #[config(default = 7)]
        size: u8,
    },
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Stores {
    #[config(nested)]
    store: Store,
}

#[test]
fn keys_of_other_variants_are_left_out() {
    check::<Stores>("store: {kind: memory}", "store:\n  kind: memory\n  size: 7");
    check_explained::<Stores>(
        "store: {kind: memory}",
        "
KEY         VALUE   FROM              INSTEAD OF
store.kind  memory  config.yaml:1:15
store.size  7       default
",
    );
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Pins {
    #[config(secret)]
    pins: BTreeMap<String, String>,
}

#[test]
fn a_secret_map_has_an_origin() {
    check_explained::<Pins>(
        "pins: {a: hunter2}",
        "
KEY   VALUE   FROM             INSTEAD OF
pins  ******  config.yaml:1:7
",
    );
    let explained = Pins::loader().env_from([("PINS", r#"{"a": "hunter2"}"#)]).load_explained().unwrap().1;
    assert_eq!(explained.iter().next().unwrap().origin(), Some("PINS"));
}

#[derive(Debug, Deserialize, Config)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Lock {
    Open {
        key: String,
        #[config(default = "1")]
        names: String,
    },
    Closed {
        key: Secret<String>,
        #[config(default = "a,b")]
        names: Vec<String>,
    },
}

#[derive(Debug, Deserialize, Config)]
struct Door {
    #[config(nested)]
    lock: Lock,
}

#[test]
fn a_key_of_several_variants_is_that_of_the_chosen_one() {
    check_explained::<Door>(
        "lock: {kind: closed, key: hunter2}",
        "
KEY         VALUE   FROM              INSTEAD OF
lock.kind   closed  config.yaml:1:14
lock.key    ******  config.yaml:1:27
lock.names  [a, b]  default
",
    );
    let names = |kind: &'static str, names: &'static str| {
        let variables = [("LOCK_KIND", kind), ("LOCK_KEY", "hunter2"), ("LOCK_NAMES", names)];
        match Door::loader().env_from(variables).load().unwrap().lock {
            Lock::Open { key, names } => vec![key, names],
            Lock::Closed { key, names } => [vec![key.expose().clone()], names].concat(),
        }
    };
    assert_eq!(names("open", "a,b"), ["hunter2", "a,b"]);
    assert_eq!(names("closed", r#"["a", "b"]"#), ["hunter2", "a", "b"]);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Maps {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    more: BTreeMap<String, String>,
}

#[test]
fn an_empty_map_has_an_origin() {
    check::<Maps>("labels: {}", "labels: {}\n# more: set by the program");
    check_explained::<Maps>(
        "labels: {}",
        "
KEY     VALUE  FROM             INSTEAD OF
labels  {}     config.yaml:1:9
more           the program
",
    );
    let explained = Maps::loader().env_from([("MORE", "{}")]).load_explained().unwrap().1;
    let origins: Vec<_> = explained.iter().map(|row| row.origin()).collect();
    assert_eq!(origins, [Some("the program"), Some("MORE")]);
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Values {
    text: String,
    number: f64,
    all: serde_json::Value,
    names: BTreeMap<String, Vec<String>>,
}

#[test]
fn odd_texts_and_nested_values_load_again() {
    let all = "[{a: [], b: {}}, [1, {c: null}], {d: [{e: -1.5}]}, \"a\\ufeffb\"]";
    let yaml = format!("text: \"a\\ufeffb: #\"\nnumber: 1e300\nall: {all}\nnames: {{'': [], 'null': [no, '007']}}");
    let printed = shown::<Values>(&yaml, "--print-config");
    assert_eq!(loaded::<Values>(&printed), loaded::<Values>(&yaml), "{printed}");
}
