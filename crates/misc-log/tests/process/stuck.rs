//! An output that takes nothing: nobody reads from the pipe.

use std::{fs::File, io::Read, thread, time::Duration};

use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::Signal,
};
use serde_json::{Value, json};
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

#[test]
fn a_panic_goes_on_and_gets_into_a_buffer_that_is_full() {
    for overflow in ["drop", "block"] {
        let (mut subject, mut reader, _dir) =
            on_a_stuck_pipe_with("panics-stuck", json!({ "buffer": 1000, "overflow": overflow }));
        subject.prints("unwound");
        let log = thread::spawn(move || {
            let mut log = String::new();
            reader.read_to_string(&mut log).unwrap();
            log
        });
        let Ended { code, err, .. } = subject.end();
        assert_eq!(code, Some(0), "{err}");
        let log = log.join().unwrap();
        assert!(err.contains("panicked at crates/misc-log/examples/log_subject.rs:"), "{overflow}: {err}\n{log}");
        assert!(log.contains(r#""target":"panic","message":"first""#), "{overflow}: {log}");
    }
}

/// Starts a scenario that logs more than a pipe holds, to one that nobody reads from.
fn on_a_stuck_pipe(scenario: &str) -> (Subject, File, Dir) {
    on_a_stuck_pipe_with(scenario, json!({}))
}

fn on_a_stuck_pipe_with(scenario: &str, mut settings: Value) -> (Subject, File, Dir) {
    let dir = Dir::new();
    let path = dir.file("fifo");
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    settings["output"] = json!(path);
    let subject = Subject::start(scenario, &settings);
    (subject, File::open(path).unwrap(), dir)
}
