//! The armed trigger: what is due, and what comes after.

use std::{collections::VecDeque, fmt, mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    anchored::Anchored,
    clock::Now,
    instant,
    policy::{Misfire, Policy},
    times::Times,
    trigger::{On, Schedule},
};

/// How late a firing may be and still be in time.
const IN_TIME: Duration = Duration::from_secs(1);
/// How many missed firings are made up for, or even counted one by one.
const MISSED: usize = 1_000;
/// A clock that is set back by more than that, in microseconds, was wrong: what it has fired since does not count.
pub(crate) const CORRECTION: i64 = 3 * 3600 * 1_000_000;
/// What stands for "never" where the clock cannot add a duration.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Where a trigger takes its times from.
pub(crate) enum Source {
    Every { period: Duration, first: Duration, pace: Pace },
    Calendar(Box<Times>),
    Anchored(Box<Anchored>),
    At(i64),
    Once,
    After { parents: Box<[Parent]>, on: On },
    Manual,
    Own(Own),
}

impl Source {
    pub(crate) fn calendar(times: Times) -> Self {
        Self::Calendar(Box::new(times))
    }
}

/// A schedule of the user's own.
pub(crate) enum Own {
    Here(Box<dyn Schedule>),
    /// Taken out while it is asked; the number tells this question from any other.
    Asked(u64),
    /// It has said that it never fires again.
    Over,
}

/// What a period counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// From start to start.
    Rate,
    /// From end to start.
    Delay,
}

/// A task that another one waits for.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) name: Arc<str>,
    /// Whether it has ended, as it should, since the last firing.
    pub(crate) ended: bool,
}

/// What bounds the firings of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) jitter: Duration,
    pub(crate) until: Option<i64>,
    pub(crate) left: Option<u64>,
}

impl Bounds {
    pub(crate) const NONE: Self = Self { jitter: Duration::ZERO, until: None, left: None };
}

/// A moment on one of the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Mono(Instant),
    Wall(i64),
}

impl Due {
    fn after(self, delay: Duration) -> Self {
        match self {
            Self::Mono(at) => Self::Mono(later(at, delay)),
            Self::Wall(at) => Self::Wall(at.saturating_add(instant::micros(delay))),
        }
    }

    pub(crate) fn is_past(self, now: &Now) -> bool {
        match self {
            Self::Mono(at) => at <= now.mono,
            Self::Wall(at) => at <= now.wall,
        }
    }

    pub(crate) fn lateness(self, now: &Now) -> Duration {
        match self {
            Self::Mono(at) => now.mono.saturating_duration_since(at),
            Self::Wall(at) => instant::between(at, now.wall),
        }
    }

    /// Returns when it is, or was, by tokio's clock.
    pub(crate) fn moment(self, now: &Now) -> Instant {
        match self {
            Self::Mono(at) => at,
            Self::Wall(at) if at <= now.wall => now.moment_before(at),
            Self::Wall(at) => later(now.mono, instant::between(now.wall, at)),
        }
    }

    /// Returns when it is, or was, by the wall clock.
    pub(crate) fn wall(self, now: &Now) -> i64 {
        match self {
            Self::Mono(at) => now.wall_at(at),
            Self::Wall(at) => at,
        }
    }
}

/// One trigger of a task, on its way to its next firing.
pub(crate) struct Arm {
    pub(crate) source: Source,
    bounds: Option<Box<Bounds>>,
    /// When it fires next, without jitter.
    due: Option<Due>,
    delay: Duration,
    /// The entry in the queue that counts; older ones are stale.
    pub(crate) ticket: u64,
    /// Whether a schedule of the user's own is only asked again then.
    pub(crate) skips: bool,
    /// Whether all that is late counts as missed: after a pause.
    pub(crate) strict: bool,
    /// Whether it has fired since it began, or before.
    has_fired: bool,
}

/// A firing that shall run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fired {
    /// When it was planned.
    pub(crate) due: Due,
    /// How much later it was to begin, by jitter.
    pub(crate) delay: Duration,
}

impl Fired {
    /// Returns when it was to begin.
    pub(crate) fn at(&self) -> Due {
        self.due.after(self.delay)
    }
}

impl Arm {
    pub(crate) fn new(source: Source, bounds: Bounds) -> Self {
        let bounds = (bounds != Bounds::NONE).then(|| Box::new(bounds));
        Self {
            source,
            bounds,
            due: None,
            delay: Duration::ZERO,
            ticket: 0,
            skips: false,
            strict: false,
            has_fired: false,
        }
    }

    /// Returns when it fires next, jitter included.
    pub(crate) fn at(&self) -> Option<Due> {
        self.due.map(|due| due.after(self.delay))
    }

    /// Begins: from the last firing of a former life, if that is known, else from now.
    ///
    /// One that lies well ahead is of a clock that was wrong.
    pub(crate) fn begin(&mut self, now: &Now, last: Option<i64>) {
        let last = last.filter(|last| *last <= now.wall.saturating_add(CORRECTION));
        let due = match &self.source {
            Source::Every { first, .. } => Some(Due::Mono(later(now.mono, *first))),
            Source::Calendar(calendar) => calendar.next(last.unwrap_or(now.wall)).map(Due::Wall),
            Source::Anchored(anchored) => anchored.next(last.unwrap_or(now.wall)).map(Due::Wall),
            Source::At(at) => {
                let from = last.unwrap_or(now.wall.saturating_sub(instant::micros(IN_TIME)));
                (*at > from).then_some(Due::Wall(*at))
            }
            Source::Once => Some(Due::Mono(now.mono)),
            Source::After { .. } | Source::Manual | Source::Own(_) => None,
        };
        self.has_fired = last.is_some();
        self.plan(due, now);
    }

    /// Sets when it fires next, within its bounds.
    pub(crate) fn plan(&mut self, due: Option<Due>, now: &Now) {
        let Some(bounds) = &self.bounds else {
            (self.due, self.delay) = (due, Duration::ZERO);
            return;
        };
        let is_over = |due: &Due| bounds.until.is_some_and(|until| due.wall(now) > until);
        self.due = due.filter(|due| bounds.left != Some(0) && !is_over(due));
        self.delay = bounds.jitter.mul_f64(if bounds.jitter.is_zero() { 0.0 } else { fastrand::f64() });
    }

    pub(crate) fn disarm(&mut self) {
        (self.due, self.strict) = (None, false);
    }

    /// Takes out a schedule of the user's own that has to say when it fires next.
    pub(crate) fn ask(&mut self, question: u64) -> Option<Box<dyn Schedule>> {
        match &mut self.source {
            Source::Own(own @ Own::Here(_)) if self.due.is_none() => match mem::replace(own, Own::Asked(question)) {
                Own::Here(schedule) => Some(schedule),
                Own::Asked(_) | Own::Over => None,
            },
            _ => None,
        }
    }

    /// Tells whether the schedule that was asked this question belongs here.
    pub(crate) fn has_asked(&self, question: u64) -> bool {
        matches!(self.source, Source::Own(Own::Asked(asked)) if asked == question)
    }

    /// Plans what counts from the end of a run.
    pub(crate) fn run_ended(&mut self, now: &Now) -> bool {
        let Source::Every { period, pace: Pace::Delay, .. } = self.source else {
            return false;
        };
        let is_free = self.due.is_none();
        if is_free {
            self.plan(Some(Due::Mono(later(now.mono, period))), now);
        }
        is_free
    }

    /// Counts a firing against the limit.
    pub(crate) fn spend(&mut self, firings: usize) {
        if let Some(left) = self.bounds.as_mut().and_then(|bounds| bounds.left.as_mut()) {
            *left = left.saturating_sub(u64::try_from(firings).unwrap_or(u64::MAX));
        }
    }

    fn left(&self) -> usize {
        let left = self.bounds.as_ref().and_then(|bounds| bounds.left);
        left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Tells whether it may fire now, of those that others tell to.
    pub(crate) fn may_fire(&self, now: &Now) -> bool {
        let until = self.bounds.as_ref().and_then(|bounds| bounds.until);
        self.left() > 0 && until.is_none_or(|until| now.wall <= until)
    }

    /// Takes what is due, adds to `fired` what shall run of it, plans what comes next; returns how many were missed.
    pub(crate) fn harvest(&mut self, now: &Now, policy: &Policy, fired: &mut Vec<Fired>) -> u64 {
        let tolerance = if mem::take(&mut self.strict) { Duration::ZERO } else { IN_TIME };
        let mut missed = Missed::default();
        let mut in_time = 0;
        let from = fired.len();
        while let Some(due) = self.due.filter(|due| due.after(self.delay).is_past(now)) {
            let one = Fired { due, delay: self.delay };
            self.has_fired = true;
            if let Source::At(_) = self.source {
                // It is over: a service that is restarted right after does not fire it again.
                self.source = Source::Manual;
            }
            if one.at().lateness(now) <= tolerance {
                fired.push(one);
                in_time += 1;
            } else {
                missed.add(one);
            }
            let (next, skipped) = self.following(due, now, missed.listed.len());
            missed.count += skipped;
            self.plan(next, now);
        }
        let count = missed.count;
        if count > 0 {
            missed.make_up(now, policy, in_time > 0, fired, from);
        }
        fired.truncate(from.saturating_add(self.left()));
        self.spend(fired.len() - from);
        if self.left() == 0 {
            self.due = None;
        }
        count
    }

    /// Returns what comes after a firing, and how many were passed over since they are too many.
    fn following(&self, due: Due, now: &Now, missed: usize) -> (Option<Due>, u64) {
        match (&self.source, due) {
            (Source::Every { period, pace: Pace::Rate, .. }, Due::Mono(at)) => {
                let behind = now.mono.saturating_duration_since(at).as_nanos() / period.as_nanos().max(1);
                let skipped = u32::try_from(behind.saturating_sub(MISSED as u128)).unwrap_or(u32::MAX);
                (Some(Due::Mono(later(later(at, period.saturating_mul(skipped)), *period))), skipped.into())
            }
            (Source::Calendar(times), Due::Wall(at)) if missed < MISSED => (times.next(at).map(Due::Wall), 0),
            (Source::Calendar(times), Due::Wall(at)) => {
                let recently = now.wall.saturating_sub(instant::micros(IN_TIME));
                match times.last_between(at, recently) {
                    Some(last) => (Some(Due::Wall(last)), times.count_between(at, last)),
                    None => (times.next(at.max(recently)).map(Due::Wall), 0),
                }
            }
            (Source::Anchored(anchored), Due::Wall(at)) => {
                let skipped = anchored.count(at, now.wall).saturating_sub(MISSED as i64).max(0);
                (Some(Due::Wall(anchored.following(at, skipped))), skipped.unsigned_abs())
            }
            _ => (None, 0),
        }
    }

    /// Follows the wall clock, which was set back; returns whether it fires at another time now.
    ///
    /// Fixed times of day that have passed are not repeated, unless the clock was plainly wrong.
    pub(crate) fn set_back(&mut self, now: &Now, step: i64) -> bool {
        let due = match (&self.source, self.due) {
            (Source::Calendar(calendar), Some(Due::Wall(_))) if !calendar.is_fixed() || step < -CORRECTION => {
                calendar.next(now.wall)
            }
            (Source::Anchored(anchored), Some(Due::Wall(_))) if !self.has_fired => anchored.next(now.wall),
            (Source::Anchored(anchored), Some(Due::Wall(at))) => Some(anchored.back(at, now.wall)),
            _ => return false,
        };
        self.plan(due.map(Due::Wall), now);
        true
    }

    /// Returns what is more than a moment overdue.
    pub(crate) fn overdue(&self, now: &Now, grace: Duration) -> Option<Duration> {
        let late = self.at()?.lateness(now);
        let period = if let Source::Every { period, .. } = self.source { period } else { Duration::ZERO };
        (late > grace.max(period).max(10 * IN_TIME)).then_some(late)
    }

    /// Returns the interval that the ledger keeps an anchor of.
    pub(crate) fn anchored(&mut self) -> Option<&mut Anchored> {
        if let Source::Anchored(anchored) = &mut self.source { Some(anchored) } else { None }
    }

    /// Tells whether replicas agree on when it fires, so that a ledger can choose among them.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.source, Source::Calendar(_) | Source::Anchored(_) | Source::At(_))
    }
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("due", &self.due).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Missed {
    count: u64,
    listed: VecDeque<Fired>,
}

impl Missed {
    fn add(&mut self, fired: Fired) {
        self.count += 1;
        if self.listed.len() == MISSED {
            self.listed.pop_front();
        }
        self.listed.push_back(fired);
    }

    fn make_up(mut self, now: &Now, policy: &Policy, is_made_up: bool, fired: &mut Vec<Fired>, at: usize) {
        let grace = policy.grace.unwrap_or(Duration::MAX);
        self.listed.retain(|missed| missed.at().lateness(now) <= grace);
        let runs = match policy.misfire {
            Misfire::Skip => 0,
            Misfire::Once => usize::from(!is_made_up),
            Misfire::All => MISSED,
        };
        let from = self.listed.len().saturating_sub(runs);
        fired.splice(at..at, self.listed.drain(from..));
    }
}

pub(crate) fn later(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or_else(|| moment + NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600 * 1_000_000;

    fn now(wall: i64) -> Now {
        Now { mono: Instant::now(), wall, may_step: true }
    }

    fn begun(source: Source, wall: i64) -> Arm {
        let mut arm = Arm::new(source, Bounds::NONE);
        arm.begin(&now(wall), None);
        arm
    }

    fn cron(expression: &str) -> Source {
        Source::calendar(Times::cron(expression, None, &mut Vec::new()).expect("it is valid"))
    }

    fn anchored(hours: i64) -> Source {
        let times = Times::daily("09:00", None, std::num::NonZeroU32::MIN, None, &mut Vec::new());
        let period = Duration::from_micros(hours.unsigned_abs() * HOUR.unsigned_abs());
        Source::Anchored(Box::new(Anchored::new(times.expect("it is valid"), period, "")))
    }

    /// When it fires next, in hours, when at 11:30 the clock is set back by so many hours.
    fn after_step_back(source: Source, hours: i64) -> Option<Due> {
        let mut arm = begun(source, 11 * HOUR + HOUR / 2);
        let earlier = now(11 * HOUR + HOUR / 2 - hours * HOUR);
        arm.set_back(&earlier, -hours * HOUR);
        arm.at()
    }

    #[test]
    fn what_follows_the_clock_follows_it_back() {
        assert_eq!(after_step_back(cron("0 * * * *"), 2), Some(Due::Wall(10 * HOUR)));
        assert_eq!(
            after_step_back(Source::calendar(Times::beat(Duration::from_secs(3600))), 2),
            Some(Due::Wall(10 * HOUR))
        );
    }

    #[test]
    fn fixed_times_that_have_passed_are_not_repeated_but_after_a_correction() {
        assert_eq!(after_step_back(cron("0 9 * * *"), 3), Some(Due::Wall((24 + 9) * HOUR)));
        assert_eq!(after_step_back(cron("0 9 * * *"), 4), Some(Due::Wall(9 * HOUR)));
    }

    #[test]
    fn an_interval_from_a_time_of_day_stays_on_its_beat() {
        // One that has not fired begins at the first such time.
        assert_eq!(after_step_back(anchored(5), 1), Some(Due::Wall((24 + 9) * HOUR)));
        assert_eq!(after_step_back(anchored(5), 4), Some(Due::Wall(9 * HOUR)));

        let mut arm = begun(anchored(5), 8 * HOUR);
        arm.harvest(&now(11 * HOUR), &Policy::DEFAULT, &mut Vec::new());
        assert_eq!(arm.at(), Some(Due::Wall(14 * HOUR)));
        arm.set_back(&now(8 * HOUR), -3 * HOUR);
        assert_eq!(arm.at(), Some(Due::Wall(9 * HOUR)));
    }

    #[test]
    fn a_thousand_are_counted_one_by_one_and_the_last_is_the_last() {
        for source in [cron("* * * * * *"), Source::calendar(Times::beat(Duration::from_secs(1)))] {
            let mut arm = begun(source, 0);
            let mut fired = Vec::new();
            let missed = arm.harvest(&now(5_000_000_000), &Policy::DEFAULT, &mut fired);
            assert!((1_000..=5_000).contains(&missed), "{missed}");
            assert_eq!(arm.at(), Some(Due::Wall(5_001_000_000)));
            // The one before is not a second late yet, that is a second late: both are in time.
            assert_eq!(fired.last().map(|fired| fired.due), Some(Due::Wall(5_000_000_000)));
        }
    }
}
