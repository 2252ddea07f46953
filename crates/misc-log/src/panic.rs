//! Panics on the log.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    sync::Arc,
    thread,
    time::Duration,
};

use tracing::{Level, enabled, error, field::display};

use crate::writer::Writer;

/// How long a panic waits until its line is written: it may be the last one.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

/// Has panics logged from now on; where that does not get through, the hook from before has its turn.
pub(crate) fn install(writer: Arc<Writer>) {
    if thread::panicking() {
        return;
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !(log(info) && writer.flush(FLUSH_WITHIN)) {
            before(info);
        }
    }));
}

/// Logs a panic, unless nobody wants to see it.
fn log(info: &PanicHookInfo<'_>) -> bool {
    if !enabled!(target: "panic", Level::ERROR) {
        return false;
    }
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(backtrace));
    error!(
        target: "panic",
        location = info.location().map(display),
        thread = thread::current().name(),
        backtrace,
        "{}",
        info.payload_as_str().unwrap_or("(no message)")
    );
    true
}
