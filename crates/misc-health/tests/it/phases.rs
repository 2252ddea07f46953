//! Readiness and startup follow the app.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError, Context, OnFailure, Restart, Service, Spec, factory, spec};
use misc_health::{ALL, Health, READINESS, STARTUP};
use misc_test::TestApp;
use tokio::sync::Notify;

use crate::subject::{get, idle, is_ok};

/// A service that is ready when it is told so, and fails when it is told so.
#[derive(Debug, Clone, Default)]
struct Worker {
    up: Arc<Notify>,
    fail: Arc<Notify>,
}

impl Worker {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        self.up.notified().await;
        ctx.ready();
        ctx.until_stopping(self.fail.notified()).await.map_or(Ok(()), |()| Err("lost the connection".into()))
    }

    /// Is restarted after a second.
    fn restarted(&self) -> Spec<impl Service + Clone + use<>> {
        let worker = self.clone();
        let patient = Restart::new().jitter(0.0).backoff(Duration::from_secs(1), Duration::from_secs(1));
        spec(move |ctx| worker.run(ctx)).restart(patient)
    }
}

async fn app_reason(health: &Health, group: &str) -> Option<String> {
    let report = health.report(group).await.unwrap();
    assert_eq!(report.components()[0].name(), "app");
    report.components()[0].reason().map(ToOwned::to_owned)
}

async fn readiness(health: &Health) -> Option<String> {
    app_reason(health, READINESS).await
}

#[tokio::test(start_paused = true)]
async fn is_ready_once_every_service_is() {
    let (health, worker) = (Health::new(), Worker::default());
    assert_eq!(readiness(&health).await.as_deref(), Some("not started"));
    let app = App::new("shop").with(health.clone()).service("worker", worker.restarted());
    let app = TestApp::launch(app);
    app.phases().until("worker starting").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("starting"));
    assert!(!is_ok(&health, "/startupz").await && !is_ok(&health, "/health").await);
    worker.up.notify_one();
    app.ready().await;
    assert_eq!(readiness(&health).await, None);
    assert!(is_ok(&health, "/startupz").await && is_ok(&health, "/health").await);
    app.stop().await.assert_clean().await;
    assert_eq!(readiness(&health).await.as_deref(), Some("stopped"));
}

#[tokio::test(start_paused = true)]
async fn is_not_ready_while_a_service_restarts() {
    let (health, worker) = (Health::new(), Worker::default());
    worker.up.notify_one();
    let app = App::new("shop").with(health.clone()).service("worker", worker.restarted());
    let app = TestApp::start(app).await;
    worker.fail.notify_one();
    app.phases().until("worker restarting").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`worker` is restarting"));
    app.phases().until_order(["worker restarting", "worker starting"]).await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`worker` is starting"));
    assert!(is_ok(&health, "/startupz").await && is_ok(&health, "/livez").await);
    worker.up.notify_one();
    app.phases().until_order(["worker restarting", "worker ready"]).await;
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn is_not_ready_while_a_failed_service_cleans_up() {
    let health = Health::new();
    let (fail, clean) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (failing, cleaning) = (Arc::clone(&fail), Arc::clone(&clean));
    let service = move |ctx: Context| {
        let (fail, clean) = (Arc::clone(&failing), Arc::clone(&cleaning));
        async move {
            ctx.ready();
            ctx.spawn(async move { clean.notified().await });
            fail.notified().await;
            Err::<(), BoxError>("lost the connection".into())
        }
    };
    let ignored = spec(service).on_failure(OnFailure::Ignore);
    let app = App::new("shop").with(health.clone()).service("worker", ignored).service("idle", idle);
    let app = TestApp::start(app).await;
    fail.notify_one();
    app.phases().until("worker stopping").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`worker` is stopping"));
    // Its failure is ignored, so the app goes on without it.
    clean.notify_one();
    app.phases().until("worker failed").await;
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn is_not_ready_from_the_beginning_of_a_stop_on_before_the_drain_delay() {
    let health = Health::new();
    let delay = Duration::from_secs(5);
    let app = App::new("shop").drain_delay(delay).with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    assert!(is_ok(&health, "/readyz").await);
    drop(app.handle().shutdown());
    app.handle().stopping().await;
    // Every service still serves.
    assert_eq!(app.phases().entered(misc_core::Phase::Stopping), Vec::<String>::new());
    let (status, body) = get(&health, "/readyz").await;
    assert_eq!(
        (status, body.as_str()),
        (503, r#"{"status":"fail","checks":{"app":[{"status":"fail","output":"stopping"}]}}"#)
    );
    assert!(!is_ok(&health, "/health").await);
    assert!(is_ok(&health, "/livez").await && is_ok(&health, "/startupz").await);
    app.ended().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn checks_are_still_made_during_the_drain_delay() {
    let health =
        Health::new().group("deep").check("db", misc_health::check(async || Ok::<_, BoxError>(())).groups(["deep"]));
    let app = App::new("shop").drain_delay(Duration::from_secs(5)).with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    drop(app.handle().shutdown());
    app.handle().stopping().await;
    assert!(is_ok(&health, "/health/deep").await);
    app.ended().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_was_never_up() {
    let health = Health::new();
    let app = App::new("shop").with(health.clone()).service("db", async |_: Context| Err("no route to host".into()));
    let ended = TestApp::launch(app).ended().await;
    assert_eq!(ended.report().failures()[0].path(), "db");
    assert_eq!(app_reason(&health, STARTUP).await.as_deref(), Some("failed"));
    assert_eq!(app_reason(&health, ALL).await.as_deref(), Some("failed"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_has_done_its_work_is_not_missed() {
    let health = Health::new();
    let app = App::new("shop").with(health.clone()).service("migrate", async |_: Context| Ok(())).service("idle", idle);
    let app = TestApp::start(app).await;
    app.phases().until("migrate stopped").await;
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_finishes_its_last_tasks_is_not_missed() {
    let (health, finish) = (Health::new(), Arc::new(Notify::new()));
    let last = Arc::clone(&finish);
    let import = async move |ctx: Context| {
        ctx.spawn(async move { last.notified().await });
        Ok(())
    };
    let app = App::new("shop").with(health.clone()).service("import", import).service("idle", idle);
    let app = TestApp::start(app).await;
    app.phases().until("import stopping").await;
    assert_eq!(readiness(&health).await, None);
    finish.notify_one();
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_stopped_is_not_missed_and_one_that_is_restarted_is() {
    let (health, worker) = (Health::new(), Worker::default());
    worker.up.notify_one();
    let app = App::new("shop").with(health.clone()).service("worker", worker.restarted()).service("idle", idle);
    let app = TestApp::start(app).await;
    let restarted = app.handle().restart("worker");
    app.phases().until_order(["worker ready", "worker starting"]).await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`worker` is starting"));
    worker.up.notify_one();
    restarted.await.unwrap();
    assert_eq!(readiness(&health).await, None);
    app.handle().stop("worker").await.unwrap();
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_started_at_run_time_counts_once_it_was_up() {
    let (health, worker) = (Health::new(), Worker::default());
    let app = App::new("shop").with(health.clone()).service("idle", idle);
    let app = TestApp::start(app).await;
    let started = app.handle().start("worker", worker.restarted());
    app.phases().until("worker starting").await;
    assert_eq!(readiness(&health).await, None);
    worker.up.notify_one();
    started.await.unwrap();
    worker.fail.notify_one();
    app.phases().until("worker restarting").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`worker` is restarting"));
    app.handle().stop("worker").await.unwrap();
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_in_a_group_counts_by_its_path() {
    let (health, worker) = (Health::new(), Worker::default());
    worker.up.notify_one();
    let group = App::new("orders").service("import", worker.restarted());
    let app = App::new("shop").with(health.clone()).service("orders", group);
    let app = TestApp::start(app).await;
    worker.fail.notify_one();
    app.phases().until("orders/import restarting").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`orders/import` is restarting"));
    worker.up.notify_one();
    app.phases().until_order(["orders/import restarting", "orders/import ready"]).await;
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

/// A group that is dropped says nothing of what was inside it.
#[tokio::test(start_paused = true)]
async fn what_was_in_a_group_that_is_gone_is_not_missed() {
    let (health, worker) = (Health::new(), Worker::default());
    let (leave, runs) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (leaves, inside) = (Arc::clone(&leave), worker.clone());
    // Runs a group the first time, and drops it; the second time it does without.
    let around = async move |ctx: Context| {
        if runs.fetch_add(1, Ordering::Relaxed) > 0 {
            return idle(ctx).await;
        }
        let group = App::new("orders").service("import", inside.restarted());
        tokio::select! {
            ended = Service::run(group, ctx) => ended,
            () = leaves.notified() => Err("is gone".into()),
        }
    };
    worker.up.notify_one();
    let around = factory(move || around.clone()).restart(Restart::new());
    let app = App::new("shop").with(health.clone()).service("orders", around);
    let app = TestApp::start(app).await;
    worker.fail.notify_one();
    app.phases().until("orders/import restarting").await;
    assert_eq!(readiness(&health).await.as_deref(), Some("`orders/import` is restarting"));
    leave.notify_one();
    app.phases().until_order(["orders restarting", "orders ready"]).await;
    assert!(!app.phases().lines().contains(&"orders/import stopped".to_owned()));
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_left_out_is_never_missed() {
    let (health, worker) = (Health::new().without_service("orders"), Worker::default());
    worker.up.notify_one();
    let group = App::new("orders").service("import", worker.restarted());
    let app = App::new("shop").with(health.clone()).service("orders", group);
    let app = TestApp::start(app).await;
    worker.fail.notify_one();
    app.phases().until("orders/import restarting").await;
    assert_eq!(readiness(&health).await, None);
    app.stop().await.assert_clean().await;
}
