//! The users, kept in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::users::{User, UserError};

/// Who there is. Cheap to clone: all clones are the same directory.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Mutex<BTreeMap<u64, User>>>);

impl Directory {
    pub(crate) fn find(&self, id: u64) -> Result<User, UserError> {
        self.users().get(&id).cloned().ok_or(UserError::NotFound { id })
    }

    pub(crate) fn add(&self, name: String, email: String) -> Result<User, UserError> {
        let mut users = self.users();
        if users.values().any(|user| user.email == email) {
            return Err(UserError::Taken { email });
        }
        let id = users.last_key_value().map_or(1, |(last, _)| last + 1);
        let user = User { id, name, email };
        users.insert(id, user.clone());
        Ok(user)
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<u64, User>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Directory {
    fn default() -> Self {
        let ada = User { id: 1, name: "Ada Lovelace".into(), email: "ada@example.org".into() };
        Self(Arc::new(Mutex::new(BTreeMap::from([(ada.id, ada)]))))
    }
}
