//! Panics on the log.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    thread,
};

use tracing::{error, field::display};

use crate::writer;

/// What the lines of panics have as their target.
pub(crate) const TARGET: &str = "panic";

/// Has panics logged from now on; where that does not get through, the hook from before has its turn.
pub(crate) fn install() {
    if thread::panicking() {
        return;
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !writer::of_panic(|| log(info)) {
            before(info);
        }
    }));
}

fn log(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(backtrace));
    error!(
        target: TARGET,
        location = info.location().map(display),
        thread = thread::current().name(),
        backtrace,
        "{}",
        info.payload_as_str().unwrap_or("(no message)")
    );
}
