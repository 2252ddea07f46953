//! After other tasks.

use std::{fmt, sync::Arc};

use super::Trigger;
use crate::arm::{Parent, Source};

/// The kind of [`after`].
#[derive(Debug, Clone)]
pub struct After {
    parents: Vec<Arc<str>>,
    on: On,
}

/// How a run must have ended for the tasks [`after`] it to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum On {
    /// It has succeeded.
    #[default]
    Success,
    /// It has failed: returned an error, panicked or run out of time, on all its attempts.
    Failure,
    /// Either.
    Always,
}

/// Runs after each run of another task that has succeeded.
///
/// After several, `after(["a", "b"])`, it runs once each of them has succeeded since its own last firing. Names that do
/// not exist, and tasks that wait for each other in a circle, are refused when the app starts. A run that was cancelled
/// counts as neither.
pub fn after<N>(tasks: N) -> Trigger<After>
where
    N: Names,
{
    Trigger::of(After { parents: tasks.into_names(), on: On::default() })
}

impl Trigger<After> {
    /// Sets how those runs must have ended ([`On::Success`]).
    pub fn on(mut self, on: On) -> Self {
        self.kind.on = on;
        self
    }
}

/// Names of tasks: one, or an array or a `Vec` of them.
pub trait Names {
    /// Lists them.
    fn into_names(self) -> Vec<Arc<str>>;
}

impl Names for &str {
    fn into_names(self) -> Vec<Arc<str>> {
        vec![self.into()]
    }
}

impl Names for String {
    fn into_names(self) -> Vec<Arc<str>> {
        vec![self.into()]
    }
}

impl<N: AsRef<str>, const COUNT: usize> Names for [N; COUNT] {
    fn into_names(self) -> Vec<Arc<str>> {
        self.iter().map(|name| name.as_ref().into()).collect()
    }
}

impl<N: AsRef<str>> Names for Vec<N> {
    fn into_names(self) -> Vec<Arc<str>> {
        self.iter().map(|name| name.as_ref().into()).collect()
    }
}

impl After {
    pub(super) fn compile(self, problems: &mut Vec<String>) -> Option<Source> {
        if self.parents.is_empty() {
            problems.push("it runs `after` no task at all; name one".to_owned());
            return None;
        }
        let parents = self.parents.into_iter().map(|name| Parent { name, ended: false }).collect();
        Some(Source::After { parents, on: self.on })
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("after ")?;
        for (at, parent) in self.parents.iter().enumerate() {
            write!(f, "{}`{parent}`", if at == 0 { "" } else { " and " })?;
        }
        f.write_str(match self.on {
            On::Success => "",
            On::Failure => ", on failure",
            On::Always => ", however it ended",
        })
    }
}
