//! The writer: lines go into a buffer, and a thread of its own writes them, many in one call.
//!
//! tracing-appender's would not do: it allocates for each line, writes each by itself, and does not tell at its end
//! what it has lost.

mod batch;

use std::{
    borrow::Cow,
    cell::Cell,
    fmt, io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, ThreadId},
    time::Duration,
};

use self::batch::{Batch, CHUNK, SHARED_CHUNK};
use crate::{
    config::Overflow,
    output::Output,
    style::Style,
    sync::{Instant, lock, unpoisoned},
};

/// How long the thread lets lines gather, so that a busy program does not wake it for each.
const GATHER: Duration = Duration::from_millis(5);
/// How long it waits before it tries an output again that would have blocked.
const RETRY: Duration = Duration::from_millis(10);
/// How long a panic waits until its line is written: it may be the last one.
const PANIC_WITHIN: Duration = Duration::from_millis(500);
/// What panics and the log itself may add to a full buffer, in bytes.
const RESERVE: usize = 64 << 10;

thread_local! {
    /// Whether the line of the panic that this thread is about to log was written.
    static PANIC: Cell<Option<bool>> = const { Cell::new(None) };
}

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
    /// How many lines were taken into a batch, which is the number of the last one.
    queued: u64,
    /// How many of those the output was given.
    done: u64,
    /// The number of the last one that the output failed to take.
    failed: u64,
    /// How many lines were lost, those included that found no room.
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

    /// Takes a line, which ends in a line break. One that is longer than the buffer is lost.
    pub(crate) fn push(&self, line: &str) {
        if PANIC.get().is_some() {
            return PANIC.set(Some(self.push_of_panic(line)));
        }
        let patience = if self.overflow == Overflow::Block { Duration::MAX } else { Duration::ZERO };
        self.enter(line, self.capacity, patience);
    }

    /// Takes a line of the log's own, which waits for room no longer than it is told, whatever else `overflow` says.
    pub(crate) fn push_own(&self, line: &str, within: Duration) {
        self.enter(line, self.capacity + RESERVE, within);
    }

    /// Takes a warning of the log's own, with a count of what it is about; it does not wait.
    #[cfg(feature = "otel")]
    pub(crate) fn warn(&self, message: fmt::Arguments<'_>, count: Option<(&'static str, u64)>) {
        self.push_own(&self.style.warning(message, count), Duration::ZERO);
    }

    /// Waits until every line that was taken so far is written or lost; returns whether that came true in time.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let state = lock(&self.state);
        let until = state.queued;
        self.wait_until(state, within, |state| state.done >= until).1
    }

    /// Has the thread end after everything is written, and waits for that; returns whether it came true in time.
    pub(crate) fn close(&self, within: Duration) -> bool {
        let mut state = lock(&self.state);
        state.phase = state.phase.max(Phase::Closing);
        self.wait_until(state, within, |state| state.phase == Phase::Ended).1
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

    /// Takes the line of a panic, and waits for it; returns whether it was written.
    fn push_of_panic(&self, line: &str) -> bool {
        let Some(number) = self.enter(line, self.capacity + RESERVE, Duration::ZERO) else {
            return false;
        };
        let (state, done) = self.wait_until(lock(&self.state), PANIC_WITHIN, |state| state.done >= number);
        done && state.failed < number
    }

    /// Puts a line into a buffer of some capacity, for whose room it has some patience; returns its number unless it
    /// is lost.
    fn enter(&self, line: &str, capacity: usize, patience: Duration) -> Option<u64> {
        let has_room = |state: &State| line.len() <= capacity.saturating_sub(state.in_flight + state.batch.len());
        let mut state = lock(&self.state);
        if !patience.is_zero() && line.len() <= capacity {
            let goes_on = |state: &State| state.phase == Phase::Ended || has_room(state);
            state = self.wait_until(state, patience, goes_on).0;
        }
        if state.phase == Phase::Ended {
            return Some(self.write_here(state, line));
        }
        if state.abandoned || !has_room(&state) {
            state.lose(1, if line.len() > capacity { TOO_LONG } else { TOO_SLOW });
            return None;
        }
        state.queued += 1;
        state.batch.push(line);
        if state.batch.len() >= state.wake_at {
            self.wake(&mut state);
        }
        Some(state.queued)
    }

    fn wake(&self, state: &mut State) {
        state.wake_at = usize::MAX;
        self.work.notify_one();
    }

    /// Waits for something to come true, and tells whether it has.
    fn wait_until<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        within: Duration,
        done: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        if done(&state) {
            return (state, true);
        }
        let deadline = Instant::now().checked_add(within);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let is_hopeless = state.abandoned || state.thread == Some(thread::current().id());
            if is_hopeless || left.is_some_and(|left| left.is_zero()) {
                return (state, false);
            }
            state = self.wait(state, left);
            if done(&state) {
                return (state, true);
            }
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
        for chunk in batch.chunks(if output.is_shared() { SHARED_CHUNK } else { CHUNK }) {
            let lines = chunk.lines_within(chunk.bytes.len());
            let result = output.write(chunk.bytes, || self.pause());
            let mut state = lock(&self.state);
            state.in_flight -= chunk.bytes.len();
            state.done += lines;
            if let Err((written, error)) = result {
                state.fail(lines - chunk.lines_within(written), &error);
            }
            if state.waiting > 0 {
                self.progress.notify_all();
            }
        }
    }

    /// Writes a line where there is no thread any more; returns its number.
    fn write_here(&self, mut state: MutexGuard<'_, State>, line: &str) -> u64 {
        state.queued += 1;
        let number = state.queued;
        drop(state);
        let mut output = lock(&self.output);
        let result = output.write(line.as_bytes(), || self.pause());
        let mut state = lock(&self.state);
        state.done += 1;
        if let Err((_, error)) = result {
            state.fail(1, &error);
        }
        drop(state);
        self.tell(&mut output);
        number
    }

    /// Says on the log what it has lost, if that gets through.
    fn tell(&self, output: &mut Output) {
        let untold = lock(&self.state).untold.clone();
        if untold.lines == 0 {
            return;
        }
        let line = self.style.warning(format_args!("{untold}"), Some(("dropped", untold.lines)));
        if output.write(line.as_bytes(), || self.pause()).is_ok() {
            lock(&self.state).untold.lines -= untold.lines;
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
        self.queued - self.done
    }

    /// Notes that the last ones of the lines that are done are lost.
    fn fail(&mut self, lines: u64, error: &io::Error) {
        self.failed = self.done;
        self.lose(lines, format!("the output failed: {error}"));
    }

    fn lose(&mut self, lines: u64, why: impl Into<Cow<'static, str>>) {
        self.lost += lines;
        self.untold = Lost { lines: self.untold.lines + lines, why: why.into() };
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
    /// Why the last of them did not.
    why: Cow<'static, str>,
}

const TOO_LONG: &str = "longer than the whole `buffer`";
const TOO_SLOW: &str = "the output is slower than the log";

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = if self.lines == 1 { "line was" } else { "lines were" };
        write!(f, "{} log {lines} dropped: {}", self.lines, self.why)
    }
}

/// Runs what logs a panic on this thread, whose line does not stand back for anything; returns whether it was written.
pub(crate) fn of_panic(log: impl FnOnce()) -> bool {
    PANIC.set(Some(false));
    log();
    PANIC.take() == Some(true)
}
