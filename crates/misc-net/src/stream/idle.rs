//! Connections on which nothing happens.

use std::{
    io,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::time;

/// Notices that no byte has come or gone for a while.
///
/// A timer is set when a direction waits for the first time, and put forward only when it has fired: a busy connection
/// costs a look at the clock.
#[derive(Debug)]
pub(crate) struct Idle {
    timeout: Duration,
    last: Instant,
    /// One for each direction, since these may be two tasks, of which each has to be woken.
    timers: [Option<Pin<Box<Sleep>>>; 2],
}

/// What waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Receive,
    Transmit,
}

impl Idle {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout: time::bounded(timeout), last: Instant::now(), timers: [None, None] }
    }

    /// Notes that bytes have come or gone.
    pub(crate) fn active(&mut self) {
        self.last = Instant::now();
    }

    /// Waits until nothing has happened for too long.
    pub(crate) fn poll(&mut self, direction: Direction, cx: &mut TaskContext<'_>) -> Poll<io::Error> {
        let Self { timeout, last, timers } = self;
        let until = *last + *timeout;
        let timer = timers[direction as usize].get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if until <= Instant::now() {
                let text = format!("no byte was received or sent for {timeout:?}");
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            timer.as_mut().reset(until);
        }
    }
}
