//! Where a server is.

use std::fmt;

use misc_core::schema::{Describe, Kind};
use serde::{Deserialize, Serialize, Serializer};

/// The URL of a server: `http://users:5000/rpc`.
///
/// A user and a password in it are sent as `Authorization: Basic`. Neither they nor a query are ever shown: whatever writes
/// it, also as a setting, puts `***` in their place. It is read when a client is built.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Url(String);

impl Url {
    /// Splits it into what comes before the user, the user with a password, and the rest without a query and a fragment.
    pub(super) fn parts(&self) -> (&str, Option<&str>, &str) {
        let (scheme, rest) = self.0.find("://").map_or(("", &*self.0), |at| self.0.split_at(at + 3));
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        // A password with one of these in it must not be shown either.
        let user = if has_port(authority) { authority } else { rest };
        let (user, rest) = user.rfind('@').map_or((None, rest), |at| (Some(&rest[..at]), &rest[at + 1..]));
        (scheme, user, &rest[..rest.find(['?', '#']).unwrap_or(rest.len())])
    }

    pub(super) fn has_scheme(&self, wanted: &str) -> bool {
        self.parts().0.trim_end_matches("://").eq_ignore_ascii_case(wanted)
    }

    /// Returns it without the user and the password.
    pub(super) fn without_user(&self) -> String {
        let (scheme, _, rest) = self.parts();
        [scheme, rest, self.query()].concat()
    }

    /// Returns the query and the fragment.
    fn query(&self) -> &str {
        let (scheme, user, rest) = self.parts();
        &self.0[scheme.len() + user.map_or(0, |user| user.len() + 1) + rest.len()..]
    }

    /// Returns it as far as it may be shown.
    pub(super) fn target(&self) -> String {
        let (scheme, _, rest) = self.parts();
        [scheme, rest].concat()
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
        let (scheme, user, rest) = self.parts();
        let user = if user.is_some() { "***@" } else { "" };
        let query = if self.query().starts_with('?') { "?***" } else { "" };
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

/// Tells whether what follows the last colon of an authority, if there is one, can be a port.
fn has_port(authority: &str) -> bool {
    let host = authority.rfind('@').map_or(authority, |at| &authority[at + 1..]);
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    host.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit())
}
