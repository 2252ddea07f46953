//! What the user service can be asked for.

use misc::rpc::{Fault, rpc};
use serde::{Deserialize, Serialize};

/// Who has an account.
#[rpc]
pub trait Users {
    /// Finds a user.
    #[rpc(idempotent)]
    async fn get_user(&self, id: i64) -> Result<User, UserError>;
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Which one it is.
    pub id: i64,
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
        id: i64,
    },
}

impl Fault for UserError {
    fn code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => 404,
        }
    }
}
