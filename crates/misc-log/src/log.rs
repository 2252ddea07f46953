//! The log of a program, for as long as it is kept.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use misc_core::{App, Plugin};

#[cfg(feature = "otel")]
use crate::otel::Export;
use crate::{
    filter::LevelHandle,
    repeats::Repeats,
    style::{Head, Line, Style},
    sync::Instant,
    value::{Fields, Value},
    writer::Writer,
};

/// What may be written before it is said that more is to come: a second signal leaves 200 ms.
const SOON: Duration = Duration::from_millis(100);
/// How long the end waits for the lines that are left.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long it waits for the spans that are left.
#[cfg(feature = "otel")]
const EXPORT_WITHIN: Duration = Duration::from_secs(2);
/// How long it waits for somebody to hear its last words.
const SAY_WITHIN: Duration = Duration::from_millis(50);

/// The log of a program: a plugin that an app keeps until everything has ended.
///
/// Dropped, it writes what is left, for 5 s at most, and says on standard error what it could not write; whoever must
/// end sooner has heard of that after 100 ms. Lines that come later still are written at once by the thread that logs
/// them, which waits for the output then. With `otel`, the spans that are left have another 2 s.
///
/// A process that is killed (SIGKILL, `abort`) loses what was logged in its last milliseconds, and so does one that
/// calls [`std::process::exit`] without dropping this.
#[derive(Debug)]
#[must_use = "the log ends when this is dropped: give it to `App::with`, or keep it until the end of `main`"]
pub struct Log {
    pub(crate) level: LevelHandle,
    pub(crate) style: Style,
    pub(crate) repeats: Option<Arc<Repeats>>,
    pub(crate) writer: Arc<Writer>,
    /// Whether the log goes to where its last words go.
    pub(crate) is_stderr: bool,
    #[cfg(feature = "otel")]
    pub(crate) export: Option<Export>,
}

impl Log {
    /// Returns a handle that changes the filter at run time.
    #[must_use]
    pub fn level(&self) -> LevelHandle {
        self.level.clone()
    }

    /// Returns how many lines were lost so far, since the output was too slow or failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.writer.lost()
    }

    /// Waits until every line that was logged so far is written or lost; returns whether that came true in time.
    ///
    /// It blocks the thread, so ask for no more than a moment in a task. There is no need for it at the end of the
    /// program, nor in a panic.
    pub fn flush(&self, within: Duration) -> bool {
        self.writer.flush(within)
    }

    /// Says something on standard error, without being held up where nobody reads it.
    fn say(&self, what: impl fmt::Display) {
        let (done, heard) = mpsc::sync_channel(1);
        // The log may be in the middle of a line.
        let text = format!("{}{what}\n", if self.is_stderr { "\n" } else { "" });
        let say = move || {
            drop(io::stderr().write_all(text.as_bytes()));
            done.send(()).unwrap_or_default();
        };
        if thread::Builder::new().name("misc-log-end".to_owned()).spawn(say).is_ok() {
            heard.recv_timeout(SAY_WITHIN).unwrap_or_default();
        }
    }

    /// Logs how often places have repeated themselves since they were last heard, as far as there is room in time.
    fn tell_repeats(&self, deadline: Instant) {
        for place in self.repeats.iter().flat_map(|repeats| repeats.take_untold()) {
            let mut out = String::new();
            let head = Head { suppressed: place.lines, ..Head::new(place.level, &place.target) };
            let mut line = Line::begin(self.style, &mut out, &head);
            line.field("message", Value::Text("lines from one place were left out, as `repeat_limit` has it"));
            line.field("location", Value::Text(&place.location));
            line.tail(&head);
            line.end();
            self.writer.push_own(&out, left(deadline));
        }
    }
}

impl Plugin for Log {
    fn install(self, app: App) -> App {
        #[cfg(feature = "otel")]
        if self.export.is_some() {
            return app.tracer(crate::otel::Spans).keep(self);
        }
        app.keep(self)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let soon = Instant::now() + SOON;
        self.tell_repeats(soon);
        if !self.writer.flush(left(soon)) {
            self.say(format_args!("{} log lines are not written yet: the output is slow", self.writer.pending()));
        }
        #[cfg(feature = "otel")]
        if let Some(export) = &self.export {
            export.end(EXPORT_WITHIN);
        }
        // Others may have gone on meanwhile.
        self.tell_repeats(Instant::now() + SOON);
        if !self.writer.close(CLOSE_WITHIN) {
            let left = self.writer.abandon();
            self.say(format_args!("{left} log lines could not be written: the output takes nothing"));
        }
        if let Some(lost) = self.writer.untold() {
            self.say(lost);
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
