//! A fresh store for a test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use misc_core::{App, BoxError, Context};
use misc_queue::{Config, Payload, Store};
use misc_test::TestApp;
use serde::{Deserialize, Serialize};

/// How long something may take that takes no time on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What most jobs here are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Number(pub(crate) u64);

impl Payload for Number {
    const KIND: &'static str = "number";
}

/// Where a fresh store is; what is left of it is removed with this.
pub(crate) struct Place {
    config: Config,
    directory: Option<PathBuf>,
    schema: Option<(String, String)>,
}

impl Place {
    pub(crate) fn memory() -> Self {
        Self { config: Config::from("memory://"), directory: None, schema: None }
    }

    pub(crate) fn sqlite() -> Self {
        let directory = env::temp_dir().join(fresh_name());
        fs::create_dir(&directory).expect("a directory");
        let config = Config::from(format!("sqlite://{}/queue.db", directory.display()));
        Self { config, directory: Some(directory), schema: None }
    }

    /// `None` if there is no server: the test is skipped then.
    #[track_caller]
    pub(crate) fn postgres() -> Option<Self> {
        let url = misc_test::server("MISC_POSTGRES", "postgres://postgres@127.0.0.1:5432/test")?;
        let schema = fresh_name().replace('-', "_");
        let mut config = Config::from(format!("{url}?options=-c%20search_path%3D{schema}"));
        config.connections = 3.try_into().expect("it is not zero");
        Some(Self { config, directory: None, schema: Some((url, schema)) })
    }

    /// Makes what a store expects to be there.
    pub(crate) async fn prepare(&self) {
        if let Some((_, schema)) = &self.schema {
            self.execute(&format!("CREATE SCHEMA {schema}")).await;
        }
    }

    pub(crate) async fn remove(&self) {
        if let Some((_, schema)) = &self.schema {
            self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }

    async fn execute(&self, statement: &str) {
        use misc_queue::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
        let Some((url, _)) = &self.schema else { return };
        let mut connection = PgConnection::connect(url).await.expect("the server that has answered");
        connection.execute(AssertSqlSafe(statement.to_owned())).await.expect("a statement that works");
        connection.close().await.expect("a connection that is there");
    }

    /// Returns settings that do not make a test wait.
    pub(crate) fn config(&self) -> Config {
        let mut config = self.config.clone();
        config.lease = Duration::from_secs(2);
        config.work.initial_delay = Duration::from_millis(20);
        config.work.max_delay = Duration::from_millis(40);
        config
    }

    /// Returns where it is, for connections of one's own.
    pub(crate) fn url(&self) -> String {
        match (&self.directory, &self.schema) {
            (Some(directory), _) => format!("sqlite://{}/queue.db", directory.display()),
            (_, Some((url, schema))) => format!("{url}?options=-c%20search_path%3D{schema}"),
            _ => "memory://".to_owned(),
        }
    }

    /// Returns the directory that it has for itself.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.as_deref().expect("a place on disk")
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.config())
    }

    pub(crate) fn is_memory(&self) -> bool {
        self.directory.is_none() && self.schema.is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            fs::remove_dir_all(directory).ok();
        }
    }
}

fn fresh_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("misc-queue-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Runs a test as a service beside others, and stops the app when it is done.
pub(crate) async fn run<F, Fut>(app: App, test: F)
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let app = app.service("test", async move |ctx: Context| {
        ctx.ready();
        let handle = ctx.app();
        let done = tokio::time::timeout(PATIENCE, test(ctx)).await?;
        handle.shutdown();
        done
    });
    TestApp::launch(app).ended().await.assert_ok();
}

/// Writes a test for each engine, which gets a [`Place`].
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => { $(
        mod $test {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() {
                let place = crate::place::Place::memory();
                super::$test(&place).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let place = crate::place::Place::sqlite();
                super::$test(&place).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let Some(place) = crate::place::Place::postgres() else { return };
                place.prepare().await;
                super::$test(&place).await;
                place.remove().await;
            }
        }
    )+ };
}

pub(crate) use on_every_engine;
