//! A fresh database for a test, and a directory.

use std::{
    env, fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Where a test keeps what it makes; what is left of it is removed with this.
pub(crate) struct Place {
    directory: PathBuf,
    /// A server of `PostgreSQL`, and the schema on it.
    postgres: Option<(String, String)>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::new(None)
    }

    /// `None` if there is no server: the test is skipped then.
    #[track_caller]
    pub(crate) fn postgres() -> Option<Self> {
        misc::test::server("MISC_POSTGRES", "postgres://postgres@127.0.0.1:5432/test").map(|url| Self::new(Some(url)))
    }

    fn new(postgres: Option<String>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("order_service_{}_{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = env::temp_dir().join(&name);
        fs::create_dir_all(&directory).expect("a directory");
        Self { directory, postgres: postgres.map(|url| (url, name)) }
    }

    /// Makes what the service expects to be there.
    pub(crate) async fn prepare(&self) {
        if let Some((_, schema)) = &self.postgres {
            self.execute(&format!("CREATE SCHEMA {schema}")).await;
        }
    }

    pub(crate) async fn remove(&self) {
        if let Some((_, schema)) = &self.postgres {
            self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }

    async fn execute(&self, statement: &str) {
        let Some((url, _)) = &self.postgres else { return };
        let mut connection = PgConnection::connect(url).await.expect("the server that has answered");
        connection.execute(AssertSqlSafe(statement.to_owned())).await.expect("a statement that works");
        connection.close().await.expect("a connection that is there");
    }

    /// Runs a statement: the one for SQLite, or the one for `PostgreSQL`.
    pub(crate) async fn run(&self, sqlite: &'static str, postgres: &'static str) {
        let statement = if self.postgres.is_some() { postgres } else { sqlite };
        let mut connection = AnyConnection::connect(&self.url()).await.expect("the database");
        connection.execute(statement).await.expect("a statement that works");
        connection.close().await.expect("a connection that is there");
    }

    /// Counts the rows of a table.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let mut connection = AnyConnection::connect(&self.url()).await.expect("the database");
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let count = sqlx::query_scalar(count).fetch_one(&mut connection).await.expect("a number");
        connection.close().await.expect("a connection that is there");
        count
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            Some((url, schema)) => format!("{url}?options=-c%20search_path%3D{schema}"),
            None => format!("sqlite://{}?mode=rwc", self.file("orders.db").display()),
        }
    }

    /// A file in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// Writes a test for each database, which gets a [`Place`].
macro_rules! on_each_database {
    ($($test:ident),+ $(,)?) => { $(
        mod $test {
            #[tokio::test]
            async fn on_sqlite() {
                super::$test(&crate::place::Place::sqlite()).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                let Some(place) = crate::place::Place::postgres() else { return };
                place.prepare().await;
                super::$test(&place).await;
                place.remove().await;
            }
        }
    )+ };
}

pub(crate) use on_each_database;
