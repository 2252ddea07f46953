//! What becomes of calls when the server, or the way to it, is not there.

use std::{error::Error as StdError, num::NonZeroU32};

use super::*;

/// Ends the connections of this place that are at such a statement; returns how many.
async fn terminate(database: &Database, like: &str) -> i64 {
    let like = database.tables().sql(like);
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND application_name = 'misc-queue' AND query LIKE $1";
    sqlx::query(terminate).bind(like).fetch_one(&mut database.connection().await).await.unwrap().get(0)
}

/// Waits until a statement waits for a lock, and ends its connection.
async fn terminate_waiting(database: &Database, like: &str) {
    let waiting = database.tables().sql(like);
    // What a connection rehearses is under another name.
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND application_name = 'misc-queue' AND query LIKE '{waiting}'"
    );
    while database.count(&waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(terminate(database, like).await, 1);
}

/// Says all that there is in an error.
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn StdError), |&error| error.source());
    causes.map(|error| format!("{error} {error:?} ")).collect()
}

#[tokio::test]
async fn connections_are_there_before_they_are_asked_for() {
    on(Database::new(), async |database| {
        let engine = database.engine().await;
        assert_eq!(engine.pool.size(), READY);
    })
    .await;
}

#[tokio::test]
async fn a_push_is_uncertain_if_it_was_lost_on_its_way() {
    on(Database::new(), async |database| {
        let config = Config { connections: NonZeroU32::MIN, ..database.config() };
        let engine = Postgres::open(&config).await.unwrap();
        engine.push(&[job("1")]).await.unwrap();
        let mut connection = database.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        let lock = database.tables().sql("LOCK TABLE {}jobs");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *transaction).await.unwrap();
        let (pushed, ()) = join(engine.push(&[job("2")]), terminate_waiting(database, "%INSERT INTO {}jobs%")).await;
        let error = pushed.unwrap_err();
        assert!(error.is_uncertain(), "{}", chain(&error));
        // What reads is certain.
        let (shown, ()) = join(engine.job(JobId(1)), terminate_waiting(database, "%FROM {}jobs WHERE id%")).await;
        let error = shown.unwrap_err();
        assert!(error.is_unavailable(), "{}", chain(&error));
        // So is what was lost before its commit.
        let unique = Some(Key { key: "mail/1".to_owned(), release: Release::Done });
        let jobs = [NewJob { unique, ..job("3") }];
        let (pushed, ()) = join(engine.push(&jobs), terminate_waiting(database, "%INSERT INTO {}jobs%")).await;
        let error = pushed.unwrap_err();
        assert!(error.is_unavailable(), "{}", chain(&error));
        transaction.rollback().await.unwrap();
        assert_eq!(engine.push(&[job("4")]).await.unwrap().len(), 1, "it goes on with other connections");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_late_has_done_nothing() {
    on(Database::new(), async |database| {
        let config = Config { timeout: Duration::from_secs(1), ..database.config() };
        let engine = Postgres::open(&database.config()).await.unwrap();
        let hasty = Postgres::open(&config).await.unwrap();
        let mut connection = database.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        let lock = database.tables().sql("LOCK TABLE {}jobs");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *transaction).await.unwrap();
        let error = hasty.push(&[job("1")]).await.unwrap_err();
        assert!(error.is_unavailable(), "{}", chain(&error));
        transaction.rollback().await.unwrap();
        assert_eq!(engine.list(&Selection::new()).await.unwrap(), []);
        assert_eq!(hasty.push(&[job("1")]).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn lost_connections_are_made_again() {
    on(Database::new(), async |database| {
        let engine = database.engine().await;
        let session = engine.enter(LONG).await.unwrap();
        let told = Told::default();
        let work = async {
            for round in 0..3 {
                told.until(|told| told.everything.swap(false, Ordering::SeqCst)).await;
                let before = told.mail.load(Ordering::SeqCst);
                engine.push(&[job("1")]).await.unwrap();
                told.until(|told| told.mail.load(Ordering::SeqCst) > before).await;
                // Ours are all that have last said something with our prefix.
                assert!(terminate(database, "%{}%").await >= 2, "in round {round}: one listens, others work");
                // They are not used before somebody has looked whether they live.
                tokio::time::sleep(FRESH).await;
                let turned = engine.turn(session, &[], Some(&claim(1))).await.unwrap();
                assert_eq!(turned.claimed.len(), 1);
            }
        };
        tokio::select! {
            () = work => {}
            () = engine.watch(&told) => panic!("it watches until it is dropped"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_takes_no_changes_any_more_is_left() {
    on(Database::new(), async |database| {
        let role = format!("{}role", database.prefix);
        database.execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'secret'")).await;
        let (_, place) = database.url().rsplit_once('@').unwrap();
        let url = format!("postgres://{role}:secret@{place}").into();
        let config = Config { url, connections: NonZeroU32::MIN, ..database.config() };
        let engine = Postgres::open(&config).await.unwrap();
        engine.push(&[job("1")]).await.unwrap();

        database.execute(&format!("ALTER ROLE {role} SET default_transaction_read_only = on")).await;
        assert!(terminate(database, "%{}%").await >= 1);
        tokio::time::sleep(FRESH).await;
        let error = engine.push(&[job("2")]).await.unwrap_err();
        assert!(error.is_unavailable(), "{}", chain(&error));

        // Another server is there, where the URL leads to, and no connection is lost.
        database.execute(&format!("ALTER ROLE {role} RESET default_transaction_read_only")).await;
        engine.push(&[job("3")]).await.unwrap();
        assert_eq!(engine.list(&Selection::new()).await.unwrap().len(), 2);
        engine.close().await;
        database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_shows_a_password() {
    on(Database::new(), async |database| {
        let url = |url: &str| Config { timeout: Duration::from_secs(2), ..Config::from(url) };
        let (_, place) = database.url().rsplit_once('@').unwrap_or(("", "127.0.0.1:5432/test"));
        let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let urls = [
            format!("postgres://somebody:s3cr3t@{refused}/test"),
            format!("postgres://nobody:s3cr3t@{place}"),
            "postgres://somebody:s3cr3t@127.0.0.1:port/test".to_owned(),
            "postgres://somebody@127.0.0.1/test?password=s3cr3t&sslmode=odd".to_owned(),
            "postgres://somebody:%ffs3cr3t@127.0.0.1/test".to_owned(),
        ];
        for text in urls {
            let error = Postgres::open(&url(&text)).await.unwrap_err();
            assert!(error.to_string().contains("127.0.0.1"), "{error}");
            assert!(!chain(&error).contains("s3cr3t"), "{}", chain(&error));
        }
        let error = Postgres::open(&url(&format!("postgres://{refused}/test"))).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        let with_password = database.url().replacen("postgres@", "postgres:s3cr3t@", 1);
        let config = Config { url: with_password.into(), ..database.config() };
        let engine = Postgres::open(&config).await.unwrap();
        assert!(!format!("{engine:?}").contains("s3cr3t"), "{engine:?}");
    })
    .await;
}
