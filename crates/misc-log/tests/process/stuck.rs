//! An output that takes nothing: nobody reads from the pipe.

use std::{fs::File, io::Read, time::Duration};

use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::Signal,
};
use serde_json::json;
use tokio::time::Instant;

use crate::subject::{Dir, Ended, Subject};

#[test]
fn an_output_that_takes_nothing_does_not_hold_the_end() {
    let began = Instant::now();
    let (subject, mut reader, _dir) = on_a_stuck_pipe("end");
    let Ended { code, err, .. } = subject.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("log lines are not written yet: the output is slow\n"), "{err}");
    assert!(err.contains("log lines could not be written: the output takes nothing\n"), "{err}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    reader.read_exact(&mut [0; 1]).unwrap();
}

#[test]
fn a_second_signal_leaves_time_to_say_what_is_not_written() {
    let (mut subject, _reader, _dir) = on_a_stuck_pipe("stays");
    subject.prints("stays");
    // Another one, since two of a kind may arrive as one.
    subject.signal(Signal::TERM);
    subject.signal(Signal::INT);
    let Ended { code, err, .. } = subject.end();
    assert!(matches!(code, Some(143 | 130)), "{code:?}");
    assert!(err.contains("log lines are not written yet: the output is slow\n"), "{err}");
}

/// Starts a scenario that logs more than a pipe holds, to one that nobody reads from.
fn on_a_stuck_pipe(scenario: &str) -> (Subject, File, Dir) {
    let dir = Dir::new();
    let path = dir.file("fifo");
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    let subject = Subject::start(scenario, &json!({ "output": path }));
    (subject, File::open(path).unwrap(), dir)
}
