//! The centre serves what it has, and tells of what is new.

use std::io::Read;

use crate::program::{Directory, Program};

/// Checks an answer of the centre; returns the version in it.
#[track_caller]
fn check(centre: &Program, path: &str, status: &str, body: &str) -> String {
    let (head, found) = centre.get(path);
    assert!(head.starts_with(&format!("HTTP/1.1 {status}")) && found == body, "{head}\n\n{found}");
    let version = head.split_once("etag: \"").and_then(|(_, rest)| rest.split_once('"'));
    version.map_or_else(String::new, |(version, _)| version.to_owned())
}

fn start() -> (Directory, Program) {
    let files = Directory::new();
    files.write("shop.yaml", "port: 1\n");
    let centre = Program::centre("127.0.0.1:0", &files, "1s");
    (files, centre)
}

#[test]
fn serves_files_as_json_with_their_version() {
    let (files, centre) = start();
    let version = check(&centre, "/config/shop", "200", r#"{"port":1}"#);
    assert_eq!(check(&centre, "/config/shop?after=another", "200", r#"{"port":1}"#), version);
    files.write("shop.yaml", "port: 2\n");
    assert_ne!(check(&centre, "/config/shop", "200", r#"{"port":2}"#), version);
}

#[test]
fn answers_when_something_changes_or_after_a_while() {
    let (files, centre) = start();
    let version = check(&centre, "/config/shop", "200", r#"{"port":1}"#);
    let after = format!("/config/shop?after={version}");
    check(&centre, &after, "304", "");
    files.write("shop.yaml", "port: 2\n");
    check(&centre, &after, "200", r#"{"port":2}"#);
}

#[test]
fn serves_nothing_but_the_files_of_services() {
    let (files, centre) = start();
    files.write("broken.yaml", "secret: hunter2\n- ] {");
    check(&centre, "/config/pub", "404", "there are no settings of `pub`");
    check(&centre, "/config/..%2Fshop", "404", "there are no settings of `../shop`");
    check(&centre, "/config/broken", "500", "the settings of `broken` cannot be read");
}

#[test]
fn who_waits_for_a_change_does_not_hold_up_the_end() {
    let files = Directory::new();
    files.write("shop.yaml", "port: 1\n");
    let centre = Program::centre("127.0.0.1:0", &files, "1h");
    let version = check(&centre, "/config/shop", "200", r#"{"port":1}"#);
    let mut waiting = centre.ask(&format!("/config/shop?after={version}"));
    // What comes later is answered: so the other one is waited for.
    check(&centre, "/config/shop", "200", r#"{"port":1}"#);
    assert_eq!(centre.end(), Some(0));
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
}
