//! Environment variables, and what stands for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt::Debug,
    net::IpAddr,
    os::unix::{ffi::OsStringExt, fs::symlink},
};

use misc_config::{Config, Loader, Secret};
use misc_test::Logs;
use serde::Deserialize;

use crate::dir::Dir;

#[derive(Debug, Default, PartialEq, Deserialize, Config)]
#[config(env_prefix = "APP")]
#[serde(default)]
struct Settings {
    name: Option<String>,
    #[config(keep_empty)]
    greeting: Option<String>,
    #[config(env = "PORT")]
    port: Option<u16>,
    debug: Option<bool>,
    ratio: Option<f64>,
    tags: Option<Vec<String>>,
    ports: Option<BTreeSet<u16>>,
    #[config(keep_empty)]
    hosts: Option<Vec<IpAddr>>,
    matrix: Option<Vec<Vec<u8>>>,
    weights: Option<BTreeMap<String, u8>>,
    #[serde(rename = "logLevel")]
    log_level: Option<String>,
    #[config(nested)]
    database: Database,
    #[config(nested)]
    mirrors: Option<Vec<Mirror>>,
}

#[derive(Debug, Default, PartialEq, Deserialize, Config)]
#[serde(default, rename_all = "camelCase")]
struct Database {
    pool_size: Option<u32>,
    http2_only: Option<bool>,
    #[config(nested)]
    read_replica: Replica,
}

#[derive(Debug, Default, PartialEq, Deserialize, Config)]
#[serde(default)]
struct Replica {
    #[serde(rename = "max-idle")]
    max_idle: Option<u32>,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Mirror {
    host: String,
    #[config(default = 80)]
    port: u16,
}

/// Loads variables that are valid.
#[track_caller]
fn load<V: Into<OsString>>(variables: impl IntoIterator<Item = (&'static str, V)>) -> Settings {
    Settings::loader().env_from(variables).load().unwrap()
}

/// Checks what a variable makes of one of the settings.
#[track_caller]
fn check<T: PartialEq + Debug>(variable: &'static str, value: &str, read: fn(Settings) -> T, expected: T) {
    assert_eq!([read(load([(variable, value)]))], [expected], "{variable}={value}");
}

/// Checks what is wrong with variables.
#[track_caller]
fn check_refused(loader: Loader<Settings>, expected: &str) {
    let report = loader.load().unwrap_err().to_string();
    assert_eq!(report, format!("the configuration has an error:\n  {expected}"));
}

/// Checks what is warned of, in which a directory is called `DIR`.
#[track_caller]
fn check_warnings(loader: Loader<Settings>, dir: &Dir, expected: &[&str]) {
    let logs = Logs::capture();
    loader.load().unwrap();
    let warnings: Vec<String> = logs.lines().iter().map(|line| dir.hidden(line.message())).collect();
    assert_eq!(warnings, expected);
}

#[test]
fn names_are_those_of_the_keys_in_capitals() {
    check("APP_NAME", "shop", |it| it.name, Some("shop".to_owned()));
    check("APP_LOG_LEVEL", "info", |it| it.log_level, Some("info".to_owned()));
    check("APP_DATABASE_POOL_SIZE", "5", |it| it.database.pool_size, Some(5));
    check("APP_DATABASE_HTTP2_ONLY", "yes", |it| it.database.http2_only, Some(true));
    check("APP_DATABASE_READ_REPLICA_MAX_IDLE", "3", |it| it.database.read_replica.max_idle, Some(3));
}

#[test]
fn a_name_that_the_field_says_is_the_whole_name() {
    check("PORT", "80", |it| it.port, Some(80));
    check("APP_PORT", "80", |it| it.port, None);
}

#[test]
fn names_are_in_capitals_only() {
    check("app_name", "shop", |it| it.name, None);
    check("App_Name", "shop", |it| it.name, None);
}

#[test]
fn the_loader_may_say_another_prefix_or_none() {
    let loader =
        |prefix: &str| Settings::loader().env_prefix(prefix).env_from([("NAME", "bare"), ("SHOP_NAME", "shop")]);
    assert_eq!(loader("SHOP").load().unwrap().name.unwrap(), "shop");
    assert_eq!(loader("").load().unwrap().name.unwrap(), "bare");
}

#[test]
fn a_prefix_is_spelt_as_all_names_are() {
    let dir = Dir::new();
    let file = dir.write("shop.yaml", "name: file");
    dir.write("shop.prod.yaml", "name: profile");
    let loader = |variables: &[(&'static str, &str)]| {
        Settings::loader().env_prefix("shop-a").env_from(variables.iter().copied())
    };
    let named = ("SHOP_A_CONFIG", file.to_str().unwrap());
    assert_eq!(loader(&[("SHOP_A_NAME", "a")]).load().unwrap().name.unwrap(), "a");
    assert_eq!(loader(&[named]).load().unwrap().name.unwrap(), "file");
    assert_eq!(loader(&[named, ("SHOP_A_PROFILE", "prod")]).load().unwrap().name.unwrap(), "profile");
    let expected = "the variable `SHOP_A_NAM` belongs to no key; did you mean `SHOP_A_NAME`?";
    check_warnings(loader(&[("SHOP_A_NAM", "x")]), &dir, &[expected]);
    let report = loader(&[("SHOP_A_CONFIG", "none.yaml")]).load().unwrap_err().to_string();
    assert!(report.contains("`SHOP_A_CONFIG` names it"), "{report}");
    let capitals = [("S3X_NAME", "a"), ("S3X_CONFIG", file.to_str().unwrap()), ("S3X_GREETING", "b")];
    let settings = Settings::loader().env_prefix("S3X").env_from(capitals).load().unwrap();
    assert_eq!((settings.name.as_deref(), settings.greeting.as_deref()), (Some("file"), Some("b")));
    dir.write("secrets/shop_a_greeting", "secret");
    let settings = loader(&[]).secrets_dir(dir.path().join("secrets")).load().unwrap();
    assert_eq!(settings.greeting.unwrap(), "secret");
}

#[test]
fn booleans_have_all_their_usual_names() {
    for word in ["true", "1", "yes", "on", "TRUE", "Yes", " on "] {
        check("APP_DEBUG", word, |it| it.debug, Some(true));
    }
    for word in ["false", "0", "no", "off", "FALSE", "No", "off\t"] {
        check("APP_DEBUG", word, |it| it.debug, Some(false));
    }
}

#[test]
fn numbers_are_trimmed_and_texts_are_not() {
    check("PORT", " 80\n", |it| it.port, Some(80));
    check("PORT", "+80", |it| it.port, Some(80));
    check("APP_RATIO", " 1e-3 ", |it| it.ratio, Some(0.001));
    check("APP_RATIO", "5", |it| it.ratio, Some(5.0));
    check("APP_NAME", " a b ", |it| it.name, Some(" a b ".to_owned()));
}

#[test]
fn texts_stay_as_they_are() {
    for text in ["007", "1e5", "true", "null", "~", "[a]", "{\"a\": 1}", "a, b", "0x1F", "'quoted'", "ä€"] {
        check("APP_NAME", text, |it| it.name, Some(text.to_owned()));
    }
}

#[test]
fn lists_are_separated_by_commas_or_written_as_json() {
    let tags = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect());
    check("APP_TAGS", "a", |it| it.tags, tags(&["a"]));
    check("APP_TAGS", "a, b ,c d", |it| it.tags, tags(&["a", "b", "c d"]));
    check("APP_TAGS", "a,,b", |it| it.tags, tags(&["a", "", "b"]));
    check("APP_TAGS", ",a,, ", |it| it.tags, tags(&["", "a", ""]));
    check("APP_TAGS", "[::1]:80, [::2]:80", |it| it.tags, tags(&["[::1]:80", "[::2]:80"]));
    check("APP_TAGS", r#" ["a, b", "c"] "#, |it| it.tags, tags(&["a, b", "c"]));
    check("APP_TAGS", "[]", |it| it.tags, tags(&[]));
    check("APP_TAGS", "", |it| it.tags, None);
    check("APP_PORTS", "443, 80,443", |it| it.ports, Some(BTreeSet::from([80, 443])));
    check("APP_PORTS", "[443, \"80\"]", |it| it.ports, Some(BTreeSet::from([80, 443])));
    check("APP_HOSTS", "::1,127.0.0.1", |it| it.hosts.map(|hosts| hosts.len()), Some(2));
    check("APP_MATRIX", "[[1, 2], []]", |it| it.matrix, Some(vec![vec![1, 2], vec![]]));
}

#[test]
fn maps_and_sections_are_json() {
    let weights = BTreeMap::from([("a".to_owned(), 1), ("b.c".to_owned(), 2)]);
    check("APP_WEIGHTS", r#"{"a": 1, "b.c": "2"}"#, |it| it.weights, Some(weights));
    let mirrors = vec![Mirror { host: "a".to_owned(), port: 80 }, Mirror { host: "b".to_owned(), port: 8080 }];
    check("APP_MIRRORS", r#"[{"host": "a"}, {"host": "b", "port": "8080"}]"#, |it| it.mirrors, Some(mirrors));
}

#[test]
fn an_empty_variable_is_unset_unless_its_field_says_otherwise() {
    check("PORT", "", |it| it.port, None);
    check("APP_NAME", "", |it| it.name, None);
    check("APP_GREETING", "", |it| it.greeting, Some(String::new()));
    check("APP_HOSTS", "", |it| it.hosts, Some(Vec::new()));
}

#[test]
fn a_value_that_is_not_utf8_is_refused_and_a_foreign_one_is_not_looked_at() {
    let bytes = || OsString::from_vec(vec![b'a', 0xff]);
    check_refused(Settings::loader().env_from([("APP_NAME", bytes())]), "name: is not UTF-8\n    at APP_NAME");
    assert_eq!(load([("OTHER", bytes())]), Settings::default());
    assert_eq!(Settings::loader().env_from([(bytes(), "x")]).load().unwrap(), Settings::default());
}

#[test]
fn a_variable_of_no_key_is_a_warning_with_the_nearest_name() {
    let dir = Dir::new();
    let loader = |variables: &[(&'static str, &str)]| Settings::loader().env_from(variables.iter().copied());
    let poolsize = "the variable `APP_DATABASE_POOLSIZE` belongs to no key; did you mean `APP_DATABASE_POOL_SIZE`?";
    check_warnings(loader(&[("APP_DATABASE_POOLSIZE", "5")]), &dir, &[poolsize]);
    check_warnings(loader(&[("APP_ZZZ", "5")]), &dir, &["the variable `APP_ZZZ` belongs to no key"]);
    check_warnings(loader(&[("APP_ZZZ", ""), ("APPLE", "5"), ("APP", "x"), ("HOME", "/")]), &dir, &[]);
    check_warnings(Settings::loader().env_prefix("").env_from([("_ZZZ", "5"), ("ZZZ", "5")]), &dir, &[]);
}

#[test]
fn a_warning_does_not_tell_the_value() {
    let logs = Logs::capture();
    load([("APP_PASSWRD", "hunter2")]);
    logs.assert_logged("`APP_PASSWRD` belongs to no key");
    logs.assert_not_logged("hunter2");
}

#[test]
fn a_variable_that_a_file_shadows_is_a_warning_that_names_both() {
    let dir = Dir::new();
    let file = dir.write("config.yaml", "name: file\ndatabase:\n  poolSize: 1\n");
    let loader = Settings::loader().file(file);
    let variables = [("APP_NAME", "env"), ("APP_DATABASE_POOL_SIZE", "2"), ("PORT", "80")];
    let expected = [
        "`APP_NAME` is set, but `name` is taken from DIR/config.yaml:1:7",
        "`APP_DATABASE_POOL_SIZE` is set, but `database.poolSize` is taken from DIR/config.yaml:3:13",
    ];
    check_warnings(loader.env_from(variables), &dir, &expected);
}

#[test]
fn what_the_command_line_or_another_variable_shadows_is_no_warning() {
    let dir = Dir::new();
    let dotenv = dir.write(".env", "APP_NAME=a");
    let loader = Settings::loader().dotenv(dotenv).env_from([("APP_NAME", "b")]);
    check_warnings(loader.cli_from(["shop", "--name=c"]), &dir, &[]);
}

#[test]
fn a_variable_may_name_a_file_that_has_the_value() {
    let dir = Dir::new();
    let read = |text: &str| load([("APP_NAME_FILE", dir.write("name", text))]).name;
    assert_eq!(read("a"), Some("a".to_owned()));
    assert_eq!(read("a\n"), Some("a".to_owned()));
    assert_eq!(read("a\r\n"), Some("a".to_owned()));
    assert_eq!(read("a\n\n"), Some("a\n".to_owned()));
    assert_eq!(read(" a "), Some(" a ".to_owned()));
    assert_eq!(read("\n"), None);
    assert_eq!(load([("PORT_FILE", dir.write("port", "80\n"))]).port, Some(80));
    assert_eq!(load([("APP_GREETING_FILE", dir.write("empty", ""))]).greeting, Some(String::new()));
    assert_eq!(load([("APP_NAME_FILE", "")]).name, None);
}

#[test]
fn a_file_that_a_variable_names_is_text_of_limited_size() {
    let dir = Dir::new();
    let check = |text: &[u8], expected: &str| {
        let loader = Settings::loader().env_from([("APP_NAME_FILE", dir.write("name", text))]);
        let report = dir.hidden(&loader.load().unwrap_err().to_string());
        let expected = format!("name: cannot be read: {expected}\n    at APP_NAME_FILE (DIR/name)");
        assert_eq!(report, format!("the configuration has an error:\n  {expected}"));
    };
    check(&[0xff], "it is not UTF-8");
    check(&[b'a'; (1 << 16) + 1], "it is larger than 65536 bytes");
}

#[test]
fn a_key_that_ends_like_a_named_file_is_a_key() {
    #[derive(Debug, Deserialize, Config)]
    struct Tls {
        key: Option<String>,
        key_file: Option<String>,
    }
    let tls = Tls::loader().env_from([("KEY_FILE", "/etc/key.pem")]).load().unwrap();
    assert_eq!((tls.key, tls.key_file.as_deref()), (None, Some("/etc/key.pem")));
}

#[test]
fn no_file_is_advised_whose_variable_is_another_keys() {
    #[derive(Debug, Deserialize, Config)]
    #[config(env_prefix = "APP")]
    struct Login {
        password: Secret<String>,
        password_file: Option<String>,
        token: Secret<String>,
    }
    let shown =
        |flag: &str| Login::loader().env_from([("X", "")]).cli_from(["shop", flag]).load().unwrap_err().to_string();
    for flag in ["--help", "--config-template"] {
        let shown = shown(flag);
        assert!(shown.contains("APP_TOKEN_FILE"), "{shown}");
        assert!(!shown.contains("prefer APP_PASSWORD_FILE") && !shown.contains("better: APP_PASSWORD_FILE"), "{shown}");
    }
    let told = "(others on this machine can see it)";
    assert!(shown("--help").contains(told), "{}", shown("--help"));
}

#[test]
fn a_dotenv_file_is_read_if_it_is_there() {
    let dir = Dir::new();
    assert_eq!(Settings::loader().dotenv(dir.path().join("none")).load().unwrap(), Settings::default());
    let text = concat!(
        "# A comment.\n\nexport APP_NAME='a $b # c'\n",
        "APP_GREETING=\"line\\nnext\" # said\n",
        "PORT = 80 # the port\n",
        "APP_TAGS=a,b#c\r\n",
        "APP_LOG_LEVEL=\"\"\n",
    );
    let settings = Settings::loader().dotenv(dir.write(".env", text)).load().unwrap();
    assert_eq!(settings.name.unwrap(), "a $b # c");
    assert_eq!(settings.greeting.unwrap(), "line\nnext");
    assert_eq!(settings.port, Some(80));
    assert_eq!(settings.tags.unwrap(), ["a", "b#c"]);
    assert_eq!(settings.log_level, None);
}

#[test]
fn a_dotenv_file_may_name_files_and_has_warnings_like_variables() {
    let dir = Dir::new();
    let name = dir.write("name", "from a file\n");
    let dotenv = dir.write(".env", format!("APP_NAME_FILE={}\nAPP_NAM=x\n", name.display()));
    let settings = Settings::loader().dotenv(&dotenv).load().unwrap();
    assert_eq!(settings.name.unwrap(), "from a file");
    let expected = "the variable `APP_NAM in DIR/.env:2` belongs to no key; did you mean `APP_NAME`?";
    check_warnings(Settings::loader().dotenv(dotenv), &dir, &[expected]);
}

#[test]
fn files_of_a_secrets_directory_are_called_after_keys() {
    let dir = Dir::new();
    for name in ["name", "APP_GREETING", "app_log_level", "database-pool-size", "database.http2-only"] {
        let value = if name.contains("pool") {
            "5\n"
        } else if name.contains("http") {
            "on"
        } else {
            name
        };
        dir.write(&format!("secrets/{name}"), value);
    }
    let settings = Settings::loader().secrets_dir(dir.path().join("secrets")).load().unwrap();
    assert_eq!(settings.name.as_deref(), Some("name"));
    assert_eq!(settings.greeting.as_deref(), Some("APP_GREETING"));
    assert_eq!(settings.log_level.as_deref(), Some("app_log_level"));
    assert_eq!(settings.database.pool_size, Some(5));
    assert_eq!(settings.database.http2_only, Some(true));
}

#[test]
fn a_file_of_a_secrets_directory_may_be_called_as_the_path_of_its_key() {
    #[derive(Debug, Deserialize, Config)]
    #[config(env_prefix = "APP")]
    struct Outer {
        #[config(nested)]
        inner: Settings,
    }
    let dir = Dir::new();
    let paths = [("database.poolSize", "5"), ("database.readReplica.max-idle", "6"), ("logLevel", "7")];
    for (path, value) in paths {
        dir.write(&format!("bare/{path}"), value);
        dir.write(&format!("nested/inner.{path}"), value);
    }
    dir.write("nested/inner.port", "80");
    let bare = Settings::loader().secrets_dir(dir.path().join("bare")).load().unwrap();
    let nested = Outer::loader().secrets_dir(dir.path().join("nested")).load().unwrap().inner;
    for settings in [&bare, &nested] {
        assert_eq!(settings.database.pool_size, Some(5));
        assert_eq!(settings.database.read_replica.max_idle, Some(6));
        assert_eq!(settings.log_level.as_deref(), Some("7"));
    }
    assert_eq!(nested.port, Some(80));
}

#[test]
fn a_secrets_directory_may_be_missing_and_may_have_the_files_of_others() {
    let dir = Dir::new();
    assert_eq!(Settings::loader().secrets_dir(dir.path().join("none")).load().unwrap(), Settings::default());
    for name in [".name", "name~", "other", "sub/name", "name.d/x"] {
        dir.write(name, "x");
    }
    dir.write("foreign", [0xff]);
    check_warnings(Settings::loader().secrets_dir(dir.path()), &dir, &[]);
    assert_eq!(Settings::loader().secrets_dir(dir.path()).load().unwrap(), Settings::default());
}

#[test]
fn a_secrets_directory_may_be_as_kubernetes_mounts_it() {
    let dir = Dir::new();
    dir.write("..2026_11_22/name", "mounted");
    symlink("..2026_11_22", dir.path().join("..data")).unwrap();
    symlink("..data/name", dir.path().join("name")).unwrap();
    symlink("..data/gone", dir.path().join("greeting")).unwrap();
    let settings = Settings::loader().secrets_dir(dir.path()).load().unwrap();
    assert_eq!((settings.name.as_deref(), settings.greeting), (Some("mounted"), None));
}

#[test]
fn a_secrets_directory_that_is_none_is_refused() {
    let dir = Dir::new();
    let file = dir.write("file", "x");
    let report = Settings::loader().secrets_dir(&file).load().unwrap_err().to_string();
    let expected = "the configuration has an error:\n  DIR/file: cannot be read: Not a directory (os error 20)";
    assert_eq!(dir.hidden(&report), expected);
}

#[test]
fn variables_count_for_more_than_secrets_and_those_for_more_than_dotenv() {
    let dir = Dir::new();
    let dotenv = dir.write(".env", "APP_NAME=dotenv\nAPP_GREETING=dotenv\nAPP_LOG_LEVEL=dotenv\n");
    dir.write("secrets/name", "secrets");
    dir.write("secrets/greeting", "secrets");
    let loader = Settings::loader().env_from([("APP_NAME", "variable")]).secrets_dir(dir.path().join("secrets"));
    let settings = loader.dotenv(dotenv).load().unwrap();
    let read = [settings.name, settings.greeting, settings.log_level].map(Option::unwrap);
    assert_eq!(read, ["variable", "secrets", "dotenv"]);
}

#[test]
fn an_empty_variable_does_not_hide_what_is_below_it() {
    let dir = Dir::new();
    let dotenv = dir.write(".env", "APP_NAME=dotenv\nAPP_GREETING=dotenv\n");
    let settings = Settings::loader().dotenv(dotenv).env_from([("APP_NAME", ""), ("APP_GREETING", "")]).load().unwrap();
    assert_eq!(settings.name.as_deref(), Some("dotenv"));
    assert_eq!(settings.greeting.as_deref(), Some(""));
}

#[test]
fn secrets_are_read_from_all_of_it() {
    #[derive(Deserialize, Config)]
    #[config(env_prefix = "APP")]
    struct Keys {
        a: Secret<String>,
        b: Secret<String>,
        c: Secret<Vec<u8>>,
        d: Secret<u64>,
    }
    let dir = Dir::new();
    dir.write("secrets/b", "in a directory\n");
    let named = dir.write("c", "1, 2,3\n");
    let dotenv = dir.write(".env", "APP_A=in a file");
    let loader = Keys::loader().dotenv(dotenv).secrets_dir(dir.path().join("secrets"));
    let keys = loader.env_from([("APP_C_FILE", OsString::from(named)), ("APP_D", "27".into())]).load().unwrap();
    assert_eq!((keys.a.expose().as_str(), keys.b.expose().as_str()), ("in a file", "in a directory"));
    assert_eq!((keys.c.expose().as_slice(), *keys.d.expose()), (&[1, 2, 3][..], 27));
}

#[test]
fn a_secrets_directory_does_not_read_what_it_may_not() {
    let dir = Dir::new();
    dir.write("secrets/name", vec![b'x'; (1 << 16) + 1]);
    let report = Settings::loader().secrets_dir(dir.path().join("secrets")).load().unwrap_err().to_string();
    let expected = "name: cannot be read: it is larger than 65536 bytes\n    at DIR/secrets/name";
    assert_eq!(dir.hidden(&report), format!("the configuration has an error:\n  {expected}"));
}
