//! The contract.

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Which one it is.
    pub id: u64,
    /// What to call them.
    pub name: String,
    /// Where to write to.
    pub email: String,
}

/// Why a user cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// Nobody has that id.
    #[error("there is no user {id}")]
    NotFound {
        /// The id.
        id: u64,
    },
    /// Somebody has that address.
    #[error("{email} is taken")]
    Taken {
        /// The address.
        email: String,
    },
}
