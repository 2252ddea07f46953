//! From single results to a verdict that does not flap.

/// How many results in a row turn a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thresholds {
    pub(crate) failures: u32,
    pub(crate) recoveries: u32,
}

impl Thresholds {
    /// Every result counts at once.
    pub(crate) const NONE: Self = Self { failures: 1, recoveries: 1 };
}

/// The verdict on a check, and how many results in a row speak against it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Damper {
    up: Option<bool>,
    against: u32,
}

impl Damper {
    /// Takes in one result. Returns the new verdict if there is one: the first result decides at once.
    pub(crate) fn note(&mut self, good: bool, thresholds: Thresholds) -> Option<Turn> {
        self.against = if self.up == Some(!good) { self.against.saturating_add(1) } else { 0 };
        let needed = if good { thresholds.recoveries } else { thresholds.failures };
        let turn = match self.up {
            None if good => Turn::FirstUp,
            None => Turn::Down,
            Some(_) if self.against == 0 || self.against < needed => return None,
            Some(_) if good => Turn::Recovered,
            Some(_) => Turn::Down,
        };
        *self = Self { up: Some(good), against: 0 };
        Some(turn)
    }

    /// Returns whether the check is up; `None` before the first result.
    pub(crate) fn is_up(&self) -> Option<bool> {
        self.up
    }
}

/// A change of the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The first result is a good one, which is no news.
    FirstUp,
    Recovered,
    Down,
}
