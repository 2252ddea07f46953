//! What it means for a job that PostgreSQL did not do what it was asked for.

use std::io;

use crate::error::{Error, Kind};

/// What the store is asked for: a verb and its object, and whether something changes by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    what: &'static str,
    changes: bool,
}

impl Asked {
    /// Nothing has changed by it that somebody might miss or find twice.
    pub(super) const fn read(what: &'static str) -> Self {
        Self { what, changes: false }
    }

    pub(super) const fn change(what: &'static str) -> Self {
        Self { what, changes: true }
    }

    /// Nothing came back in time.
    pub(super) fn late(self) -> Failed {
        let cause = sqlx::Error::Io(io::Error::from(io::ErrorKind::TimedOut));
        Failed { cause, may_be_done: self.changes }
    }
}

/// What was not done, as far as one knows.
#[derive(Debug)]
pub(super) struct Failed {
    cause: sqlx::Error,
    /// Whether it was on the way to be made durable.
    may_be_done: bool,
}

impl Failed {
    /// A statement has failed that commits: `COMMIT`, or one outside of a transaction.
    pub(super) fn at_commit(cause: sqlx::Error) -> Self {
        Self { cause, may_be_done: true }
    }

    /// Returns whether it was given up in favour of another transaction, and can be asked for again at once.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(code(&self.cause).as_deref(), Some("40001" | "40P01"))
    }

    /// Returns whether the connection is of no use any more: it is lost, or leads to a server that takes no changes, as one
    /// does that another server stands in for by now.
    pub(super) fn is_useless(&self) -> bool {
        is_lost(&self.cause) || code(&self.cause).as_deref() == Some("25006")
    }

    /// Says it to whoever has asked the store at `place`.
    pub(super) fn into_error(self, asked: Asked, place: &str) -> Error {
        let what = asked.what;
        if self.may_be_done && asked.changes && is_lost(&self.cause) {
            let message = format!("{place} was lost while it was asked to {what}: that may have been done or not");
            return Error::new(Kind::Uncertain, message).with_source(self.cause);
        }
        refusal(self.cause, what, place)
    }
}

/// Nothing was made durable: it has failed before that.
impl From<sqlx::Error> for Failed {
    fn from(cause: sqlx::Error) -> Self {
        Self { cause, may_be_done: false }
    }
}

/// Says that nothing was done, and whether it is of use to ask again.
pub(super) fn refusal(cause: sqlx::Error, what: &str, place: &str) -> Error {
    let kind = if is_refusal(&cause) { Kind::Refused } else { Kind::Unavailable };
    let message = match kind {
        Kind::Refused => format!("{place} cannot {what}"),
        _ => format!("{place} is not available to {what}"),
    };
    Error::new(kind, message).with_source(cause)
}

/// A server that stops says so with a code of its own (57P..), and it is not known what it has done before.
fn is_lost(cause: &sqlx::Error) -> bool {
    match cause {
        sqlx::Error::Database(_) => code(cause).is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// What is wrong with the data, the statement, the rights or the limits is so the next time as well.
fn is_refusal(cause: &sqlx::Error) -> bool {
    match cause {
        sqlx::Error::Database(_) => {
            code(cause).is_some_and(|code| ["22", "23", "42", "54"].iter().any(|class| code.starts_with(class)))
        }
        sqlx::Error::Configuration(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}

fn code(cause: &sqlx::Error) -> Option<String> {
    Some(cause.as_database_error()?.code()?.into_owned())
}

/// Returns whether a table is not there.
pub(super) fn is_no_table(cause: &sqlx::Error) -> bool {
    code(cause).as_deref() == Some("42P01")
}
