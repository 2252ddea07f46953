//! A job as a part of a transaction of one's own.

use std::{pin::pin, time::Duration};

use misc_core::{App, BoxError};
use misc_queue::{
    Job, Push, State, Unique,
    sqlx::{self, AnyConnection, Connection, PgConnection, SqliteConnection, any::install_default_drivers},
};

use tokio::time::timeout;

use crate::place::{Number, Place, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_held_by_a_transaction_keeps_no_push_without_a_key() {
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let url = place.url();
    run(App::new("test").service("store", store.service()), async move |_| {
        let mut connection = PgConnection::connect(&url).await?;
        let mut tx = connection.begin().await?;
        let keyed = || Push::new(Number(1)).unique(Unique::key("one"));
        let first = numbers.push_in(&mut tx, keyed()).await?;
        let mut second = pin!(numbers.push(keyed()));
        timeout(Duration::from_millis(300), &mut second).await.expect_err("it waits for the transaction");
        timeout(Duration::from_secs(5), numbers.push(Number(2))).await??;
        tx.commit().await?;
        let second = second.await?;
        assert!(second.is_duplicate && second.id == first.id);
        Ok(())
    })
    .await;
    place.remove().await;
}

/// Writes a test on that connection: what commits is done, what is rolled back never was.
macro_rules! commits_with_its_transaction {
    ($($test:ident: $place:expr, $Connection:ty;)+) => { $(
        #[tokio::test]
        async fn $test() {
            let Some(place) = $place else { return };
            place.prepare().await;
            install_default_drivers();
            let url = place.url();
            let (numbers, worker) = place.store().queue().handler(async |_: Job<Number>| Ok::<_, BoxError>(()));
            run(App::new("test").service("worker", worker), async move |_| {
                let mut connection = <$Connection>::connect(&url).await?;
                sqlx::query("CREATE TABLE orders (id BIGINT)").execute(&mut connection).await?;

                let mut tx = connection.begin().await?;
                sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut *tx).await?;
                let job = numbers.push_in(&mut tx, Push::new(Number(1)).priority(5).attempts(2)).await?;
                let keyed = || Push::new(Number(2)).unique(Unique::key("two"));
                let first = numbers.push_in(&mut tx, keyed()).await?;
                let second = numbers.push_in(&mut tx, keyed()).await?;
                assert_eq!((first.is_duplicate, second.is_duplicate, first.id), (false, true, second.id));
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert!(numbers.status(job.id).await?.is_none(), "nobody sees it before the commit");
                tx.commit().await?;
                let done = numbers.wait(job.id).await?.ok_or("it is there")?;
                assert_eq!((done.state, done.priority, done.attempts), (State::Completed, 5, Some(2)));

                let mut tx = connection.begin().await?;
                sqlx::query("INSERT INTO orders VALUES (2)").execute(&mut *tx).await?;
                let job = numbers.push_in(&mut tx, Number(3)).await?;
                tx.rollback().await?;
                let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut connection).await?;
                assert_eq!((orders, numbers.status(job.id).await?), (1, None));

                // Without a transaction it is one of its own.
                let job = numbers.push_in(&mut connection, Push::new(Number(4)).delay(Duration::from_secs(60))).await?;
                assert_eq!(numbers.status(job.id).await?.ok_or("it is there")?.state, State::Scheduled);
                connection.close().await?;
                Ok(())
            })
            .await;
            place.remove().await;
        }
    )+ };
}

commits_with_its_transaction! {
    on_sqlite: Some(Place::sqlite()), SqliteConnection;
    on_postgres: Place::postgres(), PgConnection;
    on_sqlite_as_any: Some(Place::sqlite()), AnyConnection;
    on_postgres_as_any: Place::postgres(), AnyConnection;
}

#[tokio::test]
async fn refuses_one_of_another_database() {
    let place = Place::sqlite();
    let elsewhere = Place::sqlite();
    let numbers = place.store().queue::<Number>().handler(async |_| Ok::<_, BoxError>(()));
    let (numbers, worker) = numbers;
    run(App::new("test").service("worker", worker), async move |_| {
        let mut connection = SqliteConnection::connect(&format!("{}?mode=rwc", elsewhere.url())).await?;
        let error = numbers.push_in(&mut connection, Number(1)).await.expect_err("there is no such table");
        assert!(error.is_refused(), "{error}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn refuses_one_of_another_kind() {
    let place = Place::sqlite();
    let (numbers, worker) = misc_queue::open::<Number>("memory://").handler(async |_| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        let mut connection = SqliteConnection::connect(&format!("{}?mode=rwc", place.url())).await?;
        let error = numbers.push_in(&mut connection, Number(1)).await.expect_err("a store in memory has none");
        assert!(error.is_refused() && error.to_string().contains("sqlite"), "{error}");
        Ok(())
    })
    .await;
}
