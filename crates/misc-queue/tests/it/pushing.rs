//! What a push says, and what it means.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use misc_core::{App, BoxError, Restart, spec};
use misc_queue::{
    Error, Job, Overflow, Payload, Push, State, Store, Unique,
    sqlx::{AnyConnection, Connection as _, Executor as _, any::install_default_drivers},
};
use misc_test::TestApp;
use serde::{Deserialize, Serialize};

use crate::place::{Number, PATIENCE, Place, on_every_engine, run};

on_every_engine!(
    gives_ids_in_order,
    stores_all_or_none,
    shares_commits_among_pushes,
    holds_a_key_until_the_job_is_done,
    waits_until_the_store_is_open,
    keeps_a_payload_as_it_is,
    answers_every_push_when_the_store_closes,
    takes_any_time,
);

async fn gives_ids_in_order(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |_| {
        let one = numbers.push(Number(1)).await?.id;
        let more = numbers.push_all((2..100).map(Number)).await?;
        assert!(one < more[0].id && more.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(numbers.status(one).await?.ok_or("it is there")?.state, State::Available);
        assert!(numbers.push_all(Vec::<Number>::new()).await?.is_empty());
        Ok(())
    })
    .await;
}

/// A value that cannot always be written as JSON.
#[derive(Deserialize)]
struct Picky(bool);

impl Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 { serializer.serialize_bool(true) } else { Err(serde::ser::Error::custom("it is not true")) }
    }
}

impl Payload for Picky {
    const KIND: &'static str = "picky";
}

async fn stores_all_or_none(place: &Place) {
    let is_memory = place.is_memory();
    let store = place.store();
    let picky = store.queue::<Picky>().pusher();
    run(App::new("test").service("store", store.service()), async move |_| {
        let pushed = picky.push_all([Picky(true), Picky(false), Picky(true)]).await;
        if is_memory {
            // What stays in memory is not written.
            assert_eq!(pushed?.len(), 3);
            return Ok(());
        }
        let error = pushed.expect_err("the second cannot be written");
        assert!(error.is_refused());
        assert_eq!(error.to_string(), "a job of `picky` cannot be written as JSON");
        assert!(picky.store().operator().queues().await?.is_empty());
        Ok(())
    })
    .await;
}

async fn shares_commits_among_pushes(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |ctx| {
        let pushes: Vec<_> = (0..500)
            .map(|number| {
                let numbers = numbers.clone();
                ctx.spawn(async move { numbers.push(Number(number)).await })
            })
            .collect();
        let mut ids = Vec::new();
        for push in pushes {
            ids.push(push.await??.id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 500);
        assert_eq!(numbers.store().operator().queues().await?[0].available, 500);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fails_alone_on_sqlite_if_the_database_refuses_it() {
    let rule = "CREATE TRIGGER rule BEFORE INSERT ON misc_queue_jobs WHEN new.payload = '13' \
        BEGIN SELECT RAISE(ABORT, 'no luck'); END";
    fails_alone(&Place::sqlite(), rule).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fails_alone_on_postgres_if_the_database_refuses_it() {
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    fails_alone(&place, "ALTER TABLE misc_queue_jobs ADD CHECK (payload::text <> '13')").await;
    place.remove().await;
}

#[tokio::test(start_paused = true)]
async fn has_as_much_room_in_memory_after_keys_that_are_held_for_no_time() {
    let mut config = Place::memory().config();
    config.capacity = 2.try_into().expect("it is not zero");
    let (numbers, worker) = misc_queue::open(config).handler(async |_: Job<Number>| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        for _ in 0..3 {
            let brief = || Push::new(Number(1)).unique(Unique::key("brief").within(Duration::ZERO));
            for job in numbers.push_all([brief(), brief()]).await? {
                numbers.wait(job.id).await?;
            }
        }
        let later = || Push::new(Number(2)).delay(Duration::from_secs(60));
        numbers.push_all([later(), later()]).await?;
        let error = numbers.push(later()).await.expect_err("there is room for two");
        assert!(error.is_full(), "{error}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn waits_while_the_store_is_tried_again() {
    let place = Place::sqlite();
    let file = place.directory().join("occupied");
    std::fs::write(&file, "no directory").expect("a file");
    let store = Store::new(format!("sqlite://{}/queue.db", file.display()));
    let numbers = store.queue::<Number>().pusher();
    let app = App::new("test").service("store", spec(store.service()).restart(Restart::default()));
    let app = TestApp::launch(app);
    let (pushed, ()) = tokio::join!(numbers.push(Number(1)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::fs::remove_file(&file).expect("the file");
    });
    assert_eq!(pushed.expect("it is open by then").id.to_string(), "1");
    app.stop().await.assert_ok();
}

/// Pushes 100 jobs at once, of which a rule of the operator's takes all but number 13.
async fn fails_alone(place: &Place, rule: &'static str) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let url = place.url();
    install_default_drivers();
    run(App::new("test").service("store", store.service()), async move |_| {
        // The tables are there.
        numbers.store().operator().queues().await?;
        AnyConnection::connect(&url).await?.execute(rule).await?;
        let pushes = join_all((0..100).map(|number| numbers.push(Number(number)))).await;
        for (number, pushed) in pushes.into_iter().enumerate() {
            match pushed {
                Ok(_) => assert_ne!(number, 13),
                Err(error) => assert!(number == 13 && error.is_refused(), "{number}: {error}"),
            }
        }
        Ok(())
    })
    .await;
}

async fn holds_a_key_until_the_job_is_done(place: &Place) {
    let (numbers, worker) = place.store().queue::<Number>().handler(async |job: Job<Number>| {
        tokio::time::sleep(Duration::from_millis(job.0)).await;
        Ok::<_, BoxError>(())
    });
    run(App::new("test").service("worker", worker), async move |_| {
        let seven = || Push::new(Number(100)).unique(Unique::key("seven"));
        let first = numbers.push(seven()).await?;
        let second = numbers.push(seven()).await?;
        assert_eq!((first.is_duplicate, second.is_duplicate, first.id), (false, true, second.id));
        numbers.wait(first.id).await?;
        let third = numbers.push(seven()).await?;
        assert!(!third.is_duplicate && third.id != first.id);
        let always = || Push::new(Number(0)).unique(Unique::key("day").within(Duration::from_secs(86_400)));
        let today = numbers.push(always()).await?;
        numbers.wait(today.id).await?;
        assert_eq!(numbers.push(always()).await?.id, today.id);
        Ok(())
    })
    .await;
}

async fn waits_until_the_store_is_open(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let (pushed, receiver) = tokio::sync::oneshot::channel();
    let early = async {
        let job = numbers.push(Number(1)).await;
        pushed.send(job).expect("the test waits");
    };
    let later = run(App::new("test").service("store", store.service()), async move |_| {
        receiver.await??;
        Ok(())
    });
    tokio::join!(early, later);
    let error = numbers.push(Number(2)).await.expect_err("the store is closed");
    assert!(error.is_closed(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn says_that_no_service_keeps_the_store_open() {
    let numbers = Store::new("memory://").queue::<Number>().pusher();
    let error = numbers.push(Number(1)).await.expect_err("nobody opens it");
    assert!(error.is_closed());
    assert_eq!(
        error.to_string(),
        "the store memory:// is not open: register a worker of it, or `Store::service`, before what uses it"
    );
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Odd {
    text: String,
    big: u64,
    small: f64,
    nested: Vec<Option<Self>>,
}

impl Payload for Odd {
    const KIND: &'static str = "odd";
}

async fn keeps_a_payload_as_it_is(place: &Place) {
    let odd = Odd {
        text: "zero \0, quotes \"'`$1 {} \u{1F600}".to_owned(),
        big: u64::MAX,
        small: 1e-300,
        nested: vec![None, Some(Odd { text: "x".repeat(100_000), big: 0, small: -0.5, nested: Vec::new() })],
    };
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let (odds, worker) = place.store().queue().handler_with(sender, async |seen, job: Job<Odd>| {
        let seen: tokio::sync::mpsc::Sender<Odd> = seen;
        seen.send(job.into_payload()).await
    });
    run(App::new("test").service("worker", worker), async move |_| {
        odds.push(odd.clone()).await?;
        assert_eq!(seen.recv().await, Some(odd));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn has_no_more_room_in_memory_than_it_says() {
    let mut config = Place::memory().config();
    config.capacity = 3.try_into().expect("it is not zero");
    let store = Store::new(config);
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |_| {
        numbers.push_all((0..3).map(Number)).await?;
        let error = numbers.push(Number(3)).await.expect_err("there is no room");
        assert!(error.is_full() && error.to_string().contains('3'), "{error}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn waits_for_room_in_memory_if_it_shall() {
    let mut config = Place::memory().config();
    config.capacity = 3.try_into().expect("it is not zero");
    config.overflow = Overflow::Wait;
    let (numbers, worker) = Store::new(config).queue::<Number>().handler(async |_| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        for number in 0..1_000 {
            numbers.push(Number(number)).await?;
        }
        Ok(())
    })
    .await;
}

async fn answers_every_push_when_the_store_closes(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let early = numbers.clone();
    let closes = run(App::new("test").service("store", store.service()), async move |_| {
        early.push(Number(0)).await?;
        Ok(())
    });
    // More than may wait for a commit.
    let pushes = join_all((0..5_000).map(|number| numbers.push(Number(number))));
    let ((), answers) = tokio::join!(closes, tokio::time::timeout(PATIENCE / 6, pushes));
    for answer in answers.expect("an answer to each") {
        assert!(answer.as_ref().err().is_none_or(Error::is_closed), "{answer:?}");
    }
}

async fn takes_any_time(place: &Place) {
    let (numbers, worker) = place.store().queue::<Number>().handler(async |_| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX.unsigned_abs() - 1);
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
        let push = || Push::new(Number(0));
        for later in [push().delay(Duration::MAX), push().at(far), push().at(far).expires_at(far)] {
            let later = numbers.push(later).await?;
            let status = numbers.status(later.id).await?.ok_or("it is kept")?;
            assert_eq!(status.state, State::Scheduled);
            assert!(serde_json::to_string(&status)?.contains("\"due_at\":\""), "there is a way to write it");
        }
        let key = Unique::key("for ever").within(Duration::MAX);
        for (now, state) in [
            (push().at(early).expires_in(Duration::MAX).unique(key), State::Completed),
            (push().expires_at(far), State::Completed),
            (push().expires_at(early), State::Cancelled),
        ] {
            let now = numbers.push(now).await?;
            assert_eq!(numbers.wait(now.id).await?.ok_or("it is kept")?.state, state);
        }
        Ok(())
    })
    .await;
}
