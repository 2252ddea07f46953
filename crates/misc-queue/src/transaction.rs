//! Transactions of the user, in which jobs are pushed with what they are about.

#[cfg(feature = "sqlite")]
mod any;
#[cfg(test)]
mod tests;

use std::future::Future;

use sqlx::{Any, AnyConnection};
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqliteConnection};

#[cfg(feature = "postgres")]
use crate::engine::postgres;
#[cfg(feature = "sqlite")]
use crate::{clock::Clock, engine::sqlite};
use crate::{
    engine::{NewJob, tables::Tables},
    error::Error,
    options::Pushed,
};

/// What jobs can be pushed in: a transaction of sqlx, in the database of the store.
///
/// That is a [`sqlx::Transaction`] or a connection of it, of `Sqlite`, `Postgres` or `Any`. The job is there once the
/// transaction is committed, together with what else was done in it; if it is rolled back, there is no job.
///
/// A connection on which no transaction was begun will do too, but each statement is committed by itself then.
///
/// # Errors
/// A transaction of another kind of database than the store is refused, and so is one where the tables of the store are
/// not: it is another database, or another schema. If a push fails in PostgreSQL, the transaction is aborted as by any
/// error, and can only be rolled back. In SQLite it could still be committed, without the job: roll it back.
#[expect(private_bounds, reason = "it is sealed: how a job is written down is the store's business")]
pub trait Transaction: PushIn {}

/// What is to be known of a store to push in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Its engine: [`Engine::system`](crate::engine::Engine::system).
    pub(crate) system: &'static str,
    pub(crate) tables: &'a Tables,
    /// `PostgreSQL` has one of its own.
    #[cfg(feature = "sqlite")]
    pub(crate) clock: &'a Clock,
}

impl Target<'_> {
    fn expect(self, system: &str) -> Result<(), Error> {
        if self.system == system {
            return Ok(());
        }
        Err(Error::refused(format!("a transaction of {system}, but the store is {}", self.system)))
    }
}

/// How jobs are pushed in it.
pub(crate) trait PushIn: Send {
    /// Pushes jobs, neither beginning nor committing anything.
    fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> impl Future<Output = Result<Vec<Pushed>, Error>> + Send;
}

#[cfg(feature = "sqlite")]
impl Transaction for SqliteConnection {}
#[cfg(feature = "sqlite")]
impl Transaction for sqlx::Transaction<'_, Sqlite> {}
#[cfg(feature = "postgres")]
impl Transaction for PgConnection {}
#[cfg(feature = "postgres")]
impl Transaction for sqlx::Transaction<'_, Postgres> {}
impl Transaction for AnyConnection {}
impl Transaction for sqlx::Transaction<'_, Any> {}

#[cfg(feature = "sqlite")]
impl PushIn for SqliteConnection {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        target.expect("sqlite")?;
        sqlite::push_on(self, target.tables, target.clock.micros(), jobs).await
    }
}

#[cfg(feature = "sqlite")]
impl PushIn for sqlx::Transaction<'_, Sqlite> {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        (**self).push(target, jobs).await
    }
}

#[cfg(feature = "postgres")]
impl PushIn for PgConnection {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        target.expect("postgresql")?;
        postgres::push_on(self, target.tables, jobs).await
    }
}

#[cfg(feature = "postgres")]
impl PushIn for sqlx::Transaction<'_, Postgres> {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        (**self).push(target, jobs).await
    }
}

impl PushIn for AnyConnection {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let system = self.backend_name().to_lowercase();
        target.expect(&system)?;
        match &*system {
            #[cfg(feature = "postgres")]
            "postgresql" => postgres::push_on_any(self, target.tables, jobs).await,
            #[cfg(feature = "sqlite")]
            "sqlite" => any::push_on_sqlite(self, target.tables, target.clock.micros(), jobs).await,
            _ => Err(Error::refused(format!("jobs cannot be pushed in a transaction of {system}"))),
        }
    }
}

impl PushIn for sqlx::Transaction<'_, Any> {
    async fn push(&mut self, target: Target<'_>, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        (**self).push(target, jobs).await
    }
}
