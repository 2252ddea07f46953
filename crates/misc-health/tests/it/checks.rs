//! Checks are quick and shared: cached, bounded in time, one run at once.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use misc_core::{App, BoxError, Resource, resource};
use misc_health::{Health, READINESS, Status, check, check_with};
use misc_test::{Logs, TestApp};
use tokio::{
    task::JoinSet,
    time::{Instant, advance},
};

use crate::subject::{Does, Puppet, idle, is_ok, start};

const MS: fn(u64) -> Duration = Duration::from_millis;

async fn status_of(health: &Health, name: &str) -> Status {
    let report = health.report(READINESS).await.unwrap();
    report.components().iter().find(|component| component.name() == name).unwrap().status()
}

async fn reason_of(health: &Health, name: &str) -> Option<String> {
    let report = health.report(READINESS).await.unwrap();
    let component = report.components().iter().find(|component| component.name() == name).unwrap();
    component.reason().map(ToOwned::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_critical_check_that_fails_makes_the_app_unready() {
    let db = Puppet::new(Does::Fail);
    let health = Health::new().check("db", db.check().cached_for(Duration::ZERO));
    let app = start(&health).await;
    assert!(!health.is_ready().await);
    assert_eq!(reason_of(&health, "db").await.as_deref(), Some("no route to 10.0.0.7"));
    db.now(Does::Pass);
    assert!(health.is_ready().await);
    assert_eq!(reason_of(&health, "db").await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_informative_check_that_fails_is_a_warning() {
    let cache = Puppet::new(Does::Fail);
    let health = Health::new().check("cache", cache.check().informative());
    let app = start(&health).await;
    let report = health.report(READINESS).await.unwrap();
    assert_eq!(report.status(), Status::Warn);
    assert!(report.is_healthy());
    assert!(is_ok(&health, "/readyz").await);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_is_good_for_a_second() {
    let db = Puppet::new(Does::Pass);
    let health = Health::new().check("db", db.check());
    let app = start(&health).await;
    assert!(health.is_ready().await);
    db.now(Does::Fail);
    advance(MS(999)).await;
    assert!(health.is_ready().await);
    assert_eq!(db.runs(), 1);
    advance(MS(1)).await;
    assert!(!health.is_ready().await);
    assert_eq!(db.runs(), 2);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_unless_somebody_asks() {
    let db = Puppet::new(Does::Pass);
    let health = Health::new().check("db", db.check());
    let app = start(&health).await;
    assert!(health.is_ready().await);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(db.runs(), 1);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_probes_at_once_share_one_run() {
    let db = Puppet::new(Does::PassAfter(MS(300)));
    let health = Health::new().check("db", db.check());
    let app = start(&health).await;
    let began = Instant::now();
    let mut probes = JoinSet::new();
    for _ in 0..100 {
        let health = health.clone();
        probes.spawn(async move { is_ok(&health, "/readyz").await });
    }
    assert!(probes.join_all().await.into_iter().all(|is_ok| is_ok));
    assert_eq!((db.runs(), began.elapsed()), (1, MS(300)));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_up_leaves_the_run_to_the_others() {
    let db = Puppet::new(Does::PassAfter(MS(300)));
    let health = Health::new().check("db", db.check());
    let app = start(&health).await;
    tokio::time::timeout(MS(100), health.is_ready()).await.unwrap_err();
    let began = Instant::now();
    assert!(health.is_ready().await);
    assert_eq!((db.runs(), began.elapsed()), (1, MS(200)));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_dropped_when_its_time_is_over() {
    let db = Puppet::new(Does::Hang);
    let health = Health::new().check("db", db.check());
    let app = start(&health).await;
    let began = Instant::now();
    let under_way = Arc::strong_count(&db.under_way);
    assert!(!health.is_ready().await);
    assert_eq!(began.elapsed(), MS(700));
    assert_eq!(Arc::strong_count(&db.under_way), under_way);
    assert_eq!(reason_of(&health, "db").await.as_deref(), Some("no answer within 700ms"));
    // And the result is good for a second, as any other.
    assert_eq!(began.elapsed(), MS(700));
    assert_eq!(db.runs(), 1);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn checks_run_side_by_side() {
    let slow = || Puppet::new(Does::PassAfter(MS(600))).check();
    let health = Health::new().check("db", slow()).check("cache", slow()).check("search", slow());
    let app = start(&health).await;
    let began = Instant::now();
    assert!(health.is_ready().await);
    assert_eq!(began.elapsed(), MS(600));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_that_needs_longer_than_an_answer_goes_on_and_the_last_result_stands() {
    let search = Puppet::new(Does::PassAfter(MS(2000)));
    let health = Health::new().check("search", search.check().within(MS(5000)).cached_for(Duration::ZERO));
    let app = start(&health).await;
    let began = Instant::now();
    // Nothing is known, and that is no yes.
    assert_eq!(reason_of(&health, "search").await.as_deref(), Some("there is no result yet"));
    assert_eq!(began.elapsed(), MS(800));
    tokio::time::sleep(MS(1300)).await;
    search.now(Does::FailAfter(MS(2000)));
    assert_eq!(status_of(&health, "search").await, Status::Pass);
    assert_eq!(began.elapsed(), MS(2900));
    assert_eq!(status_of(&health, "search").await, Status::Pass);
    // The third probe gets the end of the second run, which is there after 0.4 s more.
    assert_eq!(status_of(&health, "search").await, Status::Fail);
    assert_eq!((search.runs(), began.elapsed()), (2, MS(4100)));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_no_longer_for_several_slow_checks() {
    let slow = || Puppet::new(Does::Hang).check().within(MS(5000));
    let health = Health::new().check("db", slow()).check("cache", slow()).check("search", slow());
    let app = start(&health).await;
    let began = Instant::now();
    assert!(!health.is_ready().await);
    assert_eq!(began.elapsed(), MS(800));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_check_that_hangs_ends_in_a_failure_all_the_same() {
    let search = Puppet::new(Does::Pass);
    let health = Health::new().check("search", search.check().within(MS(3000)).cached_for(Duration::ZERO));
    let app = start(&health).await;
    assert!(health.is_ready().await);
    search.now(Does::Hang);
    let began = Instant::now();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(health.is_ready().await);
    }
    // At 0.8, 1.6 and 2.4 s the last result stands; at 3 s the run has failed.
    assert_eq!((answers, began.elapsed()), (vec![true, true, true, false], MS(3000)));
    assert_eq!(search.runs(), 2);
    app.stop().await.assert_clean().await;
}

/// Blocks its thread, as no check should: then nothing can drop it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_blocks_its_thread_delays_no_probe_and_is_not_run_twice() {
    let (release, blocked) = mpsc::channel::<()>();
    let (blocked, runs) = (Arc::new(Mutex::new(blocked)), Arc::new(AtomicUsize::new(0)));
    let block = async |(blocked, runs): (Arc<Mutex<Receiver<()>>>, Arc<AtomicUsize>)| {
        runs.fetch_add(1, Ordering::Relaxed);
        blocked.lock().unwrap().recv()
    };
    let stuck = check_with((blocked, Arc::clone(&runs)), block).within(MS(50));
    let health = Health::new().answers_within(MS(500)).check("stuck", stuck);
    let app = start(&health).await;
    let mut probes = JoinSet::new();
    for _ in 0..5 {
        let health = health.clone();
        probes.spawn(async move {
            let is_ready = health.is_ready().await;
            let began = Instant::now();
            (is_ready, reason_of(&health, "stuck").await, began.elapsed())
        });
    }
    for (is_ready, reason, took) in probes.join_all().await {
        assert!(!is_ready);
        assert_eq!(reason.as_deref(), Some("no answer within 50ms"));
        assert!(took < MS(400), "nobody waits for it again: {took:?}");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    drop(release);
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed_and_the_app_goes_on() {
    let db = Puppet::new(Does::Panic);
    let at_once = check(|| -> std::future::Ready<Result<(), BoxError>> { panic!("before there is a future") });
    let health = Health::new().check("db", db.check()).check("cache", at_once);
    let app = start(&health).await;
    assert!(!health.is_ready().await);
    assert_eq!(reason_of(&health, "db").await.as_deref(), Some("panicked: a bug in the check"));
    assert_eq!(reason_of(&health, "cache").await.as_deref(), Some("panicked: before there is a future"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_whose_drop_panics_has_failed_and_the_app_goes_on() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a bug in a drop");
        }
    }
    let bomb = check(|| async {
        let _bomb = Bomb;
        std::future::pending::<Result<(), BoxError>>().await
    });
    let health = Health::new().check("bomb", bomb);
    let app = start(&health).await;
    assert_eq!(reason_of(&health, "bomb").await.as_deref(), Some("no answer within 700ms"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_error_is_told_with_its_sources() {
    #[derive(Debug)]
    struct Down(std::io::Error);
    impl std::fmt::Display for Down {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the database is down")
        }
    }
    impl std::error::Error for Down {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let down = check(|| async { Err(Down(std::io::Error::other("no route"))) });
    let health = Health::new().check("db", down);
    let app = start(&health).await;
    assert_eq!(reason_of(&health, "db").await.as_deref(), Some("the database is down: no route"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_of_a_resource_follows_it() {
    async fn ping(db: Resource<u8>) -> Result<(), BoxError> {
        db.get().await?;
        Ok(())
    }
    let (db, driver) = resource((), async |()| Ok::<_, BoxError>(7u8)).split();
    let health = Health::new().check("db", check_with(db, ping).cached_for(Duration::ZERO));
    let app = App::new("shop").with(health.clone()).service("db", driver).service("idle", idle);
    let app = TestApp::start(app).await;
    assert!(health.is_ready().await);
    app.handle().stop("db").await.unwrap();
    assert!(!health.is_ready().await);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_hangs_does_not_hold_up_the_stop() {
    let logs = Logs::capture();
    let db = Puppet::new(Does::Hang);
    let health = Health::new().check("db", db.check().within(Duration::from_secs(60)));
    let app = start(&health).await;
    assert!(!health.is_ready().await);
    let began = Instant::now();
    app.stop().await.assert_clean().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Nobody owns runs any more, so the answer is there at once.
    assert!(!health.is_ready().await);
    assert_eq!((db.runs(), began.elapsed()), (1, Duration::ZERO));
    logs.assert_not_logged("WARN misc_core::task");
}
