//! What the README and the guide show is what the service prints.

use std::process::Command;

const README: &str = include_str!("../../README.md");
const GUIDE: &str = include_str!("../../../../docs/configuration.md");

/// What one types to run the service in its directory.
const RUN: &str = "cargo run -q -- ";

/// Checks a block of a page: its first line is typed, the others are printed.
#[track_caller]
fn check(block: &str) {
    let (typed, expected) = block.split_once('\n').expect("something is printed");
    let (variables, args) = typed.split_once(RUN).expect("the service is run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_configured"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().args(args.split_whitespace());
    command.envs(variables.split_whitespace().filter_map(|variable| variable.split_once('=')));
    let output = command.output().expect("the service starts");
    let printed = if output.status.success() { output.stdout } else { output.stderr };
    assert_eq!(String::from_utf8_lossy(&printed).trim_end(), expected.trim_end(), "{typed}");
}

/// Finds the blocks that begin so.
fn blocks(page: &'static str, beginning: &str) -> Vec<&'static str> {
    page.split("```").filter_map(|block| block.strip_prefix(beginning)).collect()
}

#[test]
fn the_readme_shows_what_is_printed() {
    let commands = blocks(README, "console\n$ ");
    assert!(commands.len() >= 3, "the README shows {} commands", commands.len());
    commands.into_iter().for_each(check);
}

#[test]
fn the_guide_shows_what_is_printed() {
    let commands = blocks(GUIDE, "console\n$ ");
    assert!(commands.len() >= 7, "the guide shows {} commands", commands.len());
    commands.into_iter().for_each(check);
}

#[test]
fn the_readme_shows_the_files() {
    let files = [include_str!("../../config.yaml"), include_str!("../../broken.yaml")];
    assert_eq!(blocks(README, "yaml\n"), files);
}
