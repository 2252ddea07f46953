//! A runtime that is kept awake while any of its workers can work.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

/// Gives the runtime a task now and then, from a thread of its own, until it is dropped.
///
/// A worker that is blocked may be the one that has watched the clock, and the others sleep on: timers stand still until
/// there is work. A task wakes one of them, who then watches it.
#[derive(Debug)]
pub(super) struct Nudge {
    _ends: SyncSender<()>,
}

impl Nudge {
    pub(super) fn start(every: Duration) -> io::Result<Self> {
        let (sender, ended) = sync_channel(0);
        let runtime = Handle::current();
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || nudge(&runtime, every, &ended))?;
        Ok(Self { _ends: sender })
    }
}

/// Gives it no second task before the first one has run.
fn nudge(runtime: &Handle, every: Duration, ended: &Receiver<()>) {
    let mut task = runtime.spawn(async {});
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        if task.is_finished() {
            task = runtime.spawn(async {});
        }
    }
}
