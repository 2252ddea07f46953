//! A call that was let in.

use std::{
    fmt::{self, Write as _},
    ops::Deref,
    sync::Arc,
};

use misc_core::Verdict;

use super::core::{Core, Ticket};
use crate::error::Rejection;

/// How many bytes of an error are kept: a rejection is told many times.
const LONGEST_ERROR: usize = 500;

/// A call that a [`Breaker`](crate::Breaker) has let in, for code that is no future and no tower service.
///
/// Say what became of it; a permit that is dropped without that has been cancelled, which counts nothing, and lets
/// another call probe in its place. If calls are timed, time runs from [`acquire`](crate::Breaker::acquire) on.
///
/// # Examples
/// ```
/// use misc_resilience::{Breaker, BreakerConfig};
///
/// # fn query() -> Result<u64, std::io::Error> { Ok(7) }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Breaker::new("db", BreakerConfig::default())?;
/// let permit = breaker.acquire()?;
/// match query() {
///     Ok(_) => permit.success(),
///     Err(error) => permit.failure(&error),
/// }
/// # Ok(()) }
/// ```
#[must_use = "a permit that is dropped counts as cancelled"]
#[derive(Debug)]
pub struct Permit(Held<Arc<Core>>);

impl Permit {
    pub(crate) fn acquire(core: Arc<Core>) -> Result<Self, Rejection> {
        Held::acquire(core).map(Self)
    }

    /// Says that the call was a success.
    pub fn success(self) {
        self.settle(Verdict::Success, "");
    }

    /// Says that the call has failed, and of what.
    pub fn failure(self, error: impl fmt::Display) {
        self.settle(Verdict::Failure, error);
    }

    /// Says that the call tells nothing about the service.
    pub fn ignore(self) {
        self.settle(Verdict::Ignored, "");
    }

    /// Lets another call pass in its place: this one was not made, and is not counted as cancelled.
    pub(crate) fn give_back(self) {
        self.0.give_back();
    }

    /// Says what the call means, and what its error is if it is a failure.
    pub fn settle(self, verdict: Verdict, error: impl fmt::Display) {
        self.0.settle(verdict, || text(&error));
    }
}

/// Gives a call that was let in back, unless its outcome is told.
#[derive(Debug)]
pub(crate) struct Held<C: Deref<Target = Core>> {
    core: C,
    ticket: Option<Ticket>,
}

impl<C: Deref<Target = Core>> Held<C> {
    pub(crate) fn acquire(core: C) -> Result<Self, Rejection> {
        let ticket = Some(core.enter()?);
        Ok(Self { core, ticket })
    }

    pub(crate) fn settle(mut self, verdict: Verdict, error: impl FnOnce() -> Arc<str>) {
        if let Some(ticket) = self.ticket.take() {
            self.core.settle(&ticket, verdict, error);
        }
    }

    fn give_back(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.core.give_back(&ticket);
        }
    }
}

impl<C: Deref<Target = Core>> Drop for Held<C> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.core.cancel(&ticket);
        }
    }
}

/// Returns what an error says: itself, without its sources, and not more than is good for a log.
pub(crate) fn text(error: &dyn fmt::Display) -> Arc<str> {
    let mut text = Short(String::new());
    // What is too long ends as an error of formatting, and an error that fails to format has said what it could.
    let _is_whole = write!(text, "{error}").is_ok();
    text.0.into()
}

/// Takes a text up to a length.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST_ERROR.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}
