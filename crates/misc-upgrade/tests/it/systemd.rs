//! The tools of systemd itself: they agree with the fake manager, start the greeter, and read the units that we ship.

use std::{fs, path::PathBuf, process::Stdio};

use misc_test::tool;
use tokio::{net::UnixStream, process::Command, time::timeout};

use crate::{
    fake_manager::FakeManager,
    greeter::{Greeter, SOON, program, say_hello},
};

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

/// A directory for one test, removed when it is dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("misc-upgrade-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a new directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("our own directory");
    }
}

#[tokio::test]
async fn systemd_notify_is_content_with_the_fake_manager() {
    if !tool("systemd-notify") {
        return;
    }
    let manager = FakeManager::new();
    let mut command = Command::new("systemd-notify");
    command.args(["--ready", "--status=all is well"]).env("NOTIFY_SOCKET", manager.name());
    let mut notify = command.kill_on_drop(true).spawn().unwrap();
    manager.until("BARRIER=1").await;
    // It waits until the descriptor that came with the barrier is closed.
    let ended = timeout(SOON, notify.wait()).await.expect("the barrier was passed").unwrap();
    assert!(ended.success());
    assert_eq!((manager.count("READY=1"), &*manager.status()), (1, "all is well"));
}

#[tokio::test]
async fn a_connection_that_starts_the_service_is_answered() {
    if !tool("systemd-socket-activate") {
        return;
    }
    let directory = Directory::new("activate");
    let socket = directory.0.join("http.sock");
    let mut command = Command::new("systemd-socket-activate");
    command.arg("-l").arg(&socket).arg("--fdname=http").arg(program()).arg("127.0.0.1:0").stdin(Stdio::null());
    let mut greeter = Greeter::spawn(&mut command);
    greeter.logs("Listening on").await;
    let early = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(say_hello(early).await, greeter.pid());
    greeter.logs("taken from systemd as `http`").await;
    assert_eq!(greeter.stop().await.0, Some(0));
}

#[tokio::test]
async fn the_units_that_we_ship_are_valid() {
    if !tool("systemd-analyze") {
        return;
    }
    let units = Directory::new("units");
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    for (name, text) in shipped() {
        let path = units.0.join(name);
        // The verifier wants a program that is there.
        fs::write(&path, text.replace("/usr/local/bin/shop", &program().display().to_string())).unwrap();
        command.arg(path);
    }
    let verified = timeout(SOON, command.kill_on_drop(true).output()).await.expect("an answer").unwrap();
    let complaints = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && complaints.is_empty(), "{complaints}");
}

/// The units in the guide for operators: each says in its first line where it belongs.
fn shipped() -> Vec<(&'static str, &'static str)> {
    let blocks = OPERATIONS.split("```ini\n").skip(1).filter_map(|block| block.split("```").next());
    let units: Vec<_> =
        blocks.filter_map(|text| Some((text.lines().next()?.strip_prefix("# /etc/systemd/system/")?, text))).collect();
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["shop.service", "shop.socket"]);
    units
}

/// Returns the number after a key of a unit or a manifest in the guide.
fn number(key: &str) -> u64 {
    let line = OPERATIONS.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("no {key}"));
    let digits: String = line.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{key}{line}"))
}

#[test]
fn whoever_kills_waits_until_the_app_has_ended_by_itself() {
    let (stop_within, hard_end, drain_delay) = (25, 1, 5);
    assert!(number("TimeoutStopSec=") > stop_within + hard_end);
    assert!(number("terminationGracePeriodSeconds:") > stop_within + hard_end);
    assert_eq!(number(".drain_delay(Duration::from_secs("), drain_delay);
}
