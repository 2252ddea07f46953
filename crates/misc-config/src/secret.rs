//! Values that nobody gets to see by accident.

use std::fmt;

use misc_core::schema::{Describe, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::show::MASK;

/// A value that is masked wherever it could be shown, and overwritten when it is dropped: a password, a key.
///
/// `Debug` and `Serialize` show `******`, and so does everything that misc-config prints. [`expose`](Self::expose) is the one
/// way to it, so that a search for it finds all uses.
///
/// Only the value itself is overwritten, not copies that were made of it, such as those in a variable of the process or in
/// the buffers through which a file was read. It is not for comparing: use a function that takes the same time for
/// every value.
///
/// # Examples
/// ```
/// use misc_config::Secret;
///
/// let password = Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{password:?}"), "******");
/// assert_eq!(password.expose(), "hunter2");
/// ```
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value that shall not be seen.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T: Zeroize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

impl<T: Zeroize + Describe> Describe for Secret<T> {
    const KIND: Kind = Kind::Secret(&T::KIND);
}
