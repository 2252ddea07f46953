//! The program's own arguments and subcommands, beside settings.

use std::path::Path;

use clap::{Args, Subcommand};
use misc_config::{Config, Error, Layer, Loader, Problem, Source};
use misc_core::{App, BoxError};
use misc_test::TestApp;
use serde::Deserialize;

use crate::dir::Dir;

#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "APP")]
struct Settings {
    #[config(default = 8000, short = 'p')]
    port: u16,
    #[config(default = false)]
    debug: bool,
    #[config(default = true)]
    sound: bool,
}

#[derive(Debug, Args)]
#[group(required = true)]
struct Own {
    #[arg(long, required = true)]
    tenant: Option<String>,
    place: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Serve {
        #[arg(long)]
        now: bool,
        whom: String,
    },
    Copy {
        /// Not that of the settings.
        #[arg(long)]
        debug: bool,
    },
}

/// A source that has nothing to say.
struct Nothing;

impl Source for Nothing {
    async fn load(&self) -> Result<Layer, BoxError> {
        Ok(Layer::new())
    }
}

/// What is always typed of the program's own.
const OWN: [&str; 4] = ["/bin/shop", "--tenant=a", "here", "serve"];

fn load(args: impl IntoIterator<Item = &'static str>) -> Result<(Settings, Own), Error> {
    Settings::loader().cli_from(args).load_with()
}

/// Checks what the user sees who asks for something instead of a run.
fn check_instead(args: &[&'static str], expected: &str) {
    let error = load(["shop"].into_iter().chain(args.iter().copied())).unwrap_err();
    assert_eq!((error.to_string().trim_end(), error.exit().code()), (expected, 0), "{args:?}");
}

/// Checks the settings that are typed beside what is the program's own.
fn check_port(args: &[&'static str], port: u16) {
    let (settings, own) = load(args.iter().copied()).unwrap();
    assert_eq!((settings.port, own.tenant.as_deref(), &*own.place), (port, Some("a"), "here"), "{args:?}");
}

#[test]
fn what_ends_the_program_needs_no_arguments_of_a_run() {
    let valid = "the configuration is valid";
    check_instead(&["--check-config"], valid);
    check_instead(&["--check-config", "--port=1"], valid);
    check_instead(&["serve", "--check-config"], valid);
    check_instead(&["--tenant=a", "here", "serve", "me", "--check-config"], valid);
    check_instead(&["--print-config", "--port=1"], "port: 1\ndebug: false\nsound: true");
    let error = load(["shop", "--check-config", "--port=x"]).unwrap_err();
    assert_eq!(error.problems().iter().map(Problem::path).collect::<Vec<_>>(), ["port"]);
}

#[test]
fn a_run_needs_its_arguments_also_behind_what_only_looks_like_an_end() {
    for args in [&["shop"][..], &["shop", "--", "--check-config"], &["shop", "--tenant=a", "here"]] {
        let error = load(args.iter().copied()).unwrap_err();
        assert_eq!(error.exit().code(), 2, "{args:?}");
        assert_ne!(error.to_string(), "the configuration is valid");
    }
}

#[test]
fn settings_may_follow_a_subcommand() {
    let typed = |more: &[&'static str]| [&OWN[..], &["me"], more].concat();
    check_port(&typed(&[]), 8000);
    check_port(&typed(&["--port", "9000"]), 9000);
    check_port(&typed(&["-p9000", "--now"]), 9000);
    let before = ["/bin/shop", "--port=1", "--tenant=a", "here", "serve", "me"];
    check_port(&before, 1);
    check_port(&[&before[..], &["--port=2"]].concat(), 2);
}

#[test]
fn the_last_switch_counts_on_both_sides_of_a_subcommand() {
    for (before, after, expected) in [("--sound", "--no-sound", false), ("--no-sound", "--sound", true)] {
        let args = ["shop", before, "--tenant=a", "here", "serve", "me", after];
        assert_eq!(load(args).unwrap().0.sound, expected, "{args:?}");
    }
}

#[test]
fn a_subcommand_keeps_flags_that_are_its_own() {
    let (settings, own) = load(["shop", "--tenant=a", "here", "copy", "--debug"]).unwrap();
    assert!(!settings.debug && matches!(own.action, Action::Copy { debug: true }));
    let (settings, own) = load(["shop", "--debug", "--tenant=a", "here", "copy", "--port=2"]).unwrap();
    assert!(settings.debug && settings.port == 2 && matches!(own.action, Action::Copy { debug: false }));
}

#[test]
fn files_may_be_named_behind_a_subcommand() {
    let dir = Dir::new();
    dir.write("mine.yaml", "port: 7000");
    let path = dir.path().join("mine.yaml");
    let args = OWN.iter().map(Path::new).chain([Path::new("me"), Path::new("--config"), &path]);
    let (settings, _) = Settings::loader().cli_from(args).load_with::<Own>().unwrap();
    assert_eq!(settings.port, 7000);
}

#[test]
fn help_is_called_as_the_program_is() {
    let help = load(["/usr/bin/till", "-h"]).unwrap_err().to_string();
    assert!(help.starts_with("Usage: till [OPTIONS] <--tenant <TENANT>|PLACE> <COMMAND>\n"), "{help}");
    assert!(help.contains("--port <INTEGER>") && help.contains("--check-config"), "{help}");
    let help = load(["/usr/bin/till", "--tenant=a", "here", "serve", "--help"]).unwrap_err().to_string();
    assert!(help.starts_with("Usage: till <--tenant <TENANT>|PLACE> serve [OPTIONS] <WHOM>\n"), "{help}");
    assert!(!help.contains("--port") && help.ends_with("here, too: `till --help` lists them."), "{help}");
    let version = Settings::loader().cli_from(["till", "--version"]).load().unwrap_err().to_string();
    assert_eq!(version, format!("till {}", env!("CARGO_PKG_VERSION")));
    let unnamed = Loader::<Settings>::new().cli_from(["", "--version"]).load().unwrap_err().to_string();
    assert_eq!(unnamed, concat!("misc-config ", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn live_settings_come_with_arguments() {
    let dir = Dir::new();
    dir.write("shop.yaml", "port: 1");
    let loader = || Settings::loader().file(dir.path().join("shop.yaml")).cli_from(OWN.into_iter().chain(["me"]));
    let (remote, _reloads, own) = loader().source(Nothing).live_with::<Own>().await.unwrap();
    assert_eq!((remote.get().port, &*own.place), (1, "here"));
    let (live, reloads, own) = loader().live_with::<Own>().unwrap();
    assert_eq!((live.get().port, &*own.place), (1, "here"));
    let app = TestApp::start(App::new("shop").with(reloads)).await;
    let mut changes = live.changes();
    dir.write("shop.yaml", "port: 2");
    app.handle().reload();
    assert_eq!(changes.next().await.port, 2);
    app.stop().await.assert_clean().await;
}
