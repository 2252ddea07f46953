//! What is asked for.

use serde::{Deserialize, Serialize};

/// A user, as everybody sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) email: String,
}

impl User {
    /// Finds a user.
    pub(super) fn find(id: u64) -> Self {
        Self { id, name: "Ada Lovelace".to_owned(), email: "ada@example.org".to_owned() }
    }
}
