//! Outputs that are slow, full or gone: named pipes, and the device that is always full.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use misc_log::{Config, Format, Output, Overflow, RepeatLimit};
use serde_json::Value;
use tracing::{dispatcher::with_default, info, warn};

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

/// A log to a pipe that is open, with the end to read from.
fn piped(overflow: Overflow) -> (Dir, File, Logged) {
    let dir = Dir::new();
    let path = dir.file("fifo");
    fifo(&path);
    let reader = thread::spawn({
        let path = path.clone();
        move || File::open(path).unwrap()
    });
    let logged = to(&path, 1 << 20, overflow);
    (dir, reader.join().unwrap(), logged)
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
    let (_dir, reader, logged) = piped(Overflow::Block);
    drop(reader);
    logged.run(|| (0..10).for_each(|number| info!(number, "line")));
    assert!(logged.log.flush(Duration::from_secs(10)));
    assert_eq!(logged.log.dropped(), 10);
}

/// A pipe that is open, and from which nobody reads.
pub(crate) struct StuckPipe {
    path: PathBuf,
    pub(crate) reader: File,
}

impl StuckPipe {
    pub(crate) fn new(dir: &Dir) -> Self {
        let path = dir.file("fifo");
        fifo(&path);
        // Open for both, it waits for nobody.
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        Self { path, reader }
    }

    /// Has a log wait for this pipe.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.output = Output::File(self.path.clone());
        config.buffer = NonZeroUsize::new(10_000).unwrap();
        config.overflow = Overflow::Block;
    }

    /// Logs until the pipe takes no more, from threads that may have to wait for that.
    pub(crate) fn fill(&self, logged: &Logged) {
        while logged.log.flush(Duration::from_millis(200)) {
            let dispatch = logged.dispatch.clone();
            let text = "x".repeat(9_850);
            thread::spawn(move || with_default(&dispatch, || (0..30).for_each(|_| info!("{text}"))));
        }
    }

    pub(crate) fn ends_in_time(&self, logged: Logged) {
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            drop(logged);
            ended.send(()).unwrap();
        });
        end.recv_timeout(Duration::from_secs(20)).expect("it ends");
    }
}

#[test]
fn what_repeats_itself_does_not_wait_for_an_output_that_takes_nothing() {
    let dir = Dir::new();
    let pipe = StuckPipe::new(&dir);
    let logged = Logged::with(|config| {
        pipe.configure(config);
        config.repeat_limit = Some(RepeatLimit::new(NonZeroU32::new(30).unwrap(), Duration::from_secs(3600)));
    });
    logged.run(|| (0..31).for_each(|_| warn!("often")));
    pipe.fill(&logged);
    pipe.ends_in_time(logged);
}

#[test]
fn flush_does_not_take_lines_that_found_no_room_for_written() {
    let dir = Dir::new();
    let pipe = StuckPipe::new(&dir);
    let logged = Logged::with(|config| {
        pipe.configure(config);
        config.overflow = Overflow::Drop;
    });
    pipe.fill(&logged);
    let dispatch = logged.dispatch.clone();
    let more = thread::spawn(move || with_default(&dispatch, || (0..50_000).for_each(|number| info!(number, "line"))));
    assert!(!logged.log.flush(Duration::from_millis(200)));
    more.join().unwrap();
    assert!(logged.log.dropped() > 0);
}

#[test]
fn lines_stay_whole_where_others_write_too() {
    let dir = Dir::new();
    let pipe = StuckPipe::new(&dir);
    let StuckPipe { path, reader } = pipe;
    let logged = to(&path, 1 << 20, Overflow::Block);
    let other = thread::spawn({
        let mut other = File::options().append(true).open(&path).unwrap();
        move || (0..50_000).for_each(|_| other.write_all(b"{\"other\":true}\n").unwrap())
    });
    let reading = thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map(Result::unwrap).take_while(|line| line != "end");
        lines.inspect(|line| drop(serde_json::from_str::<Value>(line).expect(line))).count()
    });
    let text = "x".repeat(100);
    logged.run(|| (0..20_000).for_each(|number| info!(number, text, "line")));
    other.join().unwrap();
    assert!(logged.log.flush(Duration::from_secs(60)));
    File::options().append(true).open(&path).unwrap().write_all(b"end\n").unwrap();
    assert_eq!(reading.join().unwrap(), 70_000);
}

#[test]
fn flush_gives_up_in_time() {
    let (_dir, mut reader, logged) = piped(Overflow::Drop);
    // More than a pipe holds.
    logged.run(|| (0..2000).for_each(|number| info!(number, "line")));
    assert!(!logged.log.flush(Duration::from_millis(20)));
    let drain = thread::spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
    assert!(logged.log.flush(Duration::from_secs(10)));
    drop(logged);
    drain.join().unwrap();
}
