//! The writer: lines go into a buffer, and a thread of its own writes them, many in one call.
//!
//! tracing-appender's would not do: it allocates for each line, writes each by itself, and does not tell at its end
//! what it has lost.

mod batch;

use std::{
    fmt, io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, ThreadId},
    time::Duration,
};

use self::batch::Batch;
use crate::{
    config::Overflow,
    output::Output,
    style::Style,
    sync::{Instant, lock, unpoisoned},
};

/// How long the thread lets lines gather, so that a busy program does not wake it for each.
const GATHER: Duration = Duration::from_millis(1);
/// How long it waits before it tries an output again that would have blocked.
const RETRY: Duration = Duration::from_millis(10);

/// Takes lines and has them written; it outlives its thread, and then writes in that of the caller.
pub(crate) struct Writer {
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// The thread has got on.
    progress: Condvar,
    /// The thread has it for as long as it lives.
    output: Mutex<Output>,
    capacity: usize,
    overflow: Overflow,
    /// For what the log has to say about itself.
    style: Style,
}

#[derive(Default)]
struct State {
    batch: Batch,
    /// How many bytes the thread is about to write.
    in_flight: usize,
    /// How many lines were taken.
    accepted: u64,
    /// Of how many it is known whether they were written or lost.
    settled: u64,
    lost: u64,
    /// What the log itself does not tell so far.
    untold: Lost,
    /// The thread sleeps until so many bytes have gathered; nothing to do for those who come before.
    wake_at: usize,
    /// How many threads wait for progress.
    waiting: usize,
    phase: Phase,
    /// Nobody waits any more for a thread that hangs.
    abandoned: bool,
    thread: Option<ThreadId>,
}

impl Writer {
    /// Starts to write to an output.
    pub(crate) fn start(output: Output, capacity: usize, overflow: Overflow, style: Style) -> io::Result<Arc<Self>> {
        let writer = Arc::new(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
            output: Mutex::new(output),
            capacity,
            overflow,
            style,
        });
        let thread = Arc::clone(&writer);
        thread::Builder::new().name("misc-log".to_owned()).spawn(move || thread.run())?;
        Ok(writer)
    }

    /// Takes a line, which ends in a line break. One that does not fit into an empty buffer is lost.
    pub(crate) fn push(&self, line: &str) {
        let mut state = lock(&self.state);
        while self.overflow == Overflow::Block && line.len() <= self.capacity && !self.has_room(&state, line) {
            state = self.wait(state, None);
        }
        state.accepted += 1;
        if state.phase == Phase::Ended {
            drop(state);
            return self.write_here(line);
        }
        if state.abandoned || !self.has_room(&state, line) {
            return state.settle(1, 1, None);
        }
        state.batch.push(line);
        if state.batch.len() >= state.wake_at {
            self.wake(&mut state);
        }
    }

    /// Takes a warning of the log's own, with a count of what it is about.
    #[cfg(feature = "otel")]
    pub(crate) fn warn(&self, message: fmt::Arguments<'_>, count: Option<(&'static str, u64)>) {
        self.push(&self.style.warning(message, count));
    }

    /// Waits until every line that was taken so far is written or lost; returns whether that came true in time.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let state = lock(&self.state);
        let until = state.accepted;
        self.wait_until(state, within, |state| state.settled >= until)
    }

    /// Has the thread end after everything is written, and waits for that; returns whether it came true in time.
    pub(crate) fn close(&self, within: Duration) -> bool {
        let mut state = lock(&self.state);
        state.phase = state.phase.max(Phase::Closing);
        self.wait_until(state, within, |state| state.phase == Phase::Ended)
    }

    /// Lets go of a thread that hangs, and of all who wait for it; returns how many lines it has left.
    pub(crate) fn abandon(&self) -> u64 {
        let mut state = lock(&self.state);
        state.abandoned = true;
        self.progress.notify_all();
        state.pending()
    }

    /// How many lines wait to be written.
    pub(crate) fn pending(&self) -> u64 {
        lock(&self.state).pending()
    }

    /// How many lines were lost.
    pub(crate) fn lost(&self) -> u64 {
        lock(&self.state).lost
    }

    /// What was lost without a word of it in the log.
    pub(crate) fn untold(&self) -> Option<String> {
        Some(lock(&self.state).untold.clone()).filter(|lost| lost.lines > 0).map(|lost| lost.to_string())
    }

    fn has_room(&self, state: &State, line: &str) -> bool {
        let taken = state.in_flight + state.batch.len();
        state.phase == Phase::Ended || state.abandoned || line.len() <= self.capacity.saturating_sub(taken)
    }

    fn wake(&self, state: &mut State) {
        state.wake_at = usize::MAX;
        self.work.notify_one();
    }

    fn wait_until(&self, mut state: MutexGuard<'_, State>, within: Duration, done: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + within;
        loop {
            if done(&state) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.abandoned || state.thread == Some(thread::current().id()) {
                return false;
            }
            state = self.wait(state, Some(left));
        }
    }

    /// Waits for progress, and has the thread make some.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, within: Option<Duration>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        self.wake(&mut state);
        let mut state = match within {
            Some(within) => unpoisoned(self.progress.wait_timeout(state, within)).0,
            None => unpoisoned(self.progress.wait(state)),
        };
        state.waiting -= 1;
        state
    }

    /// The life of the thread.
    fn run(&self) {
        let mut output = lock(&self.output);
        lock(&self.state).thread = Some(thread::current().id());
        let mut batch = Batch::default();
        while self.next(&mut batch) {
            output.follow();
            self.write(&mut output, &batch);
            self.tell(&mut output);
        }
    }

    /// Waits for lines and takes them, in exchange for the batch that was written last; `false` at the end.
    fn next(&self, batch: &mut Batch) -> bool {
        batch.clear();
        let mut state = lock(&self.state);
        while state.batch.is_empty() {
            if state.phase == Phase::Closing && state.untold.lines > 0 {
                state.phase = Phase::Telling;
                return true;
            }
            if state.phase >= Phase::Closing {
                state.phase = Phase::Ended;
                self.progress.notify_all();
                return false;
            }
            state.wake_at = 1;
            state = unpoisoned(self.work.wait(state));
        }
        if state.waiting == 0 && state.phase == Phase::Running {
            state.wake_at = self.capacity / 2;
            state = unpoisoned(self.work.wait_timeout(state, GATHER)).0;
        }
        state.wake_at = usize::MAX;
        mem::swap(&mut state.batch, batch);
        state.in_flight = batch.len();
        true
    }

    fn write(&self, output: &mut Output, batch: &Batch) {
        for chunk in batch.chunks() {
            let lines = chunk.lines_within(chunk.bytes.len());
            let result = output.write(chunk.bytes, || self.pause());
            let mut state = lock(&self.state);
            state.in_flight -= chunk.bytes.len();
            match result {
                Ok(()) => state.settle(lines, 0, None),
                Err((written, error)) => state.settle(lines, lines - chunk.lines_within(written), Some(error)),
            }
            if state.waiting > 0 {
                self.progress.notify_all();
            }
        }
    }

    /// Writes a line where there is no thread any more.
    fn write_here(&self, line: &str) {
        let mut output = lock(&self.output);
        let error = output.write(line.as_bytes(), || self.pause()).err().map(|(_, error)| error);
        lock(&self.state).settle(1, u64::from(error.is_some()), error);
        self.tell(&mut output);
    }

    /// Says on the log what it has lost, if that gets through.
    fn tell(&self, output: &mut Output) {
        let untold = lock(&self.state).untold.clone();
        if untold.lines == 0 {
            return;
        }
        let line = self.style.warning(format_args!("{untold}"), Some(("dropped", untold.lines)));
        if output.write(line.as_bytes(), || self.pause()).is_ok() {
            let mut state = lock(&self.state);
            state.untold.lines -= untold.lines;
            state.untold.error = state.untold.error.take().filter(|_| state.untold.lines > 0);
        }
    }

    /// Waits a moment for an output that would have blocked; returns whether it is worth another try.
    fn pause(&self) -> bool {
        let deadline = Instant::now() + RETRY;
        let mut state = lock(&self.state);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.abandoned {
                return !state.abandoned;
            }
            state = unpoisoned(self.work.wait_timeout(state, left)).0;
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl State {
    fn pending(&self) -> u64 {
        self.accepted - self.settled
    }

    /// Notes what became of some lines.
    fn settle(&mut self, lines: u64, lost: u64, error: Option<io::Error>) {
        self.settled += lines;
        self.lost += lost;
        self.untold.lines += lost;
        if let Some(error) = error {
            self.untold.error = Some(error.to_string());
        }
    }
}

/// How far the thread is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Running,
    /// It ends once nothing is left to write.
    Closing,
    /// It tells what was lost, and then ends.
    Telling,
    Ended,
}

/// Lines that did not get through.
#[derive(Debug, Default, Clone)]
struct Lost {
    lines: u64,
    /// What the output said last, unless it was merely slow.
    error: Option<String>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = if self.lines == 1 { "line was" } else { "lines were" };
        write!(f, "{} log {lines} dropped: ", self.lines)?;
        match &self.error {
            Some(error) => write!(f, "the output failed: {error}"),
            None => f.write_str("the output is slower than the log"),
        }
    }
}
