//! What is logged and measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use misc_core::App;
use misc_health::{Health, check};
use misc_test::{Logs, Metrics, TestApp};
use tracing::Level;

use crate::subject::{Does, Puppet, idle, start};

#[tokio::test(start_paused = true)]
async fn a_change_is_logged_once_with_the_error() {
    let logs = Logs::capture();
    let db = Puppet::new(Does::Pass);
    let health = Health::new().check("db", db.check().cached_for(Duration::ZERO));
    let app = start(&health).await;
    let ask = async |does| {
        db.now(does);
        for _ in 0..3 {
            health.is_ready().await;
        }
    };
    ask(Does::Pass).await;
    logs.assert_not_logged("health check");
    ask(Does::Fail).await;
    logs.assert_logged("WARN misc_health::record: a health check fails check=db error=no route to 10.0.0.7");
    ask(Does::Pass).await;
    logs.assert_logged("INFO misc_health::record: a health check works again check=db");
    assert_eq!(logs.lines().iter().filter(|line| line.message().contains("health check")).count(), 2);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_change_of_liveness_is_logged_once() {
    let logs = Logs::capture();
    let stuck = Arc::new(AtomicBool::new(true));
    let is_stuck = Arc::clone(&stuck);
    let health = Health::new().liveness("loop", move || !is_stuck.load(Ordering::Relaxed));
    assert!((0..3).all(|_| !health.is_live()));
    stuck.store(false, Ordering::Relaxed);
    assert!((0..3).all(|_| health.is_live()));
    let lines: Vec<_> = logs.at_least(Level::INFO).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "WARN misc_health::record: a health check fails check=loop error=it is not alive",
            "INFO misc_health::record: a health check works again check=loop"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn checks_and_groups_are_measured_once_somebody_has_asked() {
    let (metrics, db) = (Metrics::new(), Puppet::new(Does::PassAfter(Duration::from_millis(250))));
    let health = Health::new().check("db", db.check().cached_for(Duration::ZERO)).liveness("loop", || true);
    let app = App::new("shop").meter(metrics.meter()).with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    // A gauge of 0 would be an alarm.
    assert_eq!(metrics.value("health_check_up", &[]), None);
    assert_eq!(metrics.value("health_group_up", &[]), None);
    assert!(health.is_ready().await);
    metrics.assert_metric("health_check_up", &[("check", "db")], 1.0);
    metrics.assert_metric("health_group_up", &[("group", "readiness")], 1.0);
    assert_eq!(metrics.values("health_check_duration_seconds", &[("check", "db")]), [0.25]);
    db.now(Does::Hang);
    assert!(!health.is_ready().await && health.is_live());
    metrics.assert_metric("health_check_up", &[("check", "db")], 0.0);
    metrics.assert_metric("health_check_up", &[("check", "loop")], 1.0);
    metrics.assert_metric("health_group_up", &[("group", "readiness")], 0.0);
    assert_eq!(metrics.values("health_check_duration_seconds", &[("check", "db")]), [0.25, 0.7]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn liveness_that_was_asked_for_before_the_app_started_is_measured() {
    let (metrics, health) = (Metrics::new(), Health::new().liveness("loop", || true));
    assert!(health.is_live());
    let app = App::new("shop").meter(metrics.meter()).with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    assert!(health.is_live());
    metrics.assert_metric("health_check_up", &[("check", "loop")], 1.0);
    metrics.assert_metric("health_group_up", &[("group", "liveness")], 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_blocks_its_thread_is_measured_as_failing() {
    let metrics = Metrics::new();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let stuck = check(move || {
        let blocked = Arc::clone(&blocked);
        async move { blocked.lock().unwrap().recv() }
    });
    // A verdict at once: there are no further runs that could fail in a row.
    let stuck = stuck.within(Duration::from_millis(20)).cached_for(Duration::ZERO).fails_after(3);
    let health = Health::new().answers_within(Duration::from_millis(200)).check("stuck", stuck);
    let app = App::new("shop").meter(metrics.meter()).with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    release.send(()).unwrap();
    assert!(health.is_ready().await);
    assert!(!health.is_ready().await);
    metrics.assert_metric("health_check_up", &[("check", "stuck")], 0.0);
    // An answer that comes later than that is none.
    release.send(()).unwrap();
    while metrics.values("health_check_duration_seconds", &[("check", "stuck")]).len() < 2 {
        tokio::task::yield_now().await;
    }
    metrics.assert_metric("health_check_up", &[("check", "stuck")], 0.0);
    release.send(()).unwrap();
    assert!(health.is_ready().await);
    metrics.assert_metric("health_check_up", &[("check", "stuck")], 1.0);
    app.stop().await.assert_clean().await;
}
