//! Tests that need a tool or a server: each check runs this test program once more, with an environment of its own.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use misc_test::{Missing, server, skip, tool};

/// Tells a subject that it is run by its check.
const SUBJECT: &str = "MISC_TEST_SUBJECT";

fn is_subject() -> bool {
    std::env::var_os(SUBJECT).is_some()
}

/// Makes a command of one test of this program, as if it were one of a crate `shop`.
fn program(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &format!("requirement::{test}"), "--nocapture", "--test-threads=2"]);
    for variable in ["MISC_REQUIRE_TOOLS", "MISC_REQUIRE_SERVICES", "MISC_SKIPS", "MISC_TEST_URL"] {
        command.env_remove(variable);
    }
    command.env(SUBJECT, "1").env("CARGO_PKG_NAME", "shop");
    command
}

/// Runs one test as its own process; returns how it went and the skips that it has reported.
fn run(test: &str, environment: &[(&str, &str)]) -> (Output, String) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let file = format!("skips-{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    let skips = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
    let mut command = program(test);
    command.env("MISC_SKIPS", &skips).envs(environment.iter().copied());
    let output = command.output().expect("this program runs");
    let reported = fs::read_to_string(&skips).unwrap_or_default();
    fs::remove_file(&skips).unwrap_or_default();
    (output, reported)
}

#[track_caller]
fn check_passes(test: &str, environment: &[(&str, &str)], skips: &str) {
    let (output, reported) = run(test, environment);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(reported, skips);
}

#[track_caller]
fn check_fails(test: &str, environment: &[(&str, &str)], says: &str) {
    let (output, reported) = run(test, environment);
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains(says), "{text}");
    assert_eq!(reported, "");
}

#[test]
fn subject_with_a_missing_tool() {
    if is_subject() {
        assert!(!tool("no-such-tool"));
    }
}

#[test]
fn subject_with_a_missing_server() {
    if is_subject() {
        let url = server("MISC_TEST_URL", "postgres://user:pass@127.0.0.1:1/test");
        assert_eq!(url, std::env::var("MISC_TEST_URL").ok());
    }
}

#[test]
fn subject_that_skips_twice() {
    if is_subject() {
        skip(Missing::Server, "port 1 is in use");
        skip(Missing::Tool, "no tool");
    }
}

#[test]
fn a_skip_is_reported_with_the_test_and_the_reason() {
    let line = "skipped: shop::requirement::subject_with_a_missing_tool: no `no-such-tool` on the PATH\n";
    check_passes("subject_with_a_missing_tool", &[], line);
    let test = "skipped: shop::requirement::subject_with_a_missing_server";
    let line = format!("{test}: nobody listens on 127.0.0.1:1, and MISC_TEST_URL is not set\n");
    check_passes("subject_with_a_missing_server", &[], &line);
}

#[test]
fn skips_are_appended() {
    let test = "skipped: shop::requirement::subject_that_skips_twice";
    let lines = format!("{test}: port 1 is in use\n{test}: no tool\n");
    check_passes("subject_that_skips_twice", &[("MISC_REQUIRE_TOOLS", "0"), ("MISC_REQUIRE_SERVICES", "")], &lines);
}

#[test]
fn what_is_required_fails_instead() {
    let tools = [("MISC_REQUIRE_TOOLS", "1")];
    let services = [("MISC_REQUIRE_SERVICES", "1")];
    let says = "no `no-such-tool` on the PATH, and MISC_REQUIRE_TOOLS does not let this test be skipped";
    check_fails("subject_with_a_missing_tool", &tools, says);
    check_fails("subject_with_a_missing_server", &services, "nobody listens on 127.0.0.1:1");
    let line = "skipped: shop::requirement::subject_with_a_missing_tool: no `no-such-tool` on the PATH\n";
    check_passes("subject_with_a_missing_tool", &services, line);
}

#[test]
fn without_a_file_the_skip_goes_to_standard_error() {
    let output = program("subject_with_a_missing_tool").output().unwrap();
    let line = "skipped: shop::requirement::subject_with_a_missing_tool: no `no-such-tool` on the PATH\n";
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains(line), "{output:?}");
}

#[test]
fn a_server_is_where_the_variable_says_or_where_it_usually_is() {
    check_passes("subject_with_a_missing_server", &[("MISC_TEST_URL", "postgres://elsewhere/test")], "");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    assert_eq!(server("MISC_TEST_URL_THAT_NOBODY_SETS", &url), Some(url));
}

#[test]
fn subject_with_a_server_that_has_no_port() {
    if is_subject() {
        assert_eq!(server("MISC_TEST_URL", "redis://127.0.0.1"), None);
    }
}

#[test]
fn a_usual_server_without_a_port_is_a_mistake() {
    check_fails("subject_with_a_server_that_has_no_port", &[], "`redis://127.0.0.1` has no port");
}

#[test]
fn subject_with_an_empty_variable() {
    if is_subject() {
        assert_eq!(server("MISC_TEST_URL", "127.0.0.1:1"), None);
    }
}

#[test]
fn an_empty_variable_is_not_set() {
    let line = "skipped: shop::requirement::subject_with_an_empty_variable: nobody listens on 127.0.0.1:1, and \
                MISC_TEST_URL is not set\n";
    check_passes("subject_with_an_empty_variable", &[("MISC_TEST_URL", "")], line);
}

#[cfg(unix)]
#[test]
fn subject_with_tools_of_its_own() {
    if is_subject() {
        assert!(tool("python3"), "it is there");
        assert!(!tool("python3.11"), "another version is there");
        assert!(!tool("notes"), "it cannot be run");
    }
}

#[cfg(unix)]
#[test]
fn a_tool_is_a_program_of_exactly_that_name() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tools-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for (name, mode) in [("python3", 0o755), ("notes", 0o644)] {
        fs::write(dir.join(name), "").unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let test = "skipped: shop::requirement::subject_with_tools_of_its_own: no";
    let lines = format!("{test} `python3.11` on the PATH\n{test} `notes` on the PATH\n");
    check_passes("subject_with_tools_of_its_own", &[("PATH", dir.to_str().unwrap())], &lines);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_tool_that_is_there_is_found() {
    let runs = Command::new("rustc").arg("-V").output().is_ok();
    assert!(!runs || tool("rustc"), "it was just run");
}
