//! Late services: dropped at their bound, named in the report, and the order goes on.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
    mpsc,
};

use misc_core::{App, BoxError, Context, OnFailure, Phase, Report, Restart, Service, factory, resource, spec};
use tokio::{
    sync::oneshot,
    time::{Instant, advance, sleep},
};

use crate::support::{
    Log, Recorder, chain, check_says, drive, fails_after, idle, late, millis, secs, slow, stuck, up_and_down,
};

#[tokio::test(start_paused = true)]
async fn a_late_service_is_dropped_and_the_order_goes_on() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let holds = async move |ctx: Context| {
        let _guard = inner.on_drop("dropped");
        ctx.ready();
        std::future::pending().await
    };
    let app = App::new("shop").service("a", slow(secs(0), secs(1))).service("late", holds).observe(seen.clone());
    let ended = up_and_down(app).await;
    assert_eq!(log.lines(), ["dropped"]);
    assert_eq!(late(&ended), ["late"]);
    let report = ended.unwrap_err();
    assert!(report.failures().is_empty());
    assert_eq!(report.exit_code(), 70);
    let expected = ["15 late failed", "15 a stopping", "16 a stopped", "16 app failed"];
    assert_eq!(seen.timed()[8..], expected);
}

#[tokio::test(start_paused = true)]
async fn the_report_names_the_phase_and_how_late_it_was() {
    let deaf = async |_: Context| std::future::pending().await;
    let app = App::new("shop").service("a", spec(deaf).stop_within(secs(2)));
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(1)).await;
        handle.shutdown();
    })
    .await;
    let report = ended.unwrap_err();
    let late = &report.late()[0];
    assert_eq!((late.path(), late.phase(), late.waited()), ("a", Phase::Starting, secs(2)));
    assert!(!late.did_not_yield());
    check_says(&report, &["service `a` (starting) had not stopped after 2.0s and was dropped"]);
}

#[tokio::test(start_paused = true)]
async fn the_report_names_where_unfinished_tasks_were_spawned() {
    let spawns = async |ctx: Context| {
        ctx.spawn(std::future::pending::<()>());
        ctx.spawn(sleep(secs(1)));
        ctx.ready();
        Ok(())
    };
    let ended = up_and_down(App::new("shop").service("a", spawns).service("b", idle)).await;
    let report = ended.unwrap_err();
    let tasks = report.late()[0].tasks();
    assert_eq!(tasks.len(), 1, "the finished one is not named: {report}");
    assert_eq!(tasks[0].file(), file!());
    check_says(&report, &["unfinished task spawned at crates/misc-core/tests/it/late.rs:"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_service_in_a_group_is_named_by_its_path() {
    let group = App::new("inner").service("stuck", stuck);
    let outer = App::new("outer").service("inner", group);
    let seen = Recorder::new();
    let ended = up_and_down(App::new("shop").service("outer", outer).observe(seen.clone())).await;
    assert_eq!(late(&ended), ["outer/inner/stuck"]);
    assert_eq!(ended.unwrap_err().exit_code(), Report::LATE);
    assert_eq!(seen.phases("outer/inner/stuck").last(), Some(&Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_late_service_in_a_group_leaves_time_for_those_before_it() {
    let log = Log::default();
    let inner = log.clone();
    let fine = async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        inner.add("cleaned up");
        Ok(())
    };
    let group = App::new("group").service("fine", fine).service("stuck", stuck);
    let ended = up_and_down(App::new("shop").service("group", group)).await;
    assert_eq!(late(&ended), ["group/stuck"]);
    assert_eq!(log.lines(), ["cleaned up"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_resource_in_a_group_is_named_by_its_path() {
    let (_, db) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |_: &i32| std::future::pending::<()>().await);
    let group = App::new("group").service("db", db).service("user", idle);
    let ended = up_and_down(App::new("shop").service("group", group)).await;
    assert_eq!(late(&ended), ["group/db"]);
}

#[tokio::test(start_paused = true)]
async fn who_blocks_a_thread_did_not_yield() {
    let (release, blocked) = mpsc::channel::<()>();
    let (begins, begun) = oneshot::channel();
    let blocks = async move |ctx: Context| {
        let blocks = ctx.blocking(move || {
            begins.send(()).expect("the service waits for it");
            blocked.recv()
        });
        begun.await?;
        ctx.ready();
        blocks.await?.unwrap_err();
        Ok(())
    };
    let (ended, ()) = drive(App::new("shop").service("before", idle).service("wedged", blocks), async |handle| {
        handle.ready().await;
        let stopped = handle.shutdown();
        // A paused clock does not move by itself while a thread is blocked.
        for _ in 0..200 {
            advance(millis(100)).await;
        }
        stopped.await.unwrap_err();
    })
    .await;
    drop(release);
    let report = ended.unwrap_err();
    assert_eq!(report.late()[0].path(), "wedged");
    assert!(report.late()[0].did_not_yield());
    assert_eq!(report.exit_code(), 70);
    check_says(&report, &["did not yield", "unfinished task spawned at"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_awaits_did_not_yield() {
    let (release, blocked) = mpsc::channel::<()>();
    let wedges = async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        // As a busy loop would, without the heat.
        blocked.recv().unwrap_err();
        Ok(())
    };
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", idle)
        .service("wedged", spec(wedges).stop_within(millis(50)))
        .observe(seen.clone());
    let ended = up_and_down(app).await;
    drop(release);
    assert!(ended.unwrap_err().late()[0].did_not_yield());
    assert_eq!(seen.phases("a").last(), Some(&Phase::Stopped), "the order goes on");
}

#[tokio::test(start_paused = true)]
async fn who_stops_a_late_service_is_told() {
    let app = App::new("shop").service("a", idle).service("late", spec(stuck).stop_within(secs(1)));
    let (ended, stopped) = drive(app, async |handle| {
        handle.ready().await;
        let stopped = handle.stop("late").await;
        handle.shutdown();
        stopped
    })
    .await;
    let error = stopped.unwrap_err();
    assert!(error.is_late());
    check_says(&error, &["service `late` did not stop in time and was dropped"]);
    assert_eq!(late(&ended), ["late"]);
}

/// Fails at 1 s, and holds a task that never ends.
async fn fails_and_lingers(ctx: Context) -> Result<(), BoxError> {
    ctx.spawn(std::future::pending::<()>());
    ctx.ready();
    sleep(secs(1)).await;
    Err("boom".into())
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_whose_tasks_linger_is_failed_and_late() {
    let seen = Recorder::new();
    let begin = Instant::now();
    let ended = crate::support::run(App::new("shop").service("a", fails_and_lingers).observe(seen.clone())).await;
    let report = ended.unwrap_err();
    assert_eq!((report.failures()[0].path(), report.late()[0].path()), ("a", "a"));
    assert_eq!(report.exit_code(), 70);
    assert_eq!(begin.elapsed(), secs(16));
    assert_eq!(seen.at("app", Phase::Stopping), secs(16), "only once it has failed");
}

#[tokio::test(start_paused = true)]
async fn a_late_service_whose_failure_is_ignored_is_still_reported_late() {
    let app = App::new("shop").service("a", spec(fails_and_lingers).on_failure(OnFailure::Ignore)).service("b", idle);
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(20)).await;
        handle.shutdown();
    })
    .await;
    assert_eq!(late(&ended), ["a"]);
}

/// Holds a task that never ends each time, and fails at 1 s the first time.
fn lingers_once() -> impl Service + Clone {
    let runs = Arc::new(AtomicU32::new(0));
    move |ctx: Context| {
        let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { fails_and_lingers(ctx).await } else { idle(ctx).await } }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_stop_before_a_restart_is_told_to_observers_and_not_reported() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", spec(lingers_once()).stop_within(secs(2)).restart(Restart::new().jitter(0.0)))
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(millis(3_500)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    let restarting = seen.all().into_iter().find(|seen| seen.to == Phase::Restarting).expect("a restart").change;
    assert_eq!(seen.at("a", Phase::Restarting), secs(3));
    check_says(&chain(restarting.error().expect("an error")), &["boom", "had not stopped after 2.0s and was dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_stop_before_a_restart_on_request_is_told_to_observers_and_not_reported() {
    let runs = Arc::new(AtomicU32::new(0));
    let stuck_once = move |ctx: Context| {
        let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if first { stuck(ctx).await } else { idle(ctx).await } }
    };
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", spec(stuck_once).stop_within(secs(2)).restart(Restart::new()))
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("a").await.unwrap();
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    let again = seen.all().into_iter().filter(|seen| seen.to == Phase::Starting && seen.path == "a").nth(1);
    let error = again.expect("a second start").change;
    check_says(&chain(error.error().expect("an error")), &["`a` (ready) had not stopped after 2.0s and was dropped"]);
}

#[tokio::test(start_paused = true)]
async fn two_late_services_are_both_named() {
    let app =
        App::new("shop").service("a", stuck).service("b", spec(stuck).after([])).service("c", fails_after(secs(1)));
    let ended = crate::support::run(app).await;
    assert_eq!(late(&ended), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_has_ended_is_not_late_for_its_child() {
    let (_, db) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |_: &i32| std::future::pending::<()>().await);
    let stops = async move |ctx: Context| {
        ctx.start("db", db).await?;
        idle(ctx).await
    };
    assert_eq!(late(&up_and_down(App::new("shop").service("parent", stops)).await), ["parent/db"]);
    let returns = async |ctx: Context| {
        ctx.start("child", stuck).await?;
        Ok(())
    };
    assert_eq!(late(&crate::support::run(App::new("shop").service("parent", returns)).await), ["parent/child"]);
}

/// A service that holds a thread until what is returned is dropped, and fails; and how often it has run.
fn wedges() -> (impl Service + Clone + Sync, mpsc::Sender<()>, Arc<AtomicU32>) {
    let (release, blocked) = mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(blocked));
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let wedges = move |ctx: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        let held = Arc::clone(&held);
        async move {
            let (begins, begun) = oneshot::channel::<()>();
            drop(ctx.blocking(move || {
                drop(begins);
                held.lock().expect("nobody panics with it").recv()
            }));
            begun.await.expect_err("it is dropped when the closure begins");
            ctx.ready();
            Err(BoxError::from("boom"))
        }
    };
    (wedges, release, runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_not_yield_is_not_restarted() {
    let (wedges, release, runs) = wedges();
    let wedges = spec(wedges).stop_within(millis(50)).restart(Restart::new());
    let ended = crate::support::run(App::new("shop").service("a", wedges)).await;
    drop(release);
    let report = ended.unwrap_err();
    assert!(report.late()[0].did_not_yield());
    assert_eq!((report.failures()[0].path(), runs.load(Ordering::SeqCst)), ("a", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_one_that_did_not_yield_is_not_restarted() {
    let (wedges, release, runs) = wedges();
    let group = move || App::new("group").service("a", spec(wedges.clone()).stop_within(millis(50)));
    let ended = crate::support::run(App::new("shop").service("group", factory(group).restart(Restart::new()))).await;
    drop(release);
    let report = ended.unwrap_err();
    assert!(report.late()[0].did_not_yield());
    assert_eq!((report.failures()[0].path(), runs.load(Ordering::SeqCst)), ("group/a", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_restarted_once_who_did_not_yield_has_let_go() {
    let (wedges, release, runs) = wedges();
    let group = move || {
        let late = spec(wedges.clone()).stop_within(millis(50)).on_failure(OnFailure::Ignore);
        App::new("group").service("a", late).service("b", idle)
    };
    let app = App::new("shop").service("group", factory(group).restart(Restart::new()));
    let (ended, ()) = drive(app, async |handle| {
        while handle.status().children[0].children.first().is_none_or(|late| late.phase != Phase::Failed) {
            sleep(millis(5)).await;
        }
        drop(release);
        sleep(secs(1)).await;
        handle.restart("group").await.expect("it lets go by now");
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        handle.shutdown();
    })
    .await;
    drop(ended);
}
