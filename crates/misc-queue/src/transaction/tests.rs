//! Jobs that are pushed with what else is done.

use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};

use super::*;
use crate::{
    Selection,
    engine::{Body, Engine, Key},
    options::{Release, When},
};

fn job(key: Option<(&str, Release)>) -> NewJob {
    NewJob {
        queue: "mail".into(),
        body: Body::Json(r#"{"text":"it's $1 \u0000"}"#.into()),
        when: When::Now,
        priority: -7,
        attempts: Some(3),
        expires: Some(When::In(Duration::from_secs(60))),
        unique: key.map(|(key, release)| Key { key: key.to_owned(), release }),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

fn plain() -> NewJob {
    NewJob { attempts: None, expires: None, trace: None, when: When::In(Duration::from_secs(3600)), ..job(None) }
}

/// Pushes in a transaction what one can say of jobs; returns the jobs.
async fn push_all<T: Transaction>(transaction: &mut T, target: Target<'_>) -> Vec<Pushed> {
    let brief = Release::After(Duration::ZERO);
    let first = [job(Some(("mail/a", Release::Done))), plain(), job(Some(("mail/b", brief)))];
    let mut pushed = transaction.push(target, &first).await.unwrap();
    assert!(pushed.iter().all(|pushed| !pushed.is_duplicate), "{pushed:?}");
    let again = [job(Some(("mail/a", Release::Started))), job(Some(("mail/b", Release::Done)))];
    let second = transaction.push(target, &again).await.unwrap();
    assert_eq!((second[0].id, second[0].is_duplicate), (pushed[0].id, true));
    assert!(!second[1].is_duplicate, "the first one had it for no time");
    pushed.push(second[1]);
    assert!(pushed.is_sorted_by_key(|pushed| pushed.id), "{pushed:?}");
    pushed
}

/// Checks that the engine has what was pushed, and nothing else.
async fn check(engine: &dyn Engine, pushed: &[Pushed]) {
    let mut jobs = engine.list(&Selection::new()).await.unwrap();
    jobs.reverse();
    assert!(jobs.iter().map(|job| job.id).eq(pushed.iter().map(|pushed| pushed.id)), "{jobs:?}");
    let states: Vec<_> = jobs.iter().map(|job| job.state.as_str()).collect();
    assert_eq!(states, ["available", "scheduled", "available", "available"]);
    let job = &jobs[0];
    assert_eq!((&*job.queue, job.priority, job.attempts), ("mail", -7, Some(3)));
    assert_eq!(job.payload.as_ref().unwrap().as_str(), r#"{"text":"it's $1 \u0000"}"#);
    assert_eq!(job.expires_at, Some(job.pushed_at + Duration::from_secs(60)));
    assert_eq!(job.due_at, job.pushed_at);
    assert_eq!((jobs[1].attempts, jobs[1].expires_at), (None, None));
    assert_eq!(jobs[1].due_at, jobs[1].pushed_at + Duration::from_secs(3600));
}

async fn check_refused<T: Transaction>(transaction: &mut T, target: Target<'_>, says: &str) {
    let error = transaction.push(target, &[plain()]).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

async fn any(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::{env, fs, path::PathBuf, process};

    use super::*;
    use crate::{Config, engine::sqlite::Sqlite};

    /// A directory that is removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("misc-queue-transaction-{}-{name}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn url(&self) -> String {
            format!("sqlite://{}", self.0.join("queue.db").display())
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    async fn check_pushes<C>(name: &str, connect: impl AsyncFn(String) -> C)
    where
        C: sqlx::Connection + Transaction,
        for<'c> sqlx::Transaction<'c, C::Database>: Transaction,
    {
        let directory = Directory::new(name);
        let config = Config::from(directory.url());
        let engine = Sqlite::open(&config).await.unwrap();
        let (tables, clock) = (Tables::new(&config.prefix).unwrap(), Clock::new());
        let target = Target { system: "sqlite", tables: &tables, clock: &clock };
        let mut connection = connect(directory.url()).await;

        let mut transaction = connection.begin().await.unwrap();
        push_all(&mut transaction, target).await;
        transaction.rollback().await.unwrap();
        assert_eq!(engine.list(&Selection::new()).await.unwrap(), []);
        let mut transaction = connection.begin().await.unwrap();
        let pushed = push_all(&mut transaction, target).await;
        transaction.commit().await.unwrap();
        check(&engine, &pushed).await;

        let postgres = Target { system: "postgresql", ..target };
        check_refused(&mut connection, postgres, "a transaction of sqlite, but the store is postgresql").await;
        let elsewhere = Tables::new("elsewhere_").unwrap();
        let elsewhere = Target { tables: &elsewhere, ..target };
        check_refused(&mut connection, elsewhere, "elsewhere_").await;
    }

    #[tokio::test]
    async fn jobs_are_there_with_a_commit() {
        check_pushes("own", async |url| SqliteConnection::connect(&url).await.unwrap()).await;
    }

    #[tokio::test]
    async fn jobs_are_there_with_a_commit_through_any() {
        check_pushes("any", async |url| any(&url).await).await;
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;
    use crate::engine::postgres::tests::{Database, on};

    async fn check_pushes<C>(database: &Database, mut connection: C)
    where
        C: sqlx::Connection + Transaction,
        for<'c> sqlx::Transaction<'c, C::Database>: Transaction,
    {
        let engine = database.engine().await;
        let tables = database.tables();
        #[cfg(feature = "sqlite")]
        let clock = Clock::new();
        let target = Target {
            system: "postgresql",
            tables: &tables,
            #[cfg(feature = "sqlite")]
            clock: &clock,
        };

        let mut transaction = connection.begin().await.unwrap();
        push_all(&mut transaction, target).await;
        transaction.rollback().await.unwrap();
        assert_eq!(engine.list(&Selection::new()).await.unwrap(), []);
        let mut transaction = connection.begin().await.unwrap();
        let pushed = push_all(&mut transaction, target).await;
        transaction.commit().await.unwrap();
        check(&engine, &pushed).await;

        let sqlite = Target { system: "sqlite", ..target };
        check_refused(&mut connection, sqlite, "a transaction of postgresql, but the store is sqlite").await;
        let elsewhere = Tables::new("elsewhere_").unwrap();
        let elsewhere = Target { tables: &elsewhere, ..target };
        check_refused(&mut connection, elsewhere, "elsewhere_").await;
    }

    #[tokio::test]
    async fn jobs_are_there_with_a_commit() {
        on(Database::new(), async |database| check_pushes(database, database.connection().await).await).await;
    }

    #[tokio::test]
    async fn jobs_are_there_with_a_commit_through_any() {
        on(Database::new(), async |database| check_pushes(database, any(database.url()).await).await).await;
    }
}
