//! Standard error: a terminal, the journal, a pipe that does not block.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::json;

use crate::subject::{Dir, command, read};

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let dir = Dir::new();
    let (path, journal) = (dir.file("journal"), File::create(dir.file("journal")).unwrap());
    let metadata = journal.metadata().unwrap();
    let mut command = command("panic", &json!({}));
    command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
    command.stderr(journal).status().unwrap();
    let text = read(File::open(path).unwrap());
    assert!(text.contains("<6>logger log_subject: line number=999\n"), "{text}");
    assert!(text.contains("<3>logger panic: out of\\ncheese location="), "{text}");
}

#[test]
fn a_stream_that_is_not_the_journal_gets_plain_lines() {
    let mut command = command("end", &json!({}));
    command.env("JOURNAL_STREAM", "1:1");
    let err = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(err.contains("Z  INFO logger log_subject: line number=999\n"), "{err}");
    assert!(!err.contains('\u{1b}'), "{err}");
}

#[test]
fn standard_output_is_an_output() {
    let output = command("end", &json!({ "output": "stdout" })).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(" INFO logger log_subject: line number=999\n"), "{out}");
}

/// Runs the program on a terminal that `script` makes, and returns what is on it.
fn on_a_terminal(environment: &str) -> Option<String> {
    if !misc_test::tool("script") {
        return None;
    }
    let subject = command("end", &json!({}));
    let program = subject.get_program().to_str().unwrap().to_owned();
    let line = format!("{environment} LOG='{{}}' '{program}' end");
    let output =
        Command::new("script").args(["--quiet", "--return", "--command", &line, "/dev/null"]).output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_terminal_gets_colours() {
    if let Some(shown) = on_a_terminal("NO_COLOR=") {
        assert!(shown.contains("\u{1b}[32m INFO\u{1b}[0m \u{1b}[1mlogger\u{1b}[0m"), "{shown}");
    }
}

#[test]
fn a_terminal_gets_no_colours_with_no_color() {
    if let Some(shown) = on_a_terminal("NO_COLOR=1") {
        assert!(shown.contains("  INFO logger log_subject: line number=999"), "{shown}");
    }
}

#[test]
fn a_stream_that_would_block_loses_nothing() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while writer.write(b"full\n").is_ok() {}
    let mut child = command("stays", &json!({})).stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    // By now it has tried to write.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let (read, all_read) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        all_read.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let lines = BufReader::new(reader).lines().map_while(Result::ok);
    let numbers = lines.filter_map(|line| line.rsplit_once("line number=")?.1.parse().ok());
    assert_eq!(numbers.take(1000).collect::<Vec<u32>>(), Vec::from_iter(0..1000));
    drop(read);
    watchdog.join().unwrap();
}
