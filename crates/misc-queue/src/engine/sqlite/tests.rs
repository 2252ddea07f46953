//! What this engine has of its own.

use std::{
    env, fs, process,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection as _, Row, SqliteConnection};
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use super::*;
use crate::{
    engine::{
        Body, Ending, Key,
        suite::{self, Place},
    },
    options::{Release, When},
    status::State,
};

/// Longer than whatever is waited for.
const LONG: Duration = Duration::from_secs(20);

const LEASE: Duration = Duration::from_secs(30);

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("misc-queue-sqlite-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("queue.db")
    }

    fn config(&self) -> Config {
        Config::from(format!("sqlite://{}", self.file().display()))
    }

    async fn open(&self) -> Sqlite {
        Sqlite::open(&self.config()).await.unwrap()
    }

    /// Opens the file as anybody else would.
    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.file()).connect().await.unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[async_trait]
impl Place for Directory {
    async fn open(&self, config: Config) -> Arc<dyn Engine> {
        let Config { url, .. } = self.config();
        Arc::new(Sqlite::open(&Config { url, ..config }).await.unwrap())
    }
}

suite::tests!(Directory::new());
suite::shared_tests!(Directory::new());

fn job(number: u32) -> NewJob {
    NewJob {
        queue: "jobs".into(),
        body: Body::Json(number.to_string().into()),
        when: When::Now,
        priority: 0,
        attempts: None,
        expires: None,
        unique: None,
        trace: None,
    }
}

fn claim(jobs: usize) -> Claim {
    Claim { queue: "jobs".into(), jobs, suspect: true }
}

fn ids(pushed: &[Pushed]) -> Vec<i64> {
    pushed.iter().map(|pushed| pushed.id.0).collect()
}

/// Counts what it is told.
#[derive(Default)]
struct Woken {
    times: AtomicUsize,
    told: Notify,
}

impl Wake for Woken {
    fn queue(&self, _: &str) {
        self.everything();
    }

    fn everything(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.told.notify_one();
    }
}

#[tokio::test]
async fn ids_are_in_the_order_of_the_jobs() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let jobs: Vec<_> = (0..500).map(job).collect();
    let pushed = engine.push(&jobs).await.unwrap();
    assert_eq!(ids(&pushed), (1..=500).collect::<Vec<_>>());
    let session = engine.enter(LEASE).await.unwrap();
    let turned = engine.turn(session, &[], Some(&claim(500))).await.unwrap();
    for (number, claimed) in turned.claimed.iter().enumerate() {
        let Body::Json(payload) = &claimed.body else { panic!("it is JSON") };
        assert_eq!((claimed.id.0, &**payload), (number as i64 + 1, &*number.to_string()));
    }
    assert_eq!(turned.claimed.len(), 500);
}

#[tokio::test]
async fn jobs_with_keys_are_in_the_order_of_the_list_as_well() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let mut jobs: Vec<_> = (0..6).map(job).collect();
    for number in [1, 2, 5] {
        jobs[number].unique = Some(Key { key: format!("jobs/{}", number % 3), release: Release::Done });
    }
    let pushed = engine.push(&jobs).await.unwrap();
    assert_eq!(ids(&pushed), [1, 2, 3, 4, 5, 3]);
    assert_eq!(pushed.iter().filter(|pushed| pushed.is_duplicate).count(), 1);
}

#[tokio::test]
async fn payloads_come_back_byte_by_byte() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let payload = r#"{ "a" : 1.0e2, "a": 12345678901234567890, "z\u0000\n":"\"ü😀\\", "n": [null,true] }"#;
    engine.push(&[NewJob { body: Body::Json(payload.into()), ..job(0) }]).await.unwrap();
    let status = engine.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!(status.payload.unwrap().as_str(), payload);
}

#[tokio::test]
async fn two_engines_on_a_file_share_the_jobs() {
    let directory = Directory::new();
    let (one, other) = (directory.open().await, directory.open().await);
    one.push(&(0..100).map(job).collect::<Vec<_>>()).await.unwrap();
    let (first, second) = (one.enter(LEASE).await.unwrap(), other.enter(LEASE).await.unwrap());
    let wanted = claim(50);
    let (a, b) = tokio::join!(one.turn(first, &[], Some(&wanted)), other.turn(second, &[], Some(&wanted)));
    let (a, b) = (a.unwrap().claimed, b.unwrap().claimed);
    let mut ids: Vec<_> = a.iter().chain(&b).map(|job| job.id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
    // What the other one has is not ended.
    let ended: Vec<_> = a.iter().map(|job| Ended { id: job.id, ending: Ending::Completed }).collect();
    let turned = other.turn(second, &ended, None).await.unwrap();
    assert_eq!(turned.lost.len(), 50);
    assert_eq!(one.held(first, "jobs").await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_push_wakes_the_other_engine_and_not_its_own() {
    let directory = Directory::new();
    let (one, other) = (directory.open().await, directory.open().await);
    let (own, others) = (Woken::default(), Woken::default());
    let work = async {
        // Each is told once at the beginning, for it may have missed something.
        timeout(LONG, own.told.notified()).await.unwrap();
        timeout(LONG, others.told.notified()).await.unwrap();
        for number in 0..20 {
            one.push(&[job(number)]).await.unwrap();
            timeout(LONG, others.told.notified()).await.unwrap();
        }
        assert_eq!(own.times.load(Ordering::Relaxed), 1);
    };
    tokio::select! {
        () = work => {}
        () = one.watch(&own) => {}
        () = other.watch(&others) => {}
    }
}

#[tokio::test]
async fn a_commit_by_a_pool_of_the_service_wakes() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let woken = Woken::default();
    let tables = Tables::new("misc_queue_").unwrap();
    let work = async {
        timeout(LONG, woken.told.notified()).await.unwrap();
        let mut connection = directory.connect().await;
        let mut transaction = connection.begin().await.unwrap();
        let pushed = push_on(&mut transaction, &tables, Clock::new().micros(), &[job(1), job(2)]).await.unwrap();
        assert_eq!(ids(&pushed), [1, 2]);
        transaction.commit().await.unwrap();
        timeout(LONG, woken.told.notified()).await.unwrap();
    };
    tokio::select! {
        () = work => {}
        () = engine.watch(&woken) => {}
    }
    let session = engine.enter(LEASE).await.unwrap();
    assert_eq!(engine.turn(session, &[], Some(&claim(9))).await.unwrap().claimed.len(), 2);
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    let tables = Tables::new("misc_queue_").unwrap();
    let error = push_on(&mut connection, &tables, 0, &[job(1)]).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(error.to_string().contains("misc_queue_"), "{error}");
}

#[tokio::test]
async fn two_that_beat_whenever_they_are_woken_do_not_keep_each_other_awake() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let session = engine.enter(LEASE).await.unwrap();
    let mut connection = directory.connect().await;
    let version = async |connection: &mut SqliteConnection| -> i64 {
        sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await.unwrap()
    };
    let before = version(&mut connection).await;
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(Vec::new()));
    assert_eq!(version(&mut connection).await, before, "a fresh lease is not written again");
    engine.beat(session, 2 * LEASE).await.unwrap();
    assert_ne!(version(&mut connection).await, before, "one that is short is");
}

#[tokio::test]
async fn a_turn_with_nothing_to_do_writes_nothing() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let session = engine.enter(LEASE).await.unwrap();
    engine.push(&[NewJob { when: When::In(LEASE), ..job(1) }]).await.unwrap();
    // Who cannot get the lock for writing does not need it.
    let mut connection = directory.connect().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    let turned = engine.turn(session, &[], Some(&claim(5))).await.unwrap();
    assert!(turned.claimed.is_empty());
    let due = turned.next_due.unwrap();
    assert!(due <= LEASE && due > LEASE / 2, "{due:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_that_open_a_new_file_together_make_its_tables_once() {
    let directory = Arc::new(Directory::new());
    let mut openers = JoinSet::new();
    for number in 0..8 {
        let directory = Arc::clone(&directory);
        openers.spawn(async move {
            let engine = directory.open().await;
            engine.push(&[job(number)]).await.unwrap();
        });
    }
    while let Some(opened) = openers.join_next().await {
        opened.unwrap();
    }
    let engine = directory.open().await;
    assert_eq!(engine.list(&Selection::new()).await.unwrap().len(), 8);
}

#[tokio::test]
async fn tables_that_are_newer_are_refused() {
    let directory = Directory::new();
    directory.open().await.close().await;
    let mut connection = directory.connect().await;
    sqlx::query("UPDATE misc_queue_meta SET value = '99' WHERE key = 'schema'").execute(&mut connection).await.unwrap();
    let error = Sqlite::open(&directory.config()).await.unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[tokio::test]
async fn what_is_dropped_half_way_is_rolled_back_and_the_next_one_is_sound() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let mut transaction = engine.writer.begin().await.unwrap();
    engine.push.push(&mut transaction, 0, &[job(1)]).await.unwrap();
    drop(transaction);
    let jobs: Vec<_> = (0..50).map(job).collect();
    let mut stored = 0;
    for polls in 0..40 {
        // It is polled so many times, and then dropped.
        let mut push = engine.push(&jobs);
        let mut left = polls;
        let pushed = std::future::poll_fn(|context| match push.as_mut().poll(context) {
            std::task::Poll::Ready(pushed) => std::task::Poll::Ready(Some(pushed)),
            std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
            std::task::Poll::Pending => {
                left -= 1;
                std::task::Poll::Pending
            }
        });
        let pushed = pushed.await;
        drop(push);
        let all = engine.push(&[job(0)]).await.unwrap()[0].id.0;
        assert!(pushed.is_none_or(|pushed| pushed.is_ok()));
        let now = engine.list(&Selection::new()).await.unwrap().len();
        assert!(now == stored + 1 || now == stored + 51, "{now} after {stored}, up to id {all}");
        stored = now;
    }
    assert!(stored > 51, "at least the longest one was done");
}

#[tokio::test]
async fn what_is_locked_for_too_long_is_unavailable_and_then_goes_on() {
    let directory = Directory::new();
    let config = Config { timeout: Duration::from_millis(50), ..directory.config() };
    let engine = Sqlite::open(&config).await.unwrap();
    let mut connection = directory.connect().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    let error = engine.push(&[job(1)]).await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("is locked"), "{error}");
    sqlx::query("ROLLBACK").execute(&mut connection).await.unwrap();
    engine.push(&[job(1)]).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_said_with_the_file_and_does_no_harm() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let mut held = engine.writer.get().await.unwrap();
    let pages: i64 = held.row(sqlx::query("PRAGMA page_count")).await.unwrap().unwrap().get(0);
    let limit = format!("PRAGMA max_page_count = {}", pages + 2);
    held.rows(sqlx::query(AssertSqlSafe(limit))).await.unwrap();
    held.done();
    let jobs: Vec<_> = (0..5000).map(job).collect();
    let error = engine.push(&jobs).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(error.to_string().contains("disk is full"), "{error}");
    assert!(error.to_string().contains(&*directory.file().to_string_lossy()), "{error}");
    assert!(engine.list(&Selection::new()).await.unwrap().is_empty());
    engine.push(&[job(1)]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_said() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let mut held = engine.writer.get().await.unwrap();
    held.execute(sqlx::query("PRAGMA query_only = on")).await.unwrap();
    held.done();
    let error = engine.push(&[job(1)]).await.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let directory = Directory::new();
    fs::create_dir(directory.file()).unwrap();
    let error = Sqlite::open(&directory.config()).await.unwrap_err();
    assert!(error.to_string().contains(&*directory.file().to_string_lossy()), "{error}");
    let below = directory.0.join("note");
    fs::write(&below, "text that is long enough to be no header of a database at all, and then some more").unwrap();
    let error = Sqlite::open(&Config::from(format!("sqlite://{}", below.display()))).await.unwrap_err();
    assert!(error.to_string().contains("no database"), "{error}");
    let error = Sqlite::open(&Config::from(format!("sqlite://{}/queue.db", below.display()))).await.unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
}

#[tokio::test]
async fn a_url_without_a_file_is_refused() {
    for url in ["sqlite::memory:", "sqlite://", "sqlite://queue.db?mode=memory", "sqlite://queue.db?what=ever"] {
        let error = Sqlite::open(&Config::from(url)).await.unwrap_err();
        assert!(error.is_refused(), "{url}: {error}");
    }
}

#[tokio::test]
async fn directories_are_made() {
    let directory = Directory::new();
    let file = directory.0.join("a/b/queue.db");
    let engine = Sqlite::open(&Config::from(format!("sqlite://{}", file.display()))).await.unwrap();
    engine.ping().await.unwrap();
    assert!(file.is_file());
}

#[tokio::test]
async fn stores_with_different_prefixes_know_nothing_of_each_other() {
    let directory = Directory::new();
    let one = directory.open().await;
    let other = Sqlite::open(&Config { prefix: "other_".to_owned(), ..directory.config() }).await.unwrap();
    one.push(&[job(1)]).await.unwrap();
    assert!(other.list(&Selection::new()).await.unwrap().is_empty());
    assert_eq!(one.queues().await.unwrap()[0].available, 1);
}

/// Statements of turns are found by an index whatever they are about, and sort nothing: else the cost of a job would grow
/// with the number of those that wait.
#[tokio::test]
async fn turns_scan_and_sort_nothing() {
    let directory = Directory::new();
    let engine = directory.open().await;
    engine.push(&(0..100).map(job).collect::<Vec<_>>()).await.unwrap();
    let mut connection = directory.connect().await;
    let mut seen = 0;
    for statement in engine.turn.statements().flat_map(|sql| sql.text().split(';')) {
        if statement.trim().is_empty() || statement == "BEGIN IMMEDIATE" {
            continue;
        }
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        for row in sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap() {
            let step: String = row.get(3);
            seen += 1;
            let is_list = step.contains("SCAN json_each") || step.contains("SCAN ended VIRTUAL");
            let is_made = step.starts_with("SCAN (subquery") || step == "SCAN CONSTANT ROW";
            let grows = step.contains("SCAN") && !is_list && !is_made || step.contains("TEMP B-TREE");
            assert!(!grows, "{step}: {statement}");
        }
    }
    assert!(seen > 20, "{seen}");
}

#[tokio::test]
async fn only_what_is_selected_is_retried_cancelled_and_purged() {
    let directory = Directory::new();
    let engine = directory.open().await;
    engine.push(&(0..10).map(job).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(engine.cancel(&Selection::new().before(JobId(6)).limit(3)).await.unwrap(), 3);
    let cancelled = engine.list(&Selection::new().state(State::Cancelled)).await.unwrap();
    assert_eq!(cancelled.iter().map(|job| job.id.0).collect::<Vec<_>>(), [5, 4, 3]);
    assert_eq!(engine.retry(&Selection::new().id(JobId(4))).await.unwrap(), 1);
    assert_eq!(engine.purge(&Selection::new().queue("jobs").state(State::Cancelled)).await.unwrap(), 2);
    assert_eq!(engine.list(&Selection::new()).await.unwrap().len(), 8);
}

#[tokio::test]
async fn what_a_dropped_turn_has_claimed_is_held_or_waits() {
    let directory = Directory::new();
    let engine = directory.open().await;
    let session = engine.enter(LEASE).await.unwrap();
    engine.push(&(0..200).map(job).collect::<Vec<_>>()).await.unwrap();
    let mut held = 0;
    for _ in 0..20 {
        let (wanted, moment) = (claim(5), Duration::from_micros(fastrand::u64(0..2000)));
        let turned = timeout(moment, engine.turn(session, &[], Some(&wanted))).await;
        let now = engine.held(session, "jobs").await.unwrap().len();
        assert!(now == held + 5 || turned.is_err() && now == held, "{now} after {held}");
        held = now;
    }
}
