//! Groups: an app inside an app is one service, and restarts as one.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use misc_core::{App, BoxError, Context, OnFailure, Phase, Restart, factory, resource, spec};
use tokio::time::{Instant, sleep};

use crate::support::{
    Log, Recorder, check_says, done, drive, failed, fails_after, fails_to_start, idle, late, millis, run, secs, slow,
    stuck, up_and_down,
};

fn steady() -> Restart {
    Restart::new().jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn a_group_has_its_place_in_the_order() {
    let group = App::new("any name").service("x", slow(secs(1), secs(1))).service("y", slow(secs(1), secs(1)));
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("group", group).service("b", idle).observe(seen.clone());
    up_and_down(app).await.unwrap();
    let expected = [
        "0 app starting",
        "0 a starting",
        "0 a ready",
        "0 group starting",
        "0 group/x starting",
        "1 group/x ready",
        "1 group/y starting",
        "2 group/y ready",
        "2 group ready",
        "2 b starting",
        "2 b ready",
        "2 app ready",
        "2 app stopping",
        "2 b stopping",
        "2 b stopped",
        "2 group stopping",
        "2 group/y stopping",
        "3 group/y stopped",
        "3 group/x stopping",
        "4 group/x stopped",
        "4 group stopped",
        "4 a stopping",
        "4 a stopped",
        "4 app stopped",
    ];
    assert_eq!(seen.timed(), expected);
    assert!(seen.all().iter().all(|seen| seen.change.app() == "shop"));
}

#[tokio::test(start_paused = true)]
async fn a_group_gets_no_more_time_than_its_parent_has_left() {
    let group = App::new("group").service("x", spec(stuck).stop_within(secs(100))).stop_within(secs(100));
    let app = App::new("shop").service("group", spec(group).stop_within(secs(100))).stop_within(secs(10));
    let begin = Instant::now();
    let ended = up_and_down(app).await;
    assert_eq!(late(&ended), ["group/x"]);
    assert!(begin.elapsed() <= secs(10), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_group_gets_no_more_time_than_its_own() {
    let group = App::new("group").service("x", stuck).stop_within(secs(4));
    let seen = Recorder::new();
    let ended = up_and_down(App::new("shop").service("group", group).observe(seen.clone())).await;
    assert_eq!(late(&ended), ["group/x"]);
    assert_eq!(seen.at("group/x", Phase::Failed), secs(2), "half of it is kept for resources");
}

#[tokio::test(start_paused = true)]
async fn a_failure_inside_stops_the_group_and_then_the_app() {
    let group = App::new("group").service("x", idle).service("y", fails_after(secs(1)));
    let seen = Recorder::new();
    let ended = run(App::new("shop").service("a", idle).service("group", group).observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["group/y"]);
    check_says(&ended.unwrap_err(), &["service `group/y` failed", "boom"]);
    let expected = [
        "1 group/y stopping",
        "1 group/y failed",
        "1 group/x stopping",
        "1 group/x stopped",
        "1 group stopping",
        "1 group failed",
        "1 app stopping",
        "1 a stopping",
        "1 a stopped",
        "1 app failed",
    ];
    assert_eq!(seen.timed()[10..], expected);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_group_may_fail() {
    let group = App::new("group").service("x", fails_after(secs(1)));
    let seen = Recorder::new();
    let app = App::new("shop").service("group", spec(group).on_failure(OnFailure::Ignore)).service("a", idle);
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(secs(2)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.phases("group").last(), Some(&Phase::Failed));
    assert_eq!(seen.at("a", Phase::Stopping), secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_start_fails_reports_who_did() {
    let group = App::new("group").service("x", idle).service("y", fails_to_start);
    let ended = run(App::new("shop").service("group", group).service("b", idle)).await;
    assert_eq!(failed(&ended), ["group/y"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_ends_when_all_in_it_have_ended() {
    let group = App::new("group").service("x", done).service("y", spec(idle).background());
    let seen = Recorder::new();
    run(App::new("shop").service("group", group).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Stopped), ["group/x", "group/y", "group", "app"]);
}

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_only_who_failed() {
    let app = App::new("shop")
        .service("a", idle)
        .service("b", spec(fails_after(secs(1))).restart(steady()))
        .service("c", idle);
    let seen = Recorder::new();
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(millis(1500)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("b", Phase::Starting).len(), 2);
    assert_eq!(seen.times("a", Phase::Starting).len() + seen.times("c", Phase::Starting).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_restarts_the_whole_group() {
    let group = || App::new("group").service("x", idle).service("y", fails_after(secs(1))).service("z", idle);
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("group", factory(group).restart(steady()));
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(millis(1500)).await;
        assert_eq!(handle.list(), ["a", "group", "group/x", "group/y", "group/z"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    for inner in ["group/x", "group/y", "group/z"] {
        assert_eq!(seen.times(inner, Phase::Starting), [millis(0), millis(1100)], "{inner}");
    }
    assert_eq!(seen.times("a", Phase::Starting).len(), 1);
    let down = ["group/y failed", "group/z stopped", "group/x stopped", "group restarting", "group/x starting"];
    let order: Vec<_> = seen.lines().into_iter().filter(|line| down.contains(&&**line)).collect();
    assert_eq!(order[1..6], down);
}

/// Rest-for-one: each group holds a service and the group of all that comes after it.
fn rest_for_one(log: &Log, failing: &'static str) -> App {
    let fails_once = Arc::new(AtomicU32::new(0));
    let service = {
        let log = log.clone();
        move |name: &'static str| {
            let (log, failed) = (log.clone(), Arc::clone(&fails_once));
            async move |ctx: Context| {
                log.add(format!("{name} up"));
                ctx.ready();
                if name == failing && failed.fetch_add(1, Ordering::SeqCst) == 0 {
                    sleep(secs(1)).await;
                    return Err("boom".into());
                }
                ctx.stopping().await;
                log.add(format!("{name} down"));
                Ok(())
            }
        }
    };
    let last = {
        let service = service.clone();
        move || App::new("last").service("c", service("c"))
    };
    let middle = {
        let service = service.clone();
        move || App::new("middle").service("b", service("b")).service("rest", factory(last.clone()).restart(steady()))
    };
    let first =
        move || App::new("first").service("a", service("a")).service("rest", factory(middle.clone()).restart(steady()));
    App::new("shop").service("all", factory(first).restart(steady()))
}

async fn check_rest_for_one(failing: &'static str, expected: &[&str]) {
    let log = Log::default();
    let (ended, ()) = drive(rest_for_one(&log, failing), async |handle| {
        sleep(millis(1500)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    let lines = log.lines();
    assert_eq!(lines[..3], ["a up", "b up", "c up"]);
    assert_eq!(lines[3..lines.len() - 3], *expected, "{failing} fails");
    assert_eq!(lines[lines.len() - 3..], ["c down", "b down", "a down"]);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_who_failed_and_all_after_it() {
    check_rest_for_one("a", &["c down", "b down", "a up", "b up", "c up"]).await;
    check_rest_for_one("b", &["c down", "b up", "c up"]).await;
    check_rest_for_one("c", &["c up"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_in_a_group_is_stopped_and_restarted_by_its_path() {
    let group = App::new("group").service("x", spec(idle).restart(steady())).service("y", idle);
    let seen = Recorder::new();
    let app = App::new("shop").service("group", group).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("group/x").await.unwrap();
        handle.stop("group/y").await.unwrap();
        handle.stop("group/x").await.unwrap();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("group/x", Phase::Ready).len(), 2);
    assert_eq!(seen.who(Phase::Stopped), ["group/y", "group/x", "group", "app"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_stopped_and_restarted_by_its_name() {
    let group = || App::new("group").service("x", idle);
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("group", factory(group)).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("group").await.unwrap();
        handle.stop("group").await.unwrap();
        handle.restart("group").await.unwrap();
        assert_eq!(handle.list(), ["a", "group", "group/x"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("group/x", Phase::Ready).len(), 3);
    assert_eq!(seen.times("group/x", Phase::Stopped).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_context_leads_to_its_group_and_to_the_root() {
    let log = Log::default();
    let inner = log.clone();
    let looks = async move |ctx: Context| {
        ctx.ready();
        inner.add(ctx.name());
        inner.add(ctx.app().status().name);
        inner.add(ctx.app().root().status().name);
        inner.add(ctx.app().list().join(" "));
        Ok(())
    };
    let group = App::new("group").service("x", looks);
    run(App::new("shop").service("g", group)).await.unwrap();
    assert_eq!(log.lines(), ["g/x", "group", "shop", "g/x"]);
}

#[tokio::test(start_paused = true)]
async fn shutting_a_group_down_ends_only_the_group() {
    let quits = async |ctx: Context| {
        ctx.ready();
        ctx.app().shutdown().await?;
        ctx.stopping().await;
        Ok(())
    };
    let group = App::new("group").service("x", idle).service("y", quits);
    let seen = Recorder::new();
    let app = App::new("shop").service("group", group).service("b", slow(secs(1), secs(0))).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("group", Phase::Stopped), secs(0));
    assert_eq!(seen.at("b", Phase::Stopping), secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_shut_down_from_outside_is_waited_for() {
    let group = App::new("group").service("x", slow(secs(0), secs(3)));
    let inside = group.handle();
    let (ended, at) = drive(App::new("shop").service("group", group).service("b", idle), async |handle| {
        handle.ready().await;
        let begin = Instant::now();
        inside.shutdown().await.unwrap();
        handle.shutdown();
        begin.elapsed()
    })
    .await;
    ended.unwrap();
    assert_eq!(at, secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_a_group_sees_only_what_is_inside() {
    let (inside, outside) = (Recorder::new(), Recorder::new());
    let group = App::new("group").service("x", idle).observe(inside.clone());
    up_and_down(App::new("shop").service("a", idle).service("g", group).observe(outside.clone())).await.unwrap();
    assert_eq!(inside.lines(), ["g/x starting", "g/x ready", "g/x stopping", "g/x stopped"]);
    assert_eq!(outside.phases("g/x").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_group_dropped_at_its_bound_leaves_nothing_running() {
    let log = Log::default();
    let inner = log.clone();
    let holds = async move |ctx: Context| {
        let _guard = inner.on_drop("released");
        ctx.ready();
        std::future::pending().await
    };
    let group = App::new("group").service("x", holds).keep(log.on_drop("kept"));
    assert!(up_and_down(App::new("shop").service("g", group)).await.is_err());
    assert_eq!(log.lines(), ["released", "kept"]);
}

#[tokio::test(start_paused = true)]
async fn groups_nest_deeply() {
    let mut app = App::new("0").service("leaf", idle);
    for depth in 1..20 {
        app = App::new(depth.to_string()).service("in", app);
    }
    let seen = Recorder::new();
    let app = app.observe(seen.clone()).stop_within(secs(1000));
    up_and_down(app).await.unwrap();
    let leaf = format!("{}/leaf", ["in"; 19].join("/"));
    assert_eq!(seen.who(Phase::Ready).first(), Some(&leaf));
    assert_eq!(seen.who(Phase::Stopped).len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_stopping_closes_its_resources_when_the_app_leaves_it_less_time() {
    let log = Log::default();
    let close_log = log.clone();
    let (_, db) = resource((), async |()| Ok::<_, BoxError>(1)).on_close(move |_: &i32| {
        let log = close_log.clone();
        async move { log.add("closed") }
    });
    let group = App::new("group").service("db", db).service("stuck", stuck);
    let app = App::new("shop").service("a", idle).service("g", group).stop_within(secs(4));
    let (ended, begin) = drive(app, async |handle| {
        handle.ready().await;
        drop(handle.stop("g"));
        sleep(millis(100)).await;
        handle.shutdown();
        Instant::now()
    })
    .await;
    assert_eq!(late(&ended), ["g/stuck"]);
    assert_eq!(log.lines(), ["closed"]);
    assert!(begin.elapsed() <= secs(4), "{:?}", begin.elapsed());
}

/// Checks that the second group a factory makes is refused like one that is there from the start.
async fn check_second_is_refused(second: impl Fn() -> App + Send + Sync + 'static, says: &[&str]) {
    let made = AtomicU32::new(0);
    let make = move || match made.fetch_add(1, Ordering::SeqCst) {
        0 => App::new("group").service("x", fails_after(secs(1))),
        _ => second(),
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("g", factory(make).restart(steady().attempts(2)));
    let ended = run(app.observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["g"]);
    check_says(&ended.expect_err("a failure"), says);
    assert_eq!(seen.times("g/x", Phase::Starting), [secs(0)], "nothing of the second one is started");
    assert_eq!(seen.phases("a").last(), Some(&Phase::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_factory_whose_second_group_names_an_unknown_service_fails_with_that() {
    let second = || App::new("group").service("x", spec(idle).after(["nobody"]));
    check_second_is_refused(second, &["service `x` starts after `nobody`, which is not registered"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_factory_whose_second_group_has_a_name_twice_fails_with_that() {
    let second = || App::new("group").service("x", idle).service("x", idle);
    check_second_is_refused(second, &["two services are named `x`"]).await;
}
