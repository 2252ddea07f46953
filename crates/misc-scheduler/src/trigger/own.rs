//! Schedules of one's own.

use std::time::{Duration, SystemTime};

use super::{Any, Kind, Trigger};
use crate::status::Outcome;

/// A schedule of one's own: says, from the last firing, when the next one is.
///
/// A closure `|last: &Firing| Fire::In(..)` is one, too. It is asked when the scheduler starts, and after the end of each
/// run; what it does should be quick, as it runs on the scheduler's own task. One that panics ends, and one that has ended is
/// not asked again.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::{Fire, Firing, Outcome, Scheduler, custom};
///
/// // Polls faster while there are failures, and gives up after 1,000 runs.
/// let eager = custom(|last: &Firing| match last.outcome() {
///     _ if last.count() == 1_000 => Fire::Stop,
///     Some(Outcome::Succeeded) => Fire::In(Duration::from_secs(60)),
///     _ => Fire::In(Duration::from_secs(1)),
/// });
/// let scheduler = Scheduler::new().task("poll", eager, async || {});
/// # drop(scheduler);
/// ```
pub trait Schedule: Send + 'static {
    /// Says when the next firing is.
    fn next(&mut self, last: &Firing) -> Fire;
}

#[diagnostic::do_not_recommend]
impl<F: FnMut(&Firing) -> Fire + Send + 'static> Schedule for F {
    fn next(&mut self, last: &Firing) -> Fire {
        self(last)
    }
}

/// Runs by a [`Schedule`] of one's own.
pub fn custom(schedule: impl Schedule) -> Trigger {
    Trigger::of(Any(Kind::Own(Box::new(schedule))))
}

/// When a [`Schedule`] fires next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fire {
    /// At a time of the wall clock; at once, if that is over.
    At(SystemTime),
    /// After a time.
    In(Duration),
    /// Not now: the schedule is asked again after that time.
    Skip(Duration),
    /// Never again.
    Stop,
}

/// The last firing, for a [`Schedule`] that says when the next one is.
#[derive(Debug, Clone)]
pub struct Firing {
    pub(crate) now: SystemTime,
    pub(crate) due: Option<SystemTime>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) count: u64,
}

impl Firing {
    /// Returns what time it is, by the scheduler's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Returns for when the last firing was planned; `None` before the first.
    #[must_use]
    pub fn due(&self) -> Option<SystemTime> {
        self.due
    }

    /// Returns how the task's last run has ended; `None` before the end of the first.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Returns how many times it has fired.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}
