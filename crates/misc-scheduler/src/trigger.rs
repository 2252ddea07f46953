//! When a task runs: triggers are values, put together from small ones.

mod after;
mod calendar;
mod every;
mod own;

use std::{fmt, time::Duration};

pub use self::{
    after::{After, Names, On, after},
    calendar::{At, Cron, Daily, Moment, at, cron, daily},
    every::{Every, every},
    own::{Fire, Firing, Schedule, custom},
};
use crate::{
    arm::{Arm, Bounds, Own, Source},
    instant,
    label::Label,
};

/// When a task runs.
///
/// Made by [`every`], [`daily`], [`cron`], [`at`], [`once`], [`after`], [`manual`], [`any_of`] or [`custom`]. The kind
/// `K` has the options of that one; each of them converts into a `Trigger`, which is what tasks take. What does not make
/// sense is refused when the app starts, with everything else that is wrong with it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use misc_scheduler::{Trigger, any_of, cron, daily, every};
///
/// let often: Trigger = every(Duration::from_millis(250)).limit(100).into();
/// let report = daily("09:00").tz("Europe/Berlin");
/// let trading = cron("*/5 9-17 * * MON-FRI").tz("America/New_York").jitter(Duration::from_secs(10));
/// let both = any_of([Trigger::from(report), Trigger::from(trading)]);
/// # drop((often, both));
/// ```
#[must_use = "a trigger does nothing until a task has it"]
pub struct Trigger<K = Any> {
    kind: K,
    jitter: Duration,
    until: Option<Moment>,
    limit: Option<u64>,
}

/// A trigger of any kind.
pub struct Any(Kind);

enum Kind {
    Every(Every),
    Daily(Daily),
    Cron(Cron),
    At(At),
    Once,
    After(After),
    Manual,
    Own(Box<dyn Schedule>),
    Either(Vec<Trigger>),
}

/// Runs once, as soon as the scheduler starts.
///
/// The service is not ready, and none of its other tasks begins, before every task with this trigger has succeeded;
/// when one fails for good, the service fails. Not so those that are [`background`](crate::Task::background): they
/// begin with the others.
pub fn once() -> Trigger {
    Trigger::of(Any(Kind::Once))
}

/// Never runs by itself, but whenever [`Tasks::run_now`](crate::Tasks::run_now) says so.
pub fn manual() -> Trigger {
    Trigger::of(Any(Kind::Manual))
}

/// Runs whenever one of several triggers says so.
///
/// Each keeps to its own time, jitter, end and limit. Two that come together are two firings: what the second one meets is
/// the task's [`Overlap`](crate::Overlap) policy.
///
/// # Examples
/// ```
/// use misc_scheduler::{Trigger, any_of, cron, daily};
///
/// let weekdays_and_noon = any_of([Trigger::from(cron("0 9 * * MON-FRI")), daily("12:00").into()]);
/// # drop(weekdays_and_noon);
/// ```
pub fn any_of(triggers: impl IntoIterator<Item = Trigger>) -> Trigger {
    Trigger::of(Any(Kind::Either(triggers.into_iter().collect())))
}

impl<K> Trigger<K> {
    fn of(kind: K) -> Self {
        Self { kind, jitter: Duration::ZERO, until: None, limit: None }
    }

    /// Delays each firing by a random time up to this, so that many instances do not run in step.
    ///
    /// The schedule itself does not move: each delay counts from the time without it.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Ends it: what would be due after that time does not run. Takes a `SystemTime` or RFC 3339 text.
    pub fn until(mut self, end: impl Into<Moment>) -> Self {
        self.until = Some(end.into());
        self
    }

    /// Ends it after so many firings.
    pub fn limit(mut self, firings: u64) -> Self {
        self.limit = Some(firings);
        self
    }

    fn map<L>(self, change: impl FnOnce(K) -> L) -> Trigger<L> {
        Trigger { kind: change(self.kind), jitter: self.jitter, until: self.until, limit: self.limit }
    }
}

impl Trigger {
    /// Tells whether it runs once at the start.
    pub(crate) fn is_once(&self) -> bool {
        matches!(self.kind.0, Kind::Once)
    }

    /// Gives it a jitter, and each of those inside, unless it has its own.
    pub(crate) fn jitter_unless_set(mut self, most: Duration) -> Self {
        match &mut self.kind.0 {
            Kind::Either(triggers) => {
                *triggers = triggers.drain(..).map(|trigger| trigger.jitter_unless_set(most)).collect();
            }
            _ if self.jitter.is_zero() => self.jitter = most,
            _ => {}
        }
        self
    }

    /// Makes it what the engine runs on; adds what is wrong with it to `problems`.
    pub(crate) fn compile(self, problems: &mut Vec<String>) -> Vec<Arm> {
        let mut arms = Vec::new();
        self.compile_into(&mut arms, problems);
        arms
    }

    fn compile_into(self, arms: &mut Vec<Arm>, problems: &mut Vec<String>) {
        let bounds = self.bounds(problems);
        let source = match self.kind.0 {
            Kind::Every(every) => every.compile(self.jitter, problems),
            Kind::Daily(daily) => daily.compile(problems),
            Kind::Cron(cron) => cron.compile(problems),
            Kind::At(at) => at.compile(problems),
            Kind::Once => Some(Source::Once),
            Kind::After(after) => after.compile(problems),
            Kind::Manual => Some(Source::Manual),
            Kind::Own(own) => Some(Source::Own(Own::Here(own))),
            Kind::Either(triggers) => return Self::compile_each(triggers, &bounds, arms, problems),
        };
        arms.extend(source.map(|source| Arm::new(source, bounds)));
    }

    /// Says when it runs: in words, unless they can be found later.
    pub(crate) fn label(&self) -> Label {
        let plain = match &self.kind.0 {
            Kind::Every(every) if self.until.is_none() && self.limit.is_none() => every.plain(),
            _ => None,
        };
        plain.map_or_else(|| Label::Words(self.to_string().into()), Label::Every)
    }

    fn bounds(&self, problems: &mut Vec<String>) -> Bounds {
        if self.limit == Some(0) {
            problems.push("its `limit` is 0, so it never runs; use at least 1, or `manual()`".to_owned());
        }
        let until = self.until.as_ref().and_then(|until| until.read("until", problems));
        Bounds { jitter: self.jitter, until, left: self.limit }
    }

    fn compile_each(triggers: Vec<Self>, outer: &Bounds, arms: &mut Vec<Arm>, problems: &mut Vec<String>) {
        if triggers.is_empty() {
            problems.push("`any_of` has no triggers; give it some, or write `manual()`".to_owned());
        }
        if *outer != Bounds::NONE {
            let cure = "set them on the triggers inside";
            problems.push(format!("`any_of` itself takes no `jitter`, `until` or `limit`; {cure}"));
        }
        for trigger in triggers {
            if trigger.is_once() {
                problems.push("`once()` inside of `any_of`; make it a task of its own".to_owned());
            }
            trigger.compile_into(arms, problems);
        }
    }
}

macro_rules! converts {
    ($($kind:ident),+) => { $(
        impl From<Trigger<$kind>> for Trigger {
            fn from(trigger: Trigger<$kind>) -> Self {
                trigger.map(|kind| Any(Kind::$kind(kind)))
            }
        }
    )+ };
}
converts!(Every, Daily, Cron, At, After);

impl<K: fmt::Debug> fmt::Debug for Trigger<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Trigger");
        debug.field("kind", &self.kind);
        if !self.jitter.is_zero() {
            debug.field("jitter", &self.jitter);
        }
        debug.field("until", &self.until).field("limit", &self.limit).finish()
    }
}

/// Writes it as one would say it: what a status shows.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind.0 {
            Kind::Every(every) => every.fmt(f)?,
            Kind::Daily(daily) => daily.fmt(f)?,
            Kind::Cron(cron) => cron.fmt(f)?,
            Kind::At(at) => at.fmt(f)?,
            Kind::Once => f.write_str("once")?,
            Kind::After(after) => after.fmt(f)?,
            Kind::Manual => f.write_str("manual")?,
            Kind::Own(_) => f.write_str("custom")?,
            Kind::Either(triggers) => {
                for (at, trigger) in triggers.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", or " })?;
                    trigger.fmt(f)?;
                }
            }
        }
        if let Some(until) = self.until.as_ref().and_then(|until| until.read("until", &mut Vec::new())) {
            write!(f, " until {}", instant::to_text(until))?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", {limit} times"))
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Every(every) => fmt::Debug::fmt(every, f),
            Kind::Daily(daily) => fmt::Debug::fmt(daily, f),
            Kind::Cron(cron) => fmt::Debug::fmt(cron, f),
            Kind::At(at) => fmt::Debug::fmt(at, f),
            Kind::Once => f.write_str("Once"),
            Kind::After(after) => fmt::Debug::fmt(after, f),
            Kind::Manual => f.write_str("Manual"),
            Kind::Own(_) => f.write_str("Custom"),
            Kind::Either(triggers) => f.debug_list().entries(triggers).finish(),
        }
    }
}
