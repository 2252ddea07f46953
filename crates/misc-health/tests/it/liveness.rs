//! Liveness looks at the process and at nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_core::App;
use misc_health::Health;
use misc_test::TestApp;

use crate::subject::{Does, Puppet, get, idle, is_ok, start};

fn flag() -> (Arc<AtomicBool>, impl Fn() -> bool + Send + Sync + 'static) {
    let flag = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&flag);
    (flag, move || seen.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn follows_its_own_checks() {
    let (alive, is_alive) = flag();
    let health = Health::new().liveness("matcher", is_alive);
    let app = start(&health).await;
    assert!(health.is_live() && is_ok(&health, "/livez").await);
    alive.store(false, Ordering::Relaxed);
    assert!(!health.is_live() && !is_ok(&health, "/livez").await);
    // It is part of everything, but not of readiness.
    assert!(!is_ok(&health, "/health").await && is_ok(&health, "/readyz").await);
    alive.store(true, Ordering::Relaxed);
    assert!(health.is_live());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn no_database_and_no_phase_of_the_app_counts() {
    let db = Puppet::new(Does::Fail);
    let health = Health::new().check("db", db.check());
    assert!(is_ok(&health, "/livez").await, "before the start");
    let app = start(&health).await;
    assert!(!is_ok(&health, "/readyz").await);
    assert!(is_ok(&health, "/livez").await, "while a check fails");
    app.stop().await.assert_clean().await;
    assert!(is_ok(&health, "/livez").await, "after the stop");
}

#[tokio::test]
async fn a_result_is_an_answer_and_a_panic_is_a_no() {
    let health = Health::new()
        .liveness("fine", || Ok::<_, std::io::Error>(()))
        .liveness("wrong", || Err::<(), _>("the loop is stuck"))
        .liveness("panics", || -> bool { panic!("a bug") });
    assert!(!health.is_live());
    let report = health.report(misc_health::LIVENESS).await.unwrap();
    let reasons: Vec<_> = report.components().iter().map(|component| component.reason()).collect();
    assert_eq!(reasons, [None, Some("the loop is stuck"), Some("panicked: a bug")]);
}

#[tokio::test]
async fn works_without_an_app() {
    let health = Health::new().liveness("matcher", || true);
    assert_eq!(
        get(&health, "/livez").await,
        (200, r#"{"status":"pass","checks":{"matcher":[{"status":"pass"}]}}"#.to_owned())
    );
    assert_eq!(get(&Health::new(), "/livez").await, (200, r#"{"status":"pass"}"#.to_owned()));
}

/// On the real clock, with sockets: nothing of health needs a paused one.
#[tokio::test]
async fn runs_on_the_real_clock() {
    let db = Puppet::new(Does::Pass);
    let health = Health::new().check("db", db.check());
    let app = TestApp::start(App::new("shop").with(health.clone()).service("idle", idle)).await;
    assert!(health.is_ready().await);
    app.stop().await.assert_clean().await;
    assert!(!health.is_ready().await);
}
