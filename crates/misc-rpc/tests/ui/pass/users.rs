//! The least that one writes.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]

use misc_rpc::{Fault, rpc};
use serde::{Deserialize, Serialize};

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
}

/// Why there is none.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("there is no user {id}")]
pub struct UserError {
    id: u64,
}

impl Fault for UserError {}

/// The users of the shop.
#[rpc]
pub trait Users {
    /// Finds a user.
    #[rpc(idempotent)]
    async fn get_user(&self, id: u64) -> Result<User, UserError>;

    /// The version.
    async fn version(&self) -> String {
        "1".to_owned()
    }

    /// Renames.
    async fn rename(
        &self,
        /// Who.
        id: u64,
        name: &str,
        #[serde(default)] more: Option<u8>,
    ) -> Result<(), UserError>;

    /// Seen.
    #[rpc(notification)]
    async fn seen(&self, id: u64);
}

struct Shop;

impl Users for Shop {
    async fn get_user(&self, id: u64) -> Result<User, UserError> {
        std::future::ready(()).await;
        Err(UserError { id })
    }

    async fn rename(&self, id: u64, name: &str, more: Option<u8>) -> Result<(), UserError> {
        let _ = (id, name, more);
        Ok(())
    }

    async fn seen(&self, _: u64) {}
}

fn main() {
    let _ = Shop.into_rpc();
    let mock = UsersMock::new()
        .get_user(|id| if id == 7 { Ok(User { name: "Ann".to_owned() }) } else { Err(UserError { id }) })
        .rename(|_, name, _| panic!("{name}"));
    let client = mock.client();
    assert_eq!(format!("{client:?}"), r#"UsersClient(Client { target: "in-process", .. })"#);
    assert_eq!(mock.get_user_calls(), 0);
}
