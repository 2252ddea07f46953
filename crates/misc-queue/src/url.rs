//! Where a store is.

use std::fmt;

use misc_core::schema::{Describe, Kind};
use serde::{Deserialize, Serialize, Serializer};

/// The URL of a store: `sqlite://queue.db`, `postgres://user:password@host/database`, `memory://`.
///
/// A user, a password and a query in it are never shown: whatever writes it, also as a setting, puts `***` in their place.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Url(String);

impl Url {
    /// Returns it whole, with what must not be shown: for connections of one's own to the same database.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what comes before the first colon.
    pub(crate) fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

impl<T: Into<String>> From<T> for Url {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Writes it as far as it may be shown.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.find("://").map_or(("", &*self.0), |at| self.0.split_at(at + 3));
        // Whatever a password has in it: what comes before the last `@` is not shown.
        let (user, rest) = match rest.rsplit_once('@') {
            // It may be a password or a query that goes on behind it.
            Some((before, _)) if before.contains('?') => return write!(f, "{scheme}***"),
            Some((_, rest)) => ("***@", rest),
            None => ("", rest),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
        write!(f, "{scheme}{user}{rest}{query}")
    }
}

/// Writes it as far as it may be shown.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Writes it as far as it may be shown.
impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Describe for Url {
    const KIND: Kind = Kind::Text;
}
