//! Outputs that are slow, full or gone: named pipes, and the device that is always full.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    num::NonZeroUsize,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use misc_log::{Format, Output, Overflow};
use serde_json::Value;
use tracing::info;

use crate::support::{Dir, Logged};

const LINES: u64 = 1_000_000;

fn fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

fn to(path: &Path, buffer: usize, overflow: Overflow) -> Logged {
    Logged::with(|config| {
        config.format = Format::Json;
        config.output = Output::File(path.to_owned());
        config.buffer = NonZeroUsize::new(buffer).unwrap();
        config.overflow = overflow;
    })
}

/// What a reader has seen of numbered lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    lines: u64,
    /// The sum of what the notices say.
    dropped: u64,
    last: Option<u64>,
}

impl Seen {
    fn add(&mut self, line: &[u8]) {
        let line = str::from_utf8(line).unwrap().trim_end();
        let number = line.strip_suffix('}').and_then(|line| line.rsplit_once(r#""message":"line","number":"#));
        if let Some((head, number)) = number {
            assert!(head.starts_with('{'), "{line}");
            let number = number.parse().unwrap();
            assert!(self.last < Some(number), "{number} comes after {:?}", self.last);
            (self.lines, self.last) = (self.lines + 1, Some(number));
        } else {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["level"], &line["target"]), (&"WARN".into(), &"misc_log".into()));
            self.dropped += line["dropped"].as_u64().unwrap();
        }
    }
}

#[test]
fn a_slow_output_loses_no_line_silently() {
    let dir = Dir::new();
    let path = dir.file("fifo");
    fifo(&path);
    // Reads as much as it is allowed to, and then all the rest.
    let (allow, allowed) = mpsc::channel::<()>();
    let reader = thread::spawn({
        let path = path.clone();
        move || {
            let mut seen = Seen::default();
            let mut lines = BufReader::with_capacity(4096, File::open(path).unwrap());
            let mut line = Vec::new();
            loop {
                for _ in 0..100 {
                    line.clear();
                    if lines.read_until(b'\n', &mut line).unwrap() == 0 {
                        return seen;
                    }
                    seen.add(&line);
                }
                allowed.recv().unwrap_or_default();
            }
        }
    });
    let logged = to(&path, 1 << 20, Overflow::Drop);
    logged.run(|| {
        for number in 0..LINES {
            info!(number, "line");
            if number % 1000 == 0 {
                allow.send(()).unwrap();
            }
        }
    });
    drop(allow);
    logged.end_of(reader, |seen, dropped| {
        assert!(dropped > LINES / 2, "{dropped}: the reader was not slow");
        assert_eq!((seen.lines + seen.dropped, seen.dropped), (LINES, dropped));
    });
}

impl Logged {
    /// Ends the log while a reader reads on, and looks at what it has seen.
    fn end_of(self, reader: thread::JoinHandle<Seen>, check: impl FnOnce(Seen, u64)) {
        assert!(self.log.flush(Duration::from_secs(60)));
        let dropped = self.log.dropped();
        let Self { log, dispatch, .. } = self;
        drop(log);
        // The last one to have the output open.
        drop(dispatch);
        check(reader.join().unwrap(), dropped);
    }
}

#[test]
fn a_slow_output_holds_the_program_up_where_that_is_configured() {
    let dir = Dir::new();
    let path = dir.file("fifo");
    fifo(&path);
    let reader = thread::spawn({
        let path = path.clone();
        move || {
            let mut seen = Seen::default();
            BufReader::with_capacity(4096, File::open(path).unwrap())
                .split(b'\n')
                .for_each(|line| seen.add(&line.unwrap()));
            seen
        }
    });
    let logged = to(&path, 64 << 10, Overflow::Block);
    logged.run(|| (0..LINES).for_each(|number| info!(number, "line")));
    logged.end_of(reader, |seen, dropped| {
        assert_eq!((seen, dropped), (Seen { lines: LINES, dropped: 0, last: Some(LINES - 1) }, 0));
    });
}

#[test]
fn a_full_disk_is_counted() {
    let logged = to(Path::new("/dev/full"), 1 << 20, Overflow::Drop);
    logged.run(|| (0..10).for_each(|number| info!(number, "line")));
    assert!(logged.log.flush(Duration::from_secs(10)));
    assert_eq!(logged.log.dropped(), 10);
}

#[test]
fn a_closed_pipe_is_counted() {
    let dir = Dir::new();
    let path = dir.file("fifo");
    fifo(&path);
    let reader = thread::spawn({
        let path = path.clone();
        move || File::open(path).unwrap()
    });
    let logged = to(&path, 1 << 20, Overflow::Block);
    drop(reader.join().unwrap());
    logged.run(|| (0..10).for_each(|number| info!(number, "line")));
    assert!(logged.log.flush(Duration::from_secs(10)));
    assert_eq!(logged.log.dropped(), 10);
}

#[test]
fn flush_gives_up_in_time() {
    let dir = Dir::new();
    let path = dir.file("fifo");
    fifo(&path);
    let reader = thread::spawn({
        let path = path.clone();
        move || File::open(path).unwrap()
    });
    let logged = to(&path, 1 << 20, Overflow::Drop);
    let mut reader = reader.join().unwrap();
    // More than a pipe holds.
    logged.run(|| (0..2000).for_each(|number| info!(number, "line")));
    assert!(!logged.log.flush(Duration::from_millis(20)));
    let drain = thread::spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
    assert!(logged.log.flush(Duration::from_secs(10)));
    drop(logged);
    drain.join().unwrap();
}
