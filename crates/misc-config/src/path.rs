//! Where in the tree a walk is.

use std::fmt;

/// The names from the root to a value.
#[derive(Debug, Default)]
pub(crate) struct Path(String);

impl Path {
    /// Goes down to a key; returns where to come back to.
    pub(crate) fn enter(&mut self, key: impl fmt::Display) -> usize {
        use fmt::Write as _;
        let back = self.0.len();
        let dot = if back == 0 { "" } else { "." };
        // Writing to a string cannot fail.
        let _written = write!(self.0, "{dot}{key}");
        back
    }

    /// Comes back up.
    pub(crate) fn leave(&mut self, back: usize) {
        self.0.truncate(back);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path of a key here.
    pub(crate) fn of(&self, key: &str) -> String {
        if self.0.is_empty() { key.to_owned() } else { format!("{}.{key}", self.0) }
    }
}
