//! Where the jobs are kept.

use std::{
    env, fs,
    net::TcpStream,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::Error;

const POSTGRES: &str = "postgres://postgres@127.0.0.1:5432/";
const ADDRESS: &str = "127.0.0.1:5432";

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "memory" => Ok(Self::Memory),
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(format!("there is no backend `{name}`").into()),
        }
    }
}

/// A fresh directory or database, for one sample.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) backend: Backend,
    /// What the tables of this store begin with, or its file.
    pub(crate) name: String,
    directory: PathBuf,
    /// The server, with a slash at its end.
    server: String,
}

impl Site {
    /// Makes it; `None` if there is no server.
    pub(crate) async fn open(backend: Backend) -> Result<Option<Self>, Error> {
        let directory = env::current_exe()?.with_file_name(format!("bench-queue-{}", process::id()));
        let told = env::var("MISC_POSTGRES").ok().filter(|url| !url.is_empty());
        let server = told.as_deref().and_then(|url| url.rsplit_once('/')).map(|(server, _)| format!("{server}/"));
        let site = Self { backend, name: "first".to_owned(), directory, server: server.unwrap_or(POSTGRES.to_owned()) };
        match backend {
            Backend::Memory => {}
            Backend::Sqlite => fs::create_dir_all(&site.directory)?,
            Backend::Postgres if told.is_none() && TcpStream::connect(ADDRESS).is_err() => return Ok(None),
            Backend::Postgres => site.execute("CREATE DATABASE").await?,
        }
        Ok(Some(site))
    }

    /// Returns another store at the same place.
    pub(crate) fn another(&self) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("other{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { backend: self.backend, name, directory: self.directory.clone(), server: self.server.clone() }
    }

    pub(crate) fn url(&self) -> String {
        match self.backend {
            Backend::Memory => "memory://".to_owned(),
            Backend::Sqlite => format!("sqlite://{}", self.file().display()),
            Backend::Postgres => format!("{}{}", self.server, database()),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join(&self.name).with_extension("db")
    }

    /// Does what the database would do sooner or later, so that it does not do it in the midst of a measurement.
    pub(super) async fn settle(&self) -> Result<(), Error> {
        match self.backend {
            Backend::Memory => {}
            Backend::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url()).await?;
                sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
                connection.close().await?;
            }
            Backend::Postgres => {
                let mut connection = PgConnection::connect(&self.url()).await?;
                sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn remove(&self) -> Result<(), Error> {
        match self.backend {
            Backend::Memory => Ok(()),
            Backend::Sqlite => Ok(fs::remove_dir_all(&self.directory)?),
            Backend::Postgres => self.execute("DROP DATABASE").await,
        }
    }

    async fn execute(&self, what: &str) -> Result<(), Error> {
        let force = if what.starts_with("DROP") { " WITH (FORCE)" } else { "" };
        let mut connection = PgConnection::connect(&format!("{}postgres", self.server)).await?;
        let statement = format!("{what} {}{force}", database());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

fn database() -> String {
    format!("misc_bench_{}", process::id())
}
