//! What command lines mean, and what they are told.

use clap::{Arg, ArgAction};
use misc_core::schema::{Describe, Field, Kind, Schema};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    sample::SHOP,
    show::show,
    tree::{ValueKind, value},
};

fn cli() -> Cli {
    let [name, version, about] = ["shop", "1.2.3", "Sells things."].map(str::to_owned);
    Cli { name, version, about, width: Some(100), ..Cli::default() }
}

fn parse(cli: &Cli, args: &[&str]) -> Result<Typed, Error> {
    cli.parse(&Keys::of(&SHOP, "APP"), args.iter().map(OsString::from))
}

/// Checks what is typed, all on one line.
fn check(args: &[&str], expected: &str) {
    let typed = parse(&cli(), args).unwrap();
    assert_eq!(show(&value("", ValueKind::Table(typed.table))), expected, "{args:?}");
    assert_eq!(typed.problems, [], "{args:?}");
}

/// Checks what somebody is told who typed this.
fn check_refused(cli: &Cli, args: &[&str], code: u8, expected: &str) {
    let error = parse(cli, args).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.exit().code()), (expected, code), "{args:?}");
}

/// Checks the problems of keys beside the program's own arguments.
fn check_clashes(cli: &Cli, keys: &Keys, expected: &[&str]) {
    let problems = cli.command(keys).unwrap_err();
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

fn with_own(own: impl Fn(Command) -> Command + Send + Sync + 'static) -> Cli {
    Cli { user: Some(Box::new(own)), ..cli() }
}

#[test]
fn takes_only_what_is_typed() {
    check(&[], "{}");
    check(&["--port", "9000"], r#"{port: "9000"}"#);
    check(&["--port=9000"], r#"{port: "9000"}"#);
    check(&["-p", "9000"], r#"{port: "9000"}"#);
    check(&["-p9000"], r#"{port: "9000"}"#);
    check(&["--host", ""], r#"{host: ""}"#);
    check(&["--host="], r#"{host: ""}"#);
    check(&["--host=a=b"], "{host: a=b}");
    check(&["--offset", "-5"], r#"{offset: "-5"}"#);
}

#[test]
fn reaches_sections_by_dashes_and_dots() {
    for flag in ["--database-pool-size", "--database.pool-size", "--database.pool_size"] {
        check(&[flag, "20"], r#"{database: {pool_size: "20"}}"#);
    }
    check(&["--store-kind=disk", "--store-sync"], r#"{store: {kind: disk, sync: "true"}}"#);
    check(&["--cache_dir", "x"], "{cache_dir: x}");
}

#[test]
fn switches_booleans() {
    check(&["--debug"], r#"{debug: "true"}"#);
    check(&["--debug=false"], r#"{debug: "false"}"#);
    check(&["--no-debug"], r#"{debug: "false"}"#);
    check(&["--debug", "--no-debug"], r#"{debug: "false"}"#);
    check(&["--no-debug", "--debug"], r#"{debug: "true"}"#);
    check(&["--no-store.sync"], r#"{store: {sync: "false"}}"#);
}

#[test]
fn takes_lists_by_comma_by_repetition_and_as_json() {
    check(&["--tags", "a,b"], "{tags: [a, b]}");
    check(&["--tags", "a", "--tags=b,c"], "{tags: [a, b, c]}");
    check(&["--tags", r#"["a,b", "c"]"#], r#"{tags: ["a,b", c]}"#);
}

#[test]
fn takes_negative_numbers_and_words_with_capitals() {
    const ODD: Kind = Kind::Struct(&Schema::new(
        "",
        &[Field::new("offsets", &Kind::List(&i32::KIND)), Field::new("maxRetries", &u8::KIND)],
    ));
    let expected = r#"{maxRetries: "3", offsets: ["-1", "-2"]}"#;
    for flag in ["--max-retries", "--maxRetries"] {
        let args = ["--offsets", "-1,-2", flag, "3"].map(OsString::from);
        let typed = cli().parse(&Keys::of(&ODD, ""), args).unwrap();
        assert_eq!(show(&value("", ValueKind::Table(typed.table))), expected, "{flag}");
    }
}

#[test]
fn takes_maps_and_sections_as_json() {
    check(&["--labels", r#"{"env": "prod"}"#], "{labels: {env: prod}}");
    check(&["--upstreams", r#"[{"name": "a", "weight": 2}]"#], "{upstreams: [{name: a, weight: 2}]}");
}

#[test]
fn tells_of_bad_json_with_the_other_problems() {
    let typed = parse(&cli(), &["--labels", "{", "--port", "1"]).unwrap();
    assert_eq!(typed.problems.iter().map(Problem::path).collect::<Vec<_>>(), ["labels"]);
    assert_eq!(typed.problems[0].origin(), Some("--labels"));
    assert_eq!(show(&value("", ValueKind::Table(typed.table))), r#"{port: "1"}"#);
}

#[test]
fn knows_the_flag_that_was_typed() {
    let origin = |args: &[&str], key: &str| {
        let table = parse(&cli(), args).unwrap().table;
        let found = crate::tree::find(&table, &key.split('.').collect::<Vec<_>>()).unwrap();
        found.origin().unwrap().to_owned()
    };
    assert_eq!(origin(&["--port=1"], "port"), "--port");
    assert_eq!(origin(&["-p1"], "port"), "-p");
    assert_eq!(origin(&["--database.pool_size", "1"], "database.pool_size"), "--database.pool_size");
    assert_eq!(origin(&["--no-debug"], "debug"), "--no-debug");
}

#[test]
fn takes_files_a_profile_and_what_ends_the_program() {
    let typed =
        parse(&cli(), &["--config", "a.yaml", "--profile=prod", "--config=b.yaml", "--explain-config"]).unwrap();
    assert_eq!(typed.files, ["a.yaml", "b.yaml"].map(PathBuf::from));
    assert_eq!(typed.profile.as_deref(), Some("prod"));
    assert_eq!(typed.builtin, Some(Builtin::ExplainConfig));
}

#[test]
fn says_what_is_wrong_with_flags() {
    let hint = "\n\nFor more information, try '--help'.";
    let similar = "error: unexpected argument '--prot' found\n\n  tip: a similar argument exists: '--port'\n\nUsage: shop --port <INTEGER>";
    check_refused(&cli(), &["--prot=1"], 2, &format!("{similar}{hint}"));
    let missing = "error: a value is required for '--port <INTEGER>' but none was supplied";
    check_refused(&cli(), &["--port"], 2, &format!("{missing}{hint}"));
    let stray = "error: unexpected argument 'x' found\n\nUsage: shop [OPTIONS]";
    check_refused(&cli(), &["x"], 2, &format!("{stray}{hint}"));
    let both =
        "error: the argument '--print-config' cannot be used with '--check-config'\n\nUsage: shop --print-config";
    check_refused(&cli(), &["--print-config", "--check-config"], 2, &format!("{both}{hint}"));
    let twice = "error: the argument '--port <INTEGER>' cannot be used multiple times\n\nUsage: shop [OPTIONS]";
    check_refused(&cli(), &["--port=1", "--port=2"], 2, &format!("{twice}{hint}"));
}

#[cfg(unix)]
#[test]
fn refuses_what_is_not_unicode() {
    use std::os::unix::ffi::OsStringExt as _;

    let args = [OsString::from("--host"), OsString::from_vec(vec![b'a', 0xff])];
    let error = cli().parse(&Keys::of(&SHOP, "APP"), args).unwrap_err();
    assert!(error.to_string().starts_with("error: invalid UTF-8 was detected in one or more arguments"), "{error}");
    let strange = cli().parse(&Keys::of(&SHOP, "APP"), [OsString::from_vec(vec![b'-', b'-', 0xff])]).unwrap_err();
    assert_eq!(strange.exit().code(), 2);
}

#[test]
fn shows_the_version() {
    check_refused(&cli(), &["--version"], 0, "shop 1.2.3");
    check_refused(&cli(), &["-V"], 0, "shop 1.2.3");
}

#[test]
fn helps_briefly() {
    check_refused(&cli(), &["-h", "--port=1"], 0, include_str!("help.txt").trim_end());
}

#[test]
fn help_is_no_wider_than_eyes_like() {
    let help = parse(&Cli { width: None, ..cli() }, &["--help"]).unwrap_err().to_string();
    assert_eq!(help.lines().filter(|line| line.chars().count() > WIDEST).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn helps_at_length() {
    let help = parse(&cli(), &["--help"]).unwrap_err().to_string();
    let format = "      --log-format <NAME>
          How a line looks.

          The default suits the output.

          Possible values:
          - auto: What suits
          - json

          [default: auto]
          [env: APP_LOG_FORMAT]

";
    assert!(help.contains(format), "{help}");
    assert!(
        help.contains("      --store-sync[=<BOOLEAN>]\n          [default: true]\n          [off: --no-store-sync]\n"),
        "{help}"
    );
}

#[test]
fn shows_no_default_of_a_secret() {
    const SECRET: Kind =
        Kind::Struct(&Schema::new("", &[Field::new("pin", &Kind::Secret(&Kind::Text)).default("hunter2")]));
    let help = cli().parse(&Keys::of(&SECRET, ""), ["--help".into()]).unwrap_err().to_string();
    assert!(help.contains("--pin <TEXT>") && !help.contains("hunter2"), "{help}");
}

#[test]
fn has_no_built_in_flag_that_is_switched_off() {
    for builtin in Builtin::ALL {
        let cli = Cli { off: vec![builtin], ..cli() };
        let error = parse(&cli, &[&format!("--{}", builtin.flag())]).unwrap_err();
        assert_eq!(error.exit().code(), 2, "{builtin:?}");
        assert!(error.to_string().starts_with("error: unexpected argument"), "{error}");
    }
}

#[test]
fn adds_the_arguments_of_the_program() {
    let cli = with_own(|command| {
        let serve = Command::new("serve").arg(Arg::new("now").long("now").action(ArgAction::SetTrue));
        command.arg(Arg::new("port").long("own").required(true)).subcommand(serve)
    });
    let typed = parse(&cli, &["--port=1", "--own", "x", "serve", "--now"]).unwrap();
    assert_eq!(show(&value("", ValueKind::Table(typed.table))), r#"{port: "1"}"#);
    assert_eq!(typed.matches.get_one::<String>("port").map(String::as_str), Some("x"));
    assert!(typed.matches.subcommand_matches("serve").unwrap().get_flag("now"));
    let missing = parse(&cli, &[]).unwrap_err();
    assert!(missing.to_string().contains("--own <port>"), "{missing}");
}

#[test]
fn shows_of_a_subcommand_what_is_its_own() {
    let cli = with_own(|command| {
        let list = Command::new("list").arg(Arg::new("limit").long("limit").help("How many"));
        let purge = Command::new("purge").after_help("They are gone then.");
        command.subcommand(Command::new("jobs").subcommands([list, purge]))
    });
    let help = |args: &[&str]| parse(&cli, args).unwrap_err().to_string();
    let list = "Usage: shop jobs list [OPTIONS]

Options:
      --limit <limit>  How many
  -h, --help           Print help

Settings may be given here, too: `shop --help` lists them.";
    assert_eq!(help(&["jobs", "list", "--help"]), list);
    assert!(
        help(&["jobs", "-h"]).ends_with("Print help\n\nSettings may be given here, too: `shop --help` lists them.")
    );
    assert!(help(&["jobs", "purge", "-h"]).ends_with("Print help\n\nThey are gone then."));
    assert!(help(&["-h"]).contains("--port <INTEGER>"));
    let typed = parse(&cli, &["jobs", "list", "--port", "9000"]).unwrap();
    assert_eq!(show(&value("", ValueKind::Table(typed.table))), r#"{port: "9000"}"#);
}

#[test]
fn leaves_a_denial_to_the_argument_that_has_its_name() {
    let cli = with_own(|command| command.arg(Arg::new("x").long("no-debug").action(ArgAction::SetTrue)));
    let typed = parse(&cli, &["--no-debug"]).unwrap();
    assert!(typed.table.is_empty() && typed.matches.get_flag("x"));
}

#[test]
fn refuses_keys_that_are_named_as_built_in_flags() {
    const NAMED: Kind = Kind::Struct(&Schema::new(
        "",
        &[Field::new("config", &Kind::Text), Field::new("verbose", &Kind::Bool).short('V'), Field::new("x", &u8::KIND)],
    ));
    let keys = Keys::of(&NAMED, "");
    let expected = [
        "config: has the flag `--config`, which is built in\n    rename it, or switch `Builtin::Config` off",
        "verbose: has the flag `-V`, which is built in\n    rename it, or switch `Builtin::Version` off",
    ];
    check_clashes(&cli(), &keys, &expected);
    let off = Cli { off: vec![Builtin::Config, Builtin::Version], ..cli() };
    let typed = off.parse(&keys, ["--config=a", "-V"].map(OsString::from)).unwrap();
    assert_eq!(show(&value("", ValueKind::Table(typed.table))), r#"{config: a, verbose: "true"}"#);
}

#[test]
fn refuses_arguments_of_the_program_that_clash() {
    let cli = with_own(|command| {
        let listen = Arg::new("listen").long("address").alias("host");
        let pace = Arg::new("pace").short('x').short_alias('p');
        command.args([listen, pace, Arg::new("file").long("config"), Arg::new("hard").short('h')])
    });
    let expected = [
        "host: has the flag `--host`, which the program's own argument `listen` has, too\n    rename one of them",
        "port: has the flag `-p`, which the program's own argument `pace` has, too\n    rename one of them",
        "the program's own argument `file` has the flag `--config`, which is built in\n    rename it, or switch \
         `Builtin::Config` off",
        "the program's own argument `hard` has the flag `-h`, which is built in\n    rename it, or switch \
         `Builtin::Help` off",
    ];
    check_clashes(&cli, &Keys::of(&SHOP, "APP"), &expected);
}

const WORDS: &[&str] = &[
    "--port",
    "--port=1",
    "-p1",
    "-p",
    "-h",
    "--debug",
    "--debug=x",
    "--no-debug",
    "--tags",
    "a",
    "--",
    "--database.url=x",
    "--print-config",
    "--check-config",
    "-5",
    "--offset",
    "--config=a",
    "--unknown",
    "--por=1",
    "",
    "serve",
];

proptest! {
    #[test]
    fn reads_the_same_as_with_all_flags(args in vec(select(WORDS), 0..5)) {
        let cli = with_own(|command| command.subcommand(Command::new("serve")).arg(Arg::new("rest")));
        let keys = Keys::of(&SHOP, "APP");
        let os_args: Vec<_> = args.iter().map(OsString::from).collect();
        let spellings: Vec<_> = os_args.iter().filter_map(|arg| Spelling::of(arg)).collect();
        let all = cli.command(&keys).unwrap().try_get_matches_from(&args);
        let all = all.map(|matches| Typed::new(&keys.all, &spellings, matches)).map_err(|error| refused(&error));
        match (parse(&cli, &args), all) {
            (Ok(few), Ok(all)) => {
                prop_assert_eq!((few.table, few.files, few.builtin), (all.table, all.files, all.builtin));
                prop_assert_eq!(few.matches.subcommand_name(), all.matches.subcommand_name());
            }
            (few, all) => prop_assert_eq!(few.unwrap_err().to_string(), all.unwrap_err().to_string()),
        }
    }
}
