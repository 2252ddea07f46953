//! Moments that may be as far away as a setting has it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep},
};

/// Thirty years: what stands for more time than a clock can hold.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Returns the moment this long after another, as far as the clock can hold it.
pub(crate) fn later(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or_else(|| moment + FAR)
}

/// Polls an alarm even when the task has spent its budget: it is the task that shall not take too long.
pub(crate) fn poll_alarm(alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    Pin::new(&mut unconstrained(alarm)).poll(cx)
}
