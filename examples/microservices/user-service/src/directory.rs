//! The users, as the settings have them.

use std::collections::HashMap;

use contract::{User, UserError, Users};

/// Who there is.
pub(crate) struct Directory(HashMap<i64, User>);

impl FromIterator<User> for Directory {
    fn from_iter<I: IntoIterator<Item = User>>(users: I) -> Self {
        Self(users.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl Users for Directory {
    async fn get_user(&self, id: i64) -> Result<User, UserError> {
        self.0.get(&id).cloned().ok_or(UserError::NotFound { id })
    }
}
