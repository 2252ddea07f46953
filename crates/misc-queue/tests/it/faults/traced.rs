//! A process that pushes while the calls of the system fail for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use misc_queue::JobId;
use misc_test::{Missing, skip, tool};
use tokio::task::spawn_blocking;

use crate::place::Place;

/// How many jobs it pushes, one after the other.
const PUSHES: &str = "200";

/// What was seen of it, in order.
#[derive(Debug)]
pub(super) struct Traced {
    events: Vec<Event>,
    /// What was acknowledged, by number.
    pub(super) acknowledged: BTreeMap<u64, JobId>,
    printed: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Begun(u64),
    Acknowledged(u64),
    /// The disk has kept something, or has not.
    Synced(bool),
}

impl Traced {
    /// Pushes jobs with a fault; `None` if there is nothing to make faults with: the test is skipped then.
    pub(super) async fn push(place: &Place, fault: &str) -> Option<Self> {
        if !tool("strace") {
            return None;
        }
        if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
            skip(Missing::Tool, "`strace` may not look at processes here");
            return None;
        }
        let url = place.url();
        let file = Path::new(url.strip_prefix("sqlite://").expect("a file"));
        let (log, trace) = (file.with_file_name("log"), file.with_file_name("trace"));
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "64", "-e", "trace=fsync,fdatasync,pwrite64,write", "-e"]);
        command.arg(format!("inject={fault}")).arg("-o").arg(&trace).arg(program()).arg("push");
        command.arg(format!(r#"{{"url": {url:?}}}"#)).arg(&log).args(["0", PUSHES, "1"]);
        let output = spawn_blocking(move || command.output()).await.expect("it does not panic").expect("strace");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{printed}");
        let events = fs::read_to_string(trace).expect("a trace").lines().filter_map(event).collect();
        let acknowledged = fs::read_to_string(log).expect("a log").lines().filter_map(acknowledged).collect();
        Some(Self { events, acknowledged, printed })
    }

    pub(super) fn begun(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Begun(_))).count()
    }

    /// Returns how often the disk has not kept what it was to keep.
    pub(super) fn failures(&self) -> usize {
        self.events.iter().filter(|event| **event == Event::Synced(false)).count()
    }

    pub(super) fn says(&self, text: &str) -> bool {
        self.printed.contains(text)
    }

    /// Between the beginning of a push and its acknowledgement the disk has kept something, and nothing failed after that.
    #[track_caller]
    pub(super) fn assert_synced(&self) {
        let (mut synced, mut seen) = (None, BTreeSet::new());
        for event in &self.events {
            match *event {
                Event::Begun(_) => synced = None,
                Event::Synced(is_kept) => synced = Some(is_kept),
                Event::Acknowledged(number) => {
                    assert_eq!(synced, Some(true), "{number} is acknowledged: {:?}", self.events);
                    seen.insert(number);
                }
            }
        }
        assert!(seen.iter().eq(self.acknowledged.keys()), "{self:?}");
    }
}

/// Reads a line such as `42 write(9, "+ 7\n", 4) = 4` or `42 fsync(20) = -1 EIO (Input/output error) (INJECTED)`.
fn event(line: &str) -> Option<Event> {
    let number = |mark: &str| line.split_once(mark)?.1.split([' ', '\\']).next()?.parse().ok();
    if let Some(number) = number("\"+ ") {
        return Some(Event::Begun(number));
    }
    if let Some(number) = number("\"= ") {
        return Some(Event::Acknowledged(number));
    }
    // Of a call that is told of in two lines, the second one has the outcome.
    let is_over = (line.contains("fsync") || line.contains("fdatasync")) && !line.contains("unfinished");
    is_over.then(|| Event::Synced(line.ends_with("= 0")))
}

fn acknowledged(line: &str) -> Option<(u64, JobId)> {
    let (number, id) = line.strip_prefix("= ")?.split_once(' ')?;
    Some((number.parse().ok()?, id.parse().ok()?))
}

/// Where the program under test is: `cargo test` builds examples as well.
fn program() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("`target/<profile>/deps/<test>`");
    let program = profile.join("examples/queue_subject");
    let cure = "run `cargo test -p misc-queue --all-features`, which builds examples, too";
    assert!(program.exists(), "the program under test is not there: {}\n{cure}", program.display());
    program
}
