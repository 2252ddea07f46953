//! What the tables of a store are called.

use crate::error::Error;

/// The names of the tables and of what belongs to them.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    prefix: String,
}

impl Tables {
    /// Takes a prefix that needs no quotes in any database.
    pub(crate) fn new(prefix: &str) -> Result<Self, Error> {
        let is_name = prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let begins = prefix.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_name || !begins || prefix.len() > 32 {
            return Err(Error::refused(format!(
                "`{prefix}` cannot begin the names of tables: it takes 1 to 32 of a-z, 0-9 and _, and no digit first"
            )));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// Returns a statement with the prefix in place of each `{}`.
    pub(crate) fn sql(&self, statement: &str) -> String {
        statement.replace("{}", &self.prefix)
    }

    /// Returns what the names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }
}
