//! The contract: what there is to call, for who serves it and for who calls it.

use misc::rpc::{Fault, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who has an account.
#[rpc]
pub trait Users {
    /// Finds a user.
    #[rpc(idempotent)]
    async fn get_user(&self, id: u64) -> Result<User, UserError>;

    /// Adds a user, who gets the next id.
    async fn add_user(&self, name: &str, email: &str) -> Result<User, UserError>;
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Which one it is.
    pub id: u64,
    /// What to call them.
    pub name: String,
    /// Where to write to.
    pub email: String,
}

/// Why there is no such user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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

impl Fault for UserError {
    fn code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Taken { .. } => 409,
        }
    }
}
