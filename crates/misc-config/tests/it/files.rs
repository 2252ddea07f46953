//! Files: which are read, and what several make together.

use std::{collections::BTreeMap, net::IpAddr, path::Path};

use misc_config::{Config, Format, Layer, Loader, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dir::Dir;

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
#[config(env_prefix = "APP")]
struct Settings {
    #[config(default = "none")]
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    weights: BTreeMap<String, u8>,
    #[config(nested)]
    database: Database,
    #[serde(default)]
    #[config(nested)]
    tenants: BTreeMap<String, Tenant>,
    #[config(nested)]
    cache: Option<Cache>,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
struct Database {
    #[config(default = "local")]
    #[serde(alias = "dsn")]
    url: String,
    #[config(default = 10)]
    pool_size: u32,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
struct Tenant {
    #[config(default = 1)]
    quota: u32,
    plan: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Config)]
struct Cache {
    size: u32,
    #[config(default = 5)]
    ways: u32,
}

/// Checks what is loaded from files, of which the later go over the earlier.
#[track_caller]
fn check(files: &[(&str, &str)], expected: Value) {
    let dir = Dir::new();
    let file = |loader: Loader<Settings>, (name, text): &(&str, &str)| loader.file(dir.write(name, text));
    let loaded = files.iter().fold(Settings::loader(), file).load().map_err(|error| dir.hidden(&error.to_string()));
    assert_eq!(loaded.map(|settings| json!(settings)), Ok(over_defaults(expected)));
}

fn over_defaults(mut settings: Value) -> Value {
    let defaults = json!({
        "name": "none", "tags": [], "weights": {}, "database": { "url": "local", "pool_size": 10 },
        "tenants": {}, "cache": null,
    });
    for (key, value) in defaults.as_object().unwrap() {
        settings.as_object_mut().unwrap().entry(key).or_insert(value.clone());
    }
    settings
}

#[test]
fn files_of_all_formats_are_merged_key_by_key() {
    let files = [
        ("a.yaml", "name: a\ndatabase:\n  url: yaml\n  pool_size: 1\nweights: {a: 1, b: 1}\n"),
        ("b.json", r#"{ "database": { "pool_size": 2 }, "weights": { "b": 2, "c": 2 } }"#),
        ("c.toml", "weights.c = 3\n[tenants.acme]\nquota = 3\n"),
    ];
    let expected = json!({
        "name": "a", "database": { "url": "yaml", "pool_size": 2 }, "weights": { "a": 1, "b": 2, "c": 3 },
        "tenants": { "acme": { "quota": 3, "plan": null } },
    });
    check(&files, expected);
}

#[test]
fn lists_are_replaced_as_a_whole() {
    check(&[("a.yaml", "tags: [a, b, c]"), ("b.yaml", "tags: [d]")], json!({ "tags": ["d"] }));
    check(&[("a.yaml", "tags: [a, b, c]"), ("b.yaml", "tags: []")], json!({ "tags": [] }));
    check(&[("a.yaml", "tags: [a]"), ("b.yaml", "name: b")], json!({ "tags": ["a"], "name": "b" }));
}

#[test]
fn maps_of_sections_are_merged_to_their_depth() {
    let files = [
        ("a.yaml", "tenants: {acme: {quota: 5, plan: gold}, zoo: {}}"),
        ("b.yaml", "tenants: {acme: {quota: 6}, new: {plan: free}}"),
    ];
    let expected = json!({ "tenants": {
        "acme": { "quota": 6, "plan": "gold" }, "zoo": { "quota": 1, "plan": null }, "new": { "quota": 1, "plan": "free" },
    } });
    check(&files, expected);
}

#[test]
fn keys_of_maps_may_have_dots_and_brackets() {
    let text = "weights: {a.b: 1, 'c[0]': 2, '': 3, 'é ü': 4, A: 5, 7: 6}";
    let expected = json!({ "weights": { "a.b": 1, "c[0]": 2, "": 3, "é ü": 4, "A": 5, "7": 6 } });
    check(&[("a.yaml", text), ("b.yaml", "weights: {}")], expected);
}

#[test]
fn other_names_of_a_key_meet_it_in_other_files() {
    let files = [("a.yaml", "database: {dsn: a}"), ("b.yaml", "database: {url: b}"), ("c.yaml", "database: {dsn: c}")];
    check(&files, json!({ "database": { "url": "c", "pool_size": 10 } }));
    check(&files[..2], json!({ "database": { "url": "b", "pool_size": 10 } }));
}

#[test]
fn null_is_nothing_where_that_is_a_value() {
    check(&[("a.yaml", "cache: {size: 1}"), ("b.yaml", "cache: ~")], json!({ "cache": null }));
    check(&[("a.yaml", "cache: ~"), ("b.yaml", "cache: {size: 1}")], json!({ "cache": { "size": 1, "ways": 5 } }));
    check(
        &[("a.yaml", "database: {url: a}"), ("b.yaml", "database:")],
        json!({ "database": { "url": "a", "pool_size": 10 } }),
    );
}

#[test]
fn files_may_be_empty() {
    for (name, text) in
        [("a.yaml", ""), ("a.yaml", "# Nothing.\n"), ("a.toml", ""), ("a.json", "{}"), ("a.yml", "---\n")]
    {
        check(&[(name, text)], json!({}));
    }
}

#[test]
fn an_optional_file_may_be_missing_and_a_required_one_may_not() {
    let dir = Dir::new();
    let path = dir.path().join("config.yaml");
    assert_eq!(Settings::loader().optional_file(&path).load().unwrap().name, "none");
    let report = dir.hidden(&Settings::loader().file(&path).load().unwrap_err().to_string());
    assert_eq!(
        report,
        "the configuration has an error:\n  DIR/config.yaml: cannot be read: No such file or directory (os error 2)"
    );
    dir.write("config.yaml", "name: there");
    assert_eq!(Settings::loader().optional_file(&path).load().unwrap().name, "there");
}

#[test]
fn an_optional_file_that_is_wrong_is_refused() {
    let dir = Dir::new();
    let report = Settings::loader().optional_file(dir.write("config.yaml", "nam: x")).load().unwrap_err().to_string();
    let expected = "nam: is not a key\n    at DIR/config.yaml:1:6\n    did you mean `name`?";
    assert_eq!(dir.hidden(&report), format!("the configuration has an error:\n  {expected}"));
}

/// A loader with a required file `base`, and an optional one `config`; each file says in `weights` that it was read.
fn loader_of_files(dir: &Dir) -> Loader<Settings> {
    for name in ["base", "config", "mine", "yours", "config.prod", "mine.prod", "base.test"] {
        dir.write(&format!("{name}.yaml"), format!("name: {name}\nweights: {{{name}: 1}}\n"));
    }
    Settings::loader().file(dir.path().join("base.yaml")).optional_file(dir.path().join("config.yaml"))
}

/// Checks which files are read; the last one counts.
#[track_caller]
fn check_read(loader: Loader<Settings>, expected: &[&str]) {
    let settings = loader.load().unwrap();
    let mut sorted = expected.to_vec();
    sorted.sort_unstable();
    assert_eq!(settings.weights.keys().collect::<Vec<_>>(), sorted);
    assert_eq!(Some(&*settings.name), expected.last().copied());
}

fn path_of(dir: &Dir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

#[test]
fn files_that_the_user_names_replace_optional_ones() {
    let dir = Dir::new();
    let (mine, yours) = (path_of(&dir, "mine.yaml"), path_of(&dir, "yours.yaml"));
    let args = |files: &[&str]| {
        let flags = files.iter().map(|file| format!("--config={file}"));
        std::iter::once("shop".to_owned()).chain(flags).collect::<Vec<_>>()
    };
    check_read(loader_of_files(&dir), &["base", "config"]);
    check_read(loader_of_files(&dir).cli_from(args(&[])), &["base", "config"]);
    check_read(loader_of_files(&dir).cli_from(args(&[&mine])), &["base", "mine"]);
    check_read(loader_of_files(&dir).cli_from(args(&[&mine, &yours])), &["base", "mine", "yours"]);
    check_read(loader_of_files(&dir).cli_from(args(&[&yours, &mine])), &["base", "yours", "mine"]);
    check_read(loader_of_files(&dir).env_from([("APP_CONFIG", &mine)]), &["base", "mine"]);
    check_read(loader_of_files(&dir).env_from([("APP_CONFIG", "")]), &["base", "config"]);
    let both = std::env::join_paths([&mine, &yours]).unwrap();
    check_read(loader_of_files(&dir).env_from([("APP_CONFIG", both)]), &["base", "mine", "yours"]);
    let both = loader_of_files(&dir).env_from([("APP_CONFIG", &mine)]).cli_from(args(&[&yours]));
    check_read(both, &["base", "yours"]);
}

#[test]
fn a_dotenv_file_may_name_files_too() {
    let dir = Dir::new();
    let dotenv = dir.write(".env", format!("APP_CONFIG={}\nAPP_PROFILE=prod\n", path_of(&dir, "mine.yaml")));
    check_read(loader_of_files(&dir).dotenv(&dotenv), &["base", "mine", "mine.prod"]);
    let named = [("APP_CONFIG", path_of(&dir, "yours.yaml")), ("APP_PROFILE", "test".to_owned())];
    check_read(loader_of_files(&dir).dotenv(dotenv).env_from(named), &["base", "base.test", "yours"]);
}

#[test]
fn a_profile_adds_what_is_called_after_it() {
    let dir = Dir::new();
    check_read(loader_of_files(&dir).profile("prod"), &["base", "config", "config.prod"]);
    check_read(loader_of_files(&dir).profile("test"), &["base", "base.test", "config"]);
    check_read(
        loader_of_files(&dir).profile("test").env_from([("APP_PROFILE", "prod")]),
        &["base", "config", "config.prod"],
    );
    let mine = [("APP_CONFIG", path_of(&dir, "mine.yaml")), ("APP_PROFILE", "prod".to_owned())];
    check_read(loader_of_files(&dir).env_from(mine), &["base", "mine", "mine.prod"]);
}

#[test]
fn a_profile_needs_no_file_below_it() {
    let dir = Dir::new();
    dir.write("config.prod.yaml", "name: prod");
    let loader = Settings::loader().optional_file(dir.path().join("config.yaml")).profile("prod");
    assert_eq!(loader.load().unwrap().name, "prod");
}

#[test]
fn a_file_may_be_as_large_as_its_limit() {
    let dir = Dir::new();
    let file = dir.write("config.yaml", "name: x # 345678");
    assert_eq!(Settings::loader().file(&file).file_limit(16).load().unwrap().name, "x");
    let report = Settings::loader().file(&file).file_limit(15).load().unwrap_err().to_string();
    let expected = "DIR/config.yaml: cannot be read: it is larger than 15 bytes";
    assert_eq!(dir.hidden(&report), format!("the configuration has an error:\n  {expected}"));
    let large = dir.write("large.yaml", format!("name: x\n#{}", " ".repeat(1 << 20)));
    assert!(Settings::loader().file(&large).load().is_err());
    assert!(Settings::loader().file(&large).file_limit(1 << 21).load().is_ok());
}

#[test]
fn a_layer_has_limits_too() {
    let large = format!("name: x\n#{}", " ".repeat(1 << 20));
    let report = Layer::parse("centre", Format::Yaml, &large).unwrap_err().to_string();
    let expected = "centre: has 1048585 bytes, which is more than the limit of 1048576";
    assert_eq!(report, format!("the configuration has an error:\n  {expected}"));
    let nested = |lists: usize| format!("a: {}{}", "[".repeat(lists), "]".repeat(lists));
    assert!(Layer::parse("centre", Format::Yaml, &nested(63)).is_ok());
    let report = Layer::parse("centre", Format::Yaml, &nested(64)).unwrap_err().to_string();
    assert_eq!(report, "the configuration has an error:\n  centre:1:67: is nested deeper than 64 levels");
}

#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "APP")]
struct AppConfig {
    #[config(default = "0.0.0.0")]
    host: IpAddr,
    #[config(default = 8000)]
    port: u16,
    #[config(default = false)]
    debug: bool,
    #[config(nested)]
    database: AppDatabase,
}

#[derive(Debug, Deserialize, Config)]
struct AppDatabase {
    #[config(default = "sqlite:///app.db")]
    url: Secret<String>,
    #[config(default = 10)]
    pool_size: u32,
}

/// Checks the address, whether it debugs, and the database.
#[track_caller]
fn check_app(loader: Loader<AppConfig>, expected: (&str, bool, &str, u32)) {
    let AppConfig { host, port, debug, database } = loader.load().unwrap();
    let loaded = (&*format!("{host}:{port}"), debug, &**database.url.expose(), database.pool_size);
    assert_eq!(loaded, expected);
}

#[test]
fn an_app_takes_its_command_line_over_its_file_over_its_variables_over_its_defaults() {
    let dir = Dir::new();
    let text = concat!(
        "host: 127.0.0.1\nport: 8080\ndebug: true\n",
        "database:\n  url: postgres://user:pass@db:5432/app\n  pool_size: 20\n",
    );
    let file: &Path = &dir.write("config.yaml", text);
    let variables = [("APP_HOST", "::1"), ("APP_PORT", "9000"), ("APP_DATABASE_POOL_SIZE", "30")];
    let env = || AppConfig::loader().env_from(variables);
    let args = ["shop", "--port=7000", "--debug=false"];
    let url = "postgres://user:pass@db:5432/app";
    check_app(AppConfig::loader(), ("0.0.0.0:8000", false, "sqlite:///app.db", 10));
    check_app(env(), ("::1:9000", false, "sqlite:///app.db", 30));
    check_app(AppConfig::loader().file(file), ("127.0.0.1:8080", true, url, 20));
    check_app(AppConfig::loader().cli_from(args).file(file), ("127.0.0.1:7000", false, url, 20));
    let _logs = misc_test::Logs::capture();
    check_app(env().file(file), ("127.0.0.1:8080", true, url, 20));
    check_app(AppConfig::loader().file(file).cli_from(args).env_from(variables), ("127.0.0.1:7000", false, url, 20));
}
