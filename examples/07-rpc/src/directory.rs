//! The users, kept in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::users::{User, UserError, Users};

/// Who there is. Cheap to clone: all clones are the same directory.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Mutex<BTreeMap<u64, User>>>);

impl Directory {
    pub(crate) fn find(&self, id: u64) -> Result<User, UserError> {
        self.users().get(&id).cloned().ok_or(UserError::NotFound { id })
    }

    pub(crate) fn add(&self, name: &str, email: &str) -> Result<User, UserError> {
        let mut users = self.users();
        if users.values().any(|user| user.email == email) {
            return Err(UserError::Taken { email: email.to_owned() });
        }
        let id = users.last_key_value().map_or(1, |(last, _)| last + 1);
        let user = User { id, name: name.to_owned(), email: email.to_owned() };
        users.insert(id, user.clone());
        Ok(user)
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<u64, User>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users for Directory {
    async fn get_user(&self, id: u64) -> Result<User, UserError> {
        self.find(id)
    }

    async fn add_user(&self, name: &str, email: &str) -> Result<User, UserError> {
        self.add(name, email)
    }
}

impl Default for Directory {
    fn default() -> Self {
        let ada = User { id: 1, name: "Ada Lovelace".into(), email: "ada@example.org".into() };
        Self(Arc::new(Mutex::new(BTreeMap::from([(ada.id, ada)]))))
    }
}
