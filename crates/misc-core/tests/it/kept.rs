//! Kept values: dropped last, the latest first, on every path.

use misc_core::{App, BoxError, Context, resource};

use crate::support::{Log, drive, fails_to_start, idle, in_time, run, stuck, up_and_down};

/// Logs when it starts, and holds a value that logs its own drop.
fn holds(log: &Log) -> impl misc_core::Service + use<> {
    let log = log.clone();
    async move |ctx: Context| {
        let _guard = log.on_drop("service dropped");
        idle(ctx).await
    }
}

/// A service, a resource, and two kept values.
fn app(log: &Log) -> App {
    let (_, driver) =
        resource(log.clone(), async |log: Log| Ok::<_, BoxError>(std::sync::Arc::new(log.on_drop("resource dropped"))))
            .split();
    App::new("shop")
        .keep(log.on_drop("kept first"))
        .service("db", driver)
        .service("a", holds(log))
        .keep(log.on_drop("kept second"))
}

const ALL: [&str; 4] = ["service dropped", "resource dropped", "kept second", "kept first"];

#[tokio::test(start_paused = true)]
async fn dropped_last_after_a_clean_end() {
    let log = Log::default();
    up_and_down(app(&log)).await.unwrap();
    assert_eq!(log.lines(), ALL);
}

#[tokio::test(start_paused = true)]
async fn dropped_before_the_run_returns() {
    let log = Log::default();
    let app = app(&log).without_signals();
    let handle = app.handle();
    let (ended, ()) = tokio::join!(
        async {
            let ended = app.run().await;
            log.add("run returned");
            ended
        },
        async {
            handle.ready().await;
            handle.shutdown();
        }
    );
    ended.unwrap();
    assert_eq!(log.lines()[..4], ALL);
    assert_eq!(log.lines()[4], "run returned");
}

#[tokio::test(start_paused = true)]
async fn dropped_last_after_a_failure() {
    let log = Log::default();
    run(app(&log).service("bad", fails_to_start)).await.unwrap_err();
    assert_eq!(log.lines(), ALL);
}

#[tokio::test(start_paused = true)]
async fn dropped_last_when_a_service_is_late() {
    let log = Log::default();
    up_and_down(app(&log).service("late", stuck)).await.unwrap_err();
    assert_eq!(log.lines(), ALL);
}

#[tokio::test(start_paused = true)]
async fn dropped_last_after_the_work_of_run_until() {
    let log = Log::default();
    in_time(app(&log).without_signals().run_until(async { log.add("work") })).await.unwrap();
    assert_eq!(log.lines()[0], "work");
    assert_eq!(log.lines()[1..], ALL);
}

#[tokio::test(start_paused = true)]
async fn dropped_the_latest_first_when_the_app_is_refused() {
    let log = Log::default();
    run(app(&log).service("a", idle)).await.unwrap_err();
    assert_eq!(log.lines(), ["kept second", "kept first"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_the_latest_first_when_the_app_is_empty() {
    let log = Log::default();
    let app = App::new("shop").keep(log.on_drop("kept first")).keep(log.on_drop("kept second"));
    run(app).await.unwrap_err();
    assert_eq!(log.lines(), ["kept second", "kept first"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_the_latest_first_when_the_app_never_runs() {
    let log = Log::default();
    drop(App::new("shop").keep(log.on_drop("kept first")).keep(log.on_drop("kept second")));
    assert_eq!(log.lines(), ["kept second", "kept first"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_last_when_the_run_is_dropped() {
    let log = Log::default();
    let app = app(&log).without_signals();
    let handle = app.handle();
    tokio::select! {
        _ = app.run() => {}
        _ = handle.ready() => {}
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let lines = log.lines();
    assert_eq!(lines[2..], ALL[2..], "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn dropped_last_when_the_task_of_the_app_panics() {
    let log = Log::default();
    let app = app(&log).without_signals();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(app.run_until(async { panic!("in the work") }));
    let joined = in_time(tasks.join_next()).await.expect("a task");
    assert!(joined.is_err_and(|error| error.is_panic()));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let lines = log.lines();
    assert_eq!(lines[2..], ALL[2..], "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_group_keeps_is_dropped_with_the_group() {
    let log = Log::default();
    let (ended, ()) = drive(App::new("shop").service("before", idle).service("group", app(&log)), async |handle| {
        handle.ready().await;
        handle.stop("group").await.unwrap();
        assert_eq!(log.lines(), ALL);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_group_keeps_is_dropped_with_the_group() {
    let log = Log::default();
    let group = app(&log).service("bad", fails_to_start);
    run(App::new("shop").service("group", group).keep(log.on_drop("kept outside"))).await.unwrap_err();
    assert_eq!(log.lines()[..4], ALL);
    assert_eq!(log.lines()[4], "kept outside");
}

#[tokio::test(start_paused = true)]
async fn what_a_group_that_never_started_keeps_is_dropped_the_latest_first() {
    let log = Log::default();
    run(App::new("shop").service("bad", fails_to_start).service("group", app(&log))).await.unwrap_err();
    assert_eq!(log.lines(), ["kept second", "kept first"]);
}
