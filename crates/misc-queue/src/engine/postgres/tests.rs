//! What every engine does, and what is particular to PostgreSQL.

mod loss;
mod plan;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, resume_unwind},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use futures_util::{
    FutureExt as _,
    future::{join, join_all},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tokio::sync::Notify;

use super::*;
use crate::{
    engine::{
        Body, Ending, Key,
        suite::{self, Place},
    },
    options::{Release, When},
    status::State,
};

/// A time that a test does not need.
const LONG: Duration = Duration::from_secs(20);

/// A place with a prefix of its own, if there is a server.
pub(crate) struct Database {
    url: Option<String>,
    prefix: String,
}

impl Database {
    #[track_caller]
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let url = misc_test::server("MISC_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/test");
        // No test turns the power off.
        let url = url.map(|url| {
            let query = if url.contains('?') { '&' } else { '?' };
            format!("{url}{query}options[synchronous_commit]=off")
        });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        Self { url, prefix: format!("t{}_{nanos}_{number}_", process::id()) }
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().expect("there is a server")
    }

    fn config(&self) -> Config {
        Config { prefix: self.prefix.clone(), ..Config::from(self.url()) }
    }

    pub(crate) fn tables(&self) -> Tables {
        Tables::new(&self.prefix).unwrap()
    }

    pub(crate) async fn engine(&self) -> Postgres {
        Postgres::open(&self.config()).await.unwrap()
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.url()).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        let sql = self.tables().sql(sql);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection().await).await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        let sql = self.tables().sql(sql);
        sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut self.connection().await).await.unwrap().get(0)
    }
}

#[async_trait]
impl Place for Database {
    async fn open(&self, config: Config) -> Arc<dyn Engine> {
        let place = self.config();
        Arc::new(Postgres::open(&Config { url: place.url, prefix: place.prefix, ..config }).await.unwrap())
    }

    async fn remove(&self) {
        let tables = ["meta", "jobs", "sessions", "queues", "claims", "values"].map(|name| format!("{{}}{name}"));
        self.execute(&format!("DROP TABLE IF EXISTS {}", tables.join(", "))).await;
    }

    fn is_there(&self) -> bool {
        self.url.is_some()
    }
}

suite::tests!(Database::new());
suite::shared_tests!(Database::new());

/// Runs a test on a place of its own.
pub(crate) async fn on(database: Database, test: impl AsyncFnOnce(&Database)) {
    if !database.is_there() {
        return;
    }
    let outcome = AssertUnwindSafe(test(&database)).catch_unwind().await;
    database.remove().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

fn job(payload: &str) -> NewJob {
    NewJob {
        queue: "mail".into(),
        body: Body::Json(payload.into()),
        when: When::Now,
        priority: 0,
        attempts: None,
        expires: None,
        unique: None,
        trace: None,
    }
}

fn claim(jobs: usize) -> Claim {
    Claim { queue: "mail".into(), jobs, suspect: true }
}

/// What a store has told.
#[derive(Default)]
struct Told {
    everything: AtomicBool,
    mail: AtomicU32,
    told: Notify,
}

impl Wake for Told {
    fn queue(&self, queue: &str) {
        if queue == "mail" {
            self.mail.fetch_add(1, Ordering::SeqCst);
            self.told.notify_one();
        }
    }

    fn everything(&self) {
        self.everything.store(true, Ordering::SeqCst);
        self.told.notify_one();
    }
}

impl Told {
    async fn until(&self, is_told: impl Fn(&Self) -> bool) {
        while !is_told(self) {
            timeout(LONG, self.told.notified()).await.expect("it is told");
        }
    }
}

#[tokio::test]
async fn replicas_that_start_together_make_the_tables_once() {
    on(Database::new(), async |database| {
        let config = database.config();
        let opened = join_all((0..8).map(|_| Postgres::open(&config))).await;
        for engine in &opened {
            engine.as_ref().unwrap().push(&[job("1")]).await.unwrap();
        }
        assert_eq!(database.count("SELECT count(*) FROM {}meta").await, 1);
        assert_eq!(database.count("SELECT version::bigint FROM {}meta").await, i64::from(schema::VERSION));
        assert_eq!(database.count("SELECT count(*) FROM {}jobs").await, 8);
    })
    .await;
}

#[tokio::test]
async fn newer_tables_are_refused() {
    on(Database::new(), async |database| {
        database.engine().await.close().await;
        database.execute("UPDATE {}meta SET version = version + 1").await;
        let error = Postgres::open(&database.config()).await.unwrap_err();
        assert!(error.is_refused(), "{error}");
        assert!(error.to_string().contains("version 2") && error.to_string().contains(&database.prefix), "{error}");
    })
    .await;
}

#[tokio::test]
async fn tables_are_in_the_schema_of_the_url() {
    on(Database::new(), async |database| {
        database.execute("CREATE SCHEMA {}schema").await;
        let url = format!("{}&options=-csearch_path%3D{}schema", database.url(), database.prefix);
        let elsewhere = Postgres::open(&Config { url: url.into(), ..database.config() }).await.unwrap();
        let here = database.engine().await;
        elsewhere.push(&[job("1")]).await.unwrap();
        assert_eq!(here.list(&Selection::new()).await.unwrap(), []);
        assert_eq!(database.count("SELECT count(*) FROM {}schema.{}jobs").await, 1);
        elsewhere.close().await;
        database.execute("DROP SCHEMA {}schema CASCADE").await;
    })
    .await;
}

#[tokio::test]
async fn engines_that_race_claim_each_job_once() {
    const JOBS: usize = 5_000;
    on(Database::new(), async |database| {
        let engines = [database.engine().await, database.engine().await];
        engines[0].push(&vec![job("1"); JOBS]).await.unwrap();
        let work = engines.iter().flat_map(|engine| [engine; 3]).map(async |engine| {
            let session = engine.enter(LONG).await.unwrap();
            let (mut done, mut ended) = (Vec::new(), Vec::new());
            loop {
                let turned = engine.turn(session, &ended, Some(&claim(64))).await.unwrap();
                assert_eq!(turned.lost, []);
                done.extend(turned.claimed.iter().map(|job| job.id));
                let is_last = turned.claimed.is_empty();
                let end = |job: Claimed| Ended { id: job.id, ending: Ending::Completed };
                ended = turned.claimed.into_iter().map(end).collect();
                if is_last {
                    return done;
                }
            }
        });
        let done = join_all(work).await.concat();
        assert_eq!(done.len(), JOBS, "none is done twice");
        assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), JOBS, "and each is done");
        assert_eq!(database.count("SELECT count(*) FROM {}jobs WHERE state = 'completed'").await, JOBS as i64);
    })
    .await;
}

#[tokio::test]
async fn pushes_with_the_same_keys_do_not_wait_for_each_other() {
    on(Database::new(), async |database| {
        database.engine().await.close().await;
        let tables = database.tables();
        let [mut one, mut other] = [database.connection().await, database.connection().await];
        // By itself, as the engine would make a push again that the server has given up because of a deadlock.
        let push = async |connection: &mut PgConnection, jobs: Vec<NewJob>| {
            let mut transaction = connection.begin().await.unwrap();
            let pushed = push_on(&mut transaction, &tables, &jobs).await.unwrap();
            transaction.commit().await.unwrap();
            pushed
        };
        for round in 0..20 {
            let key = |number: u32| Some(Key { key: format!("mail/{round}-{number}"), release: Release::Done });
            let jobs: Vec<_> = (0..40).map(|number| NewJob { unique: key(number), ..job("1") }).collect();
            let reverse = jobs.iter().rev().cloned().collect();
            let (one, other) = join(push(&mut one, jobs), push(&mut other, reverse)).await;
            assert!(one.iter().map(|pushed| pushed.id).eq(other.iter().rev().map(|pushed| pushed.id)), "{one:?}");
            assert_eq!(one.iter().chain(&other).filter(|pushed| !pushed.is_duplicate).count(), 40);
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_of_the_user_wakes_workers() {
    on(Database::new(), async |database| {
        let engine = database.engine().await;
        let told = Told::default();
        let work = async {
            told.until(|told| told.everything.load(Ordering::SeqCst)).await;
            let mut connection = database.connection().await;
            let mut transaction = connection.begin().await.unwrap();
            push_on(&mut transaction, &database.tables(), &[job("1"), job("2")]).await.unwrap();
            assert_eq!(engine.list(&Selection::new()).await.unwrap(), [], "it is not committed");
            assert_eq!(told.mail.load(Ordering::SeqCst), 0);
            transaction.commit().await.unwrap();
            told.until(|told| told.mail.load(Ordering::SeqCst) > 0).await;
            let session = engine.enter(LONG).await.unwrap();
            assert_eq!(engine.turn(session, &[], Some(&claim(9))).await.unwrap().claimed.len(), 2);
        };
        tokio::select! {
            () = work => {}
            () = engine.watch(&told) => panic!("it watches until it is dropped"),
        }
    })
    .await;
}

#[tokio::test]
async fn what_became_available_for_all_wakes_others() {
    on(Database::new(), async |database| {
        let engine = database.engine().await;
        let session = engine.enter(LONG).await.unwrap();
        let told = Told::default();
        let work = async {
            told.until(|told| told.everything.load(Ordering::SeqCst)).await;
            let due = NewJob { when: When::In(Duration::from_millis(50)), ..job("1") };
            engine.push(&[due.clone(), due]).await.unwrap();
            told.until(|told| told.mail.load(Ordering::SeqCst) == 1).await;
            let mut claimed = Vec::new();
            while claimed.is_empty() {
                let turned = engine.turn(session, &[], Some(&claim(1))).await.unwrap();
                claimed = turned.claimed;
                tokio::time::sleep(turned.next_due.unwrap_or_default()).await;
            }
            // The other one is for whoever is free.
            told.until(|told| told.mail.load(Ordering::SeqCst) == 2).await;
            let states: Vec<_> = engine.list(&Selection::new()).await.unwrap().iter().map(|job| job.state).collect();
            assert_eq!(states, [State::Available, State::Running]);
        };
        tokio::select! {
            () = work => {}
            () = engine.watch(&told) => panic!("it watches until it is dropped"),
        }
    })
    .await;
}

/// As docs/queue.md has it.
#[tokio::test]
async fn a_user_needs_no_rights_but_these() {
    on(Database::new(), async |database| {
        database.engine().await.close().await;
        let role = format!("{}user", database.prefix);
        database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'")).await;
        for grant in [
            "USAGE ON SCHEMA public",
            "SELECT ON {}meta",
            "SELECT, INSERT, UPDATE, DELETE ON {}jobs, {}sessions, {}queues, {}claims, {}values",
            "USAGE ON SEQUENCE {}jobs_id_seq",
        ] {
            database.execute(&format!("GRANT {grant} TO {role}")).await;
        }
        let (_, place) = database.url().rsplit_once('@').unwrap();
        let config = Config { url: format!("postgres://{role}:secret@{place}").into(), ..database.config() };
        let engine = Postgres::open(&config).await.unwrap();
        let key = Key { key: "mail/1".to_owned(), release: Release::Done };
        engine.push(&[job("1"), job("2"), NewJob { unique: Some(key), ..job("3") }]).await.unwrap();
        let session = engine.enter(LONG).await.unwrap();
        let claimed = engine.turn(session, &[], Some(&claim(2))).await.unwrap().claimed;
        let ended = [Ended { id: claimed[0].id, ending: Ending::Completed }];
        assert!(engine.turn(session, &ended, None).await.unwrap().lost.is_empty());
        assert_eq!(engine.beat(session, LONG).await.unwrap(), Some(Vec::new()));
        engine.sweep(&Keep::default()).await.unwrap();
        assert!(engine.pause("mail", true).await.unwrap());
        assert_eq!(engine.queues().await.unwrap().len(), 1);
        assert_eq!(engine.cancel(&Selection::new()).await.unwrap(), 2);
        engine.leave(session).await.unwrap();
        assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 2);
        assert_eq!(engine.purge(&Selection::new()).await.unwrap(), 3);
        assert!(engine.claim_key("schedule/1", SystemTime::now() + LONG).await.unwrap());
        engine.remember("schedule", "1").await.unwrap();
        assert_eq!(engine.recall("schedule").await.unwrap().as_deref(), Some("1"));
        engine.close().await;
        database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    })
    .await;
}
