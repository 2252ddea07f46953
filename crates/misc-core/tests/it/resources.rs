//! Resources: opened before and closed after everything that uses them, exactly once per open, in every ending.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError, Context, Driver, OnFailure, Phase, Resource, Restart, factory, resource, spec};
use tokio::time::sleep;

use crate::support::{
    Log, Recorder, check_says, done, drive, failed, fails_after, fails_to_start, idle, in_time, late, millis,
    never_ready, run, secs, stuck, up_and_down,
};

/// An open connection: a number that tells how often it was opened.
#[derive(Debug, Clone, PartialEq)]
struct Conn(u32);

/// A resource that logs `open name n` and `close name n`, taking its time for both.
fn logged(log: &Log, name: &'static str, open: Duration, close: Duration) -> (Resource<Conn>, Driver<Conn>) {
    let opened = Arc::new(AtomicU32::new(0));
    let opening = resource(log.clone(), move |log: Log| {
        let opened = Arc::clone(&opened);
        async move {
            log.add(format!("opening {name}"));
            sleep(open).await;
            let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
            log.add(format!("open {name} {number}"));
            Ok::<_, BoxError>(Conn(number))
        }
    });
    let log = log.clone();
    opening.on_close(move |conn: &Conn| {
        let (log, number) = (log.clone(), conn.0);
        async move {
            log.add(format!("close {name} {number}"));
            sleep(close).await;
            log.add(format!("closed {name} {number}"));
        }
    })
}

fn quick(log: &Log, name: &'static str) -> (Resource<Conn>, Driver<Conn>) {
    logged(log, name, secs(0), secs(0))
}

/// Uses the resource until it is asked to stop, and logs that.
fn user(log: &Log, conn: &Resource<Conn>) -> impl misc_core::Service + Clone + use<> {
    let (log, conn) = (log.clone(), conn.clone());
    move |ctx: Context| async move {
        conn.get().await?;
        ctx.ready();
        ctx.stopping().await;
        conn.get().await.expect("it is open as long as somebody uses it");
        log.add("user down");
        Ok(())
    }
}

/// Checks that each open was closed once, and returns how many there were.
fn check_closed_once(log: &Log) -> usize {
    let lines = log.lines();
    let opens: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("open ")).collect();
    for open in &opens {
        let closes = lines.iter().filter(|line| line.strip_prefix("close ") == Some(open)).count();
        assert_eq!(closes, 1, "{open} in {lines:?}");
    }
    let closes = lines.iter().filter(|line| line.starts_with("close ")).count();
    assert_eq!(closes, opens.len(), "{lines:?}");
    opens.len()
}

const BOTH: [&str; 9] = [
    "opening one",
    "open one 1",
    "opening two",
    "open two 1",
    "user down",
    "close two 1",
    "closed two 1",
    "close one 1",
    "closed one 1",
];

/// Two resources and a user of both; what ends the app stands behind them.
async fn check_ending(ending: impl AsyncFnOnce(App) -> Result<(), misc_core::Report>) -> Result<(), misc_core::Report> {
    let log = Log::default();
    let ((one, one_driver), (_, two_driver)) = (quick(&log, "one"), quick(&log, "two"));
    let app = App::new("shop")
        .service("one", one_driver)
        .service("two", two_driver)
        .service("user", spec(user(&log, &one)).stop_within(secs(1)));
    let ended = in_time(ending(app)).await;
    assert_eq!(log.lines(), BOTH);
    ended
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_the_app_is_stopped() {
    check_ending(up_and_down).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_a_service_fails() {
    let ended = check_ending(async |app| run(app.service("bad", fails_after(secs(1)))).await).await;
    assert_eq!(failed(&ended), ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_a_service_panics() {
    let bad = async |ctx: Context| {
        ctx.ready();
        sleep(secs(1)).await;
        panic!("boom")
    };
    assert_eq!(failed(&check_ending(async |app| run(app.service("bad", bad)).await).await), ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_all_services_have_ended() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    let inner = log.clone();
    let job = async move |_: Context| {
        inner.add(format!("job with {:?}", conn.get().await?));
        Ok(())
    };
    run(App::new("shop").service("db", driver).service("job", job)).await.unwrap();
    assert_eq!(log.lines(), ["opening db", "open db 1", "job with Conn(1)", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_a_start_fails() {
    let ended = check_ending(async |app| run(app.service("bad", fails_to_start)).await).await;
    assert_eq!(failed(&ended), ["bad"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_a_start_is_late() {
    let ended = check_ending(async |app| run(app.service("mute", never_ready)).await).await;
    assert_eq!(failed(&ended), ["mute"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_a_service_is_late() {
    let ended = check_ending(async |app| up_and_down(app.service("stuck", stuck)).await).await;
    assert_eq!(late(&ended), ["stuck"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_after_its_users_when_another_resource_cannot_open() {
    let (_, broken) = resource((), async |()| Err::<u8, _>("no route")).split();
    let ended = check_ending(async |app| run(app.service("broken", broken)).await).await;
    assert_eq!(failed(&ended), ["broken"]);
    check_says(&ended.unwrap_err(), &["service `broken` failed", "no route"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_when_a_user_is_late() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    let inner = log.clone();
    let late_user = async move |ctx: Context| {
        conn.get().await?;
        let _guard = inner.on_drop("user dropped");
        ctx.ready();
        std::future::pending().await
    };
    let ended = up_and_down(App::new("shop").service("db", driver).service("user", late_user)).await;
    assert_eq!(late(&ended), ["user"]);
    assert_eq!(log.lines(), ["opening db", "open db 1", "user dropped", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn closed_once_wherever_a_start_fails_among_resources() {
    for position in 0..4 {
        let log = Log::default();
        let mut app = App::new("shop");
        for (at, name) in ["r0", "r1", "r2", "r3"].into_iter().enumerate() {
            if at == position {
                app = app.service("bad", fails_to_start);
            }
            app = app.service(name, quick(&log, name).1);
        }
        let ended = run(app).await;
        assert_eq!(failed(&ended), ["bad"]);
        assert_eq!(check_closed_once(&log), position);
        let closes: Vec<_> = log.lines().into_iter().filter(|line| line.starts_with("close ")).collect();
        let expected: Vec<_> = (0..position).rev().map(|at| format!("close r{at} 1")).collect();
        assert_eq!(closes, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_open_drops_it_and_closes_nothing() {
    let log = Log::default();
    let (_, driver) = logged(&log, "db", secs(10), secs(0));
    let app = App::new("shop").service("db", driver).service("a", idle);
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(log.lines(), ["opening db"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_just_when_it_opens_never_loses_an_open() {
    let log = Log::default();
    for at in 0..20 {
        let (_, driver) = logged(&log, "db", millis(at), secs(0));
        let (ended, ()) = drive(App::new("shop").service("db", driver).service("a", idle), async |handle| {
            sleep(millis(10)).await;
            handle.shutdown();
        })
        .await;
        ended.unwrap();
        let lines = log.lines();
        let count = |what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
        assert_eq!(count("open "), count("closed "), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_just_when_it_opens_never_loses_an_open_on_many_threads() {
    for _ in 0..200 {
        let log = Log::default();
        let (_, driver) = quick(&log, "db");
        let app = App::new("shop").service("db", driver).service("a", idle).without_signals();
        let handle = app.handle();
        let (ended, ()) = tokio::join!(app.run(), async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            handle.shutdown();
        });
        ended.unwrap();
        check_closed_once(&log);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_past_its_start_deadline_is_dropped() {
    let log = Log::default();
    let (conn, driver) = logged(&log, "db", secs(60), secs(0));
    let app = App::new("shop").service("db", driver).service("user", user(&log, &conn));
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["db"]);
    assert_eq!(log.lines(), ["opening db"]);
    let gone = in_time(conn.get()).await.unwrap_err();
    assert!(gone.is_failed());
}

#[tokio::test(start_paused = true)]
async fn an_open_that_panics_closes_nothing() {
    let (conn, driver) = resource((), async |()| -> Result<u8, BoxError> { panic!("in the open") }).split();
    let ended = run(App::new("shop").service("db", driver)).await;
    check_says(&ended.unwrap_err(), &["service `db` failed", "panicked: in the open"]);
    check_says(&in_time(conn.get()).await.unwrap_err(), &["resource `db` has failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_fails_is_reported() {
    let (_, driver) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |_: &i32| Err::<(), _>("still busy"));
    let ended = up_and_down(App::new("shop").service("db", driver).service("a", idle)).await;
    check_says(&ended.unwrap_err(), &["service `db` failed", "still busy"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_panics_is_reported_and_the_others_close() {
    let log = Log::default();
    let (_, first) = quick(&log, "first");
    let (_, driver) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |n: &i32| assert_ne!(*n, 1, "in the close"));
    let ended = up_and_down(App::new("shop").service("first", first).service("db", driver)).await;
    check_says(&ended.unwrap_err(), &["service `db` failed", "in the close"]);
    assert_eq!(check_closed_once(&log), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_close_function_it_is_dropped_last() {
    let log = Log::default();
    let (conn, driver) =
        resource(log.clone(), async |log: Log| Ok::<_, BoxError>(Arc::new(log.on_drop("dropped")))).split();
    let inner = log.clone();
    let uses = async move |ctx: Context| {
        conn.get().await?;
        idle(ctx).await?;
        inner.add("user down");
        Ok(())
    };
    up_and_down(App::new("shop").service("db", driver).service("user", uses)).await.unwrap();
    assert_eq!(log.lines(), ["user down", "dropped"]);
}

#[tokio::test(start_paused = true)]
async fn restarting_it_closes_and_opens_it_again_while_users_wait() {
    let log = Log::default();
    let (conn, driver) = logged(&log, "db", secs(1), secs(1));
    let app = App::new("shop").service("db", driver).service("user", user(&log, &conn));
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert_eq!(conn.get().await, Ok(Conn(1)));
        let restarted = handle.restart("db");
        sleep(millis(500)).await;
        assert_eq!(conn.get().await, Ok(Conn(2)), "who asks meanwhile gets the new one");
        restarted.await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    let expected = [
        "opening db",
        "open db 1",
        "close db 1",
        "closed db 1",
        "opening db",
        "open db 2",
        "user down",
        "close db 2",
        "closed db 2",
    ];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_was_stopped_can_be_opened_again() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    let app = App::new("shop").service("db", driver).service("a", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("db").await.unwrap();
        check_says(&conn.get().await.unwrap_err(), &["resource `db` has been closed"]);
        handle.restart("db").await.unwrap();
        assert_eq!(conn.get().await, Ok(Conn(2)));
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(check_closed_once(&log), 2);
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_closes_and_opens_its_resources() {
    let log = Log::default();
    let inner = log.clone();
    let group = move || {
        let (conn, driver) = quick(&inner, "db");
        App::new("group")
            .service("db", driver)
            .service("user", user(&inner, &conn))
            .service("bad", fails_after(secs(1)))
    };
    let app = App::new("shop").service("group", factory(group).restart(Restart::new().jitter(0.0)));
    let (ended, ()) = drive(app, async |handle| {
        sleep(millis(1500)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    let once = ["opening db", "open db 1", "user down", "close db 1", "closed db 1"];
    assert_eq!(log.lines(), [once, once].concat());
}

#[tokio::test(start_paused = true)]
async fn a_group_closes_its_resources_before_the_rest_of_the_app_stops() {
    let log = Log::default();
    let ((outer, outer_driver), (conn, driver)) = (quick(&log, "outer"), quick(&log, "inner"));
    let group = App::new("group").service("inner", driver).service("user", user(&log, &conn));
    let app =
        App::new("shop").service("outer", outer_driver).service("before", user(&log, &outer)).service("group", group);
    up_and_down(app).await.unwrap();
    let expected = [
        "opening outer",
        "open outer 1",
        "opening inner",
        "open inner 1",
        "user down",
        "close inner 1",
        "closed inner 1",
        "user down",
        "close outer 1",
        "closed outer 1",
    ];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn one_resource_is_built_from_another() {
    let log = Log::default();
    let (pool, pool_driver) = quick(&log, "pool");
    let close_log = log.clone();
    let (cache, cache_driver) = resource(pool.clone(), async |pool: Resource<Conn>| {
        let Conn(number) = pool.get().await?;
        Ok::<_, BoxError>(format!("cache over {number}"))
    })
    .on_close(move |_: &String| {
        let log = close_log.clone();
        async move { log.add("cache closed") }
    });
    let inner = log.clone();
    let uses = async move |ctx: Context| {
        inner.add(cache.get().await?);
        idle(ctx).await
    };
    let app = App::new("shop").service("pool", pool_driver).service("cache", cache_driver).service("user", uses);
    up_and_down(app).await.unwrap();
    let expected = ["opening pool", "open pool 1", "cache over 1", "cache closed", "close pool 1", "closed pool 1"];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_registered_first_waits_for_its_resource() {
    let log = Log::default();
    let (conn, driver) = logged(&log, "db", secs(5), secs(0));
    let app = App::new("shop").service("user", user(&log, &conn)).service("db", spec(driver).after([]));
    up_and_down(app).await.unwrap();
    assert_eq!(log.lines(), ["opening db", "open db 1", "user down", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn two_of_one_type_are_told_apart_by_their_handles() {
    let (one, one_driver) = resource(1, async |n: i32| Ok::<_, BoxError>(n)).split();
    let (two, two_driver) = resource(2, async |n: i32| Ok::<_, BoxError>(n)).split();
    let uses = async move |ctx: Context| {
        assert_eq!((one.get().await?, two.get().await?), (1, 2));
        let error = ctx.get::<i32>().await.unwrap_err();
        assert!(error.is_ambiguous());
        check_says(&error, &["2 services provide a `i32` (one, two)", "pass the `Resource` handle"]);
        Ok(())
    };
    run(App::new("shop").service("one", one_driver).service("two", two_driver).service("user", uses)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_found_by_its_type() {
    let (_, driver) = resource(7, async |n: u64| {
        sleep(secs(3)).await;
        Ok::<_, BoxError>(n)
    })
    .split();
    let uses = async move |ctx: Context| {
        assert_eq!(ctx.get::<u64>().await?, 7);
        let error = ctx.get::<String>().await.unwrap_err();
        assert!(error.is_absent());
        check_says(&error, &["no service provides a `alloc::string::String`", "register the driver"]);
        Ok(())
    };
    run(App::new("shop").service("user", uses).service("n", spec(driver).after([]))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_finds_resources_by_type_in_the_apps_around_it() {
    let (_, outer) = resource(1, async |n: u64| Ok::<_, BoxError>(n)).split();
    let (_, text) = resource((), async |()| Ok::<_, BoxError>("outer".to_owned())).split();
    let (_, inner) = resource(2, async |n: u64| Ok::<_, BoxError>(n)).split();
    let uses = async move |ctx: Context| {
        assert_eq!(ctx.get::<u64>().await?, 2, "its own come first");
        assert_eq!(ctx.get::<String>().await?, "outer");
        Ok(())
    };
    let group = App::new("group").service("inner", inner).service("user", uses);
    let nested = App::new("nested").service("group", group);
    run(App::new("shop").service("outer", outer).service("text", text).service("nested", nested)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_driver_was_dropped_was_never_registered() {
    let (conn, driver) = resource((), async |()| Ok::<_, BoxError>(Conn(1))).split();
    drop(driver);
    let gone = in_time(conn.get()).await.unwrap_err();
    assert!(gone.is_unregistered());
    check_says(&gone, &["a resource of type", "Conn", "was never registered: pass its driver to `App::service`"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_an_app_that_was_dropped_or_refused_answers() {
    let (conn, driver) = resource((), async |()| Ok::<_, BoxError>(Conn(1))).split();
    drop(App::new("shop").service("db", driver));
    in_time(conn.get()).await.unwrap_err();
    let (conn, driver) = resource((), async |()| Ok::<_, BoxError>(Conn(1))).split();
    assert!(run(App::new("shop").service("db", driver).service("db", idle)).await.is_err());
    in_time(conn.get()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_an_app_that_ended_is_closed() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    up_and_down(App::new("shop").service("db", driver)).await.unwrap();
    check_says(&in_time(conn.get()).await.unwrap_err(), &["resource `db` has been closed"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_never_started_is_gone() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    assert!(run(App::new("shop").service("bad", fails_to_start).service("db", driver)).await.is_err());
    in_time(conn.get()).await.unwrap_err();
    assert!(log.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_resource_that_fails_is_told() {
    let (conn, driver) = resource((), async |()| {
        sleep(secs(1)).await;
        Err::<u8, _>("no route")
    })
    .split();
    let app = App::new("shop").service("db", spec(driver).on_failure(OnFailure::Ignore)).service("a", idle);
    let (ended, gone) = drive(app, async |handle| {
        let gone = conn.get().await.unwrap_err();
        handle.ready().await;
        handle.shutdown();
        gone
    })
    .await;
    ended.unwrap();
    check_says(&gone, &["resource `db` has failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_started_as_a_child_and_closed_before_its_parent_ends() {
    let log = Log::default();
    let inner = log.clone();
    let seen = Recorder::new();
    let parent = async move |ctx: Context| {
        let (conn, driver) = quick(&inner, "db");
        ctx.start("db", driver).await?;
        ctx.ready();
        ctx.stopping().await;
        assert_eq!(conn.get().await, Ok(Conn(1)), "open while the parent uses it");
        inner.add("parent down");
        Ok(())
    };
    let app = App::new("shop").service("a", idle).service("parent", parent).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("parent").await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(log.lines(), ["opening db", "open db 1", "parent down", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_child_is_closed_after_its_parents_work_when_the_app_stops() {
    let log = Log::default();
    let inner = log.clone();
    let parent = async move |ctx: Context| {
        let (conn, driver) = quick(&inner, "db");
        ctx.start("db", driver).await?;
        ctx.ready();
        ctx.stopping().await;
        assert_eq!(conn.get().await, Ok(Conn(1)), "open while the parent uses it");
        inner.add("parent down");
        Ok(())
    };
    up_and_down(App::new("shop").service("parent", parent)).await.unwrap();
    assert_eq!(log.lines(), ["opening db", "open db 1", "parent down", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_added_at_run_time_closes_last() {
    let log = Log::default();
    let (conn, driver) = quick(&log, "db");
    let (ended, ()) = drive(App::new("shop").service("a", idle), async |handle| {
        handle.ready().await;
        handle.start("db", driver).await.unwrap();
        handle.start("user", user(&log, &conn)).await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(log.lines(), ["opening db", "open db 1", "user down", "close db 1", "closed db 1"]);
}

#[tokio::test(start_paused = true)]
async fn resources_alone_keep_an_app_running_until_it_is_stopped() {
    let log = Log::default();
    let (_, driver) = quick(&log, "db");
    let seen = Recorder::new();
    let (ended, ()) = drive(App::new("shop").service("db", driver).observe(seen.clone()), async |handle| {
        sleep(secs(100)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("db", Phase::Stopping), secs(100));
    assert_eq!(check_closed_once(&log), 1);
}

#[tokio::test(start_paused = true)]
async fn the_input_is_cloned_for_each_open() {
    let (conn, driver) = resource(vec![1], async |mut numbers: Vec<i32>| {
        numbers.push(2);
        Ok::<_, BoxError>(numbers)
    })
    .split();
    let (ended, ()) =
        drive(App::new("shop").service("n", driver).service("once", done).service("a", idle), async |handle| {
            handle.ready().await;
            handle.restart("n").await.unwrap();
            assert_eq!(conn.get().await.unwrap(), [1, 2]);
            handle.shutdown();
        })
        .await;
    ended.unwrap();
}

/// Fails to open a number of times, a second apart.
fn flaky(log: &Log, failures: u32) -> (Resource<Conn>, Driver<Conn>) {
    let tries = Arc::new(AtomicU32::new(0));
    let opening = resource(log.clone(), move |log: Log| {
        let number = tries.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if number <= failures {
                log.add(format!("no route {number}"));
                return Err(BoxError::from("no route"));
            }
            log.add(format!("open db {number}"));
            Ok(Conn(number))
        }
    });
    let log = log.clone();
    opening.on_close(move |conn: &Conn| {
        let (log, number) = (log.clone(), conn.0);
        async move { log.add(format!("close db {number}")) }
    })
}

/// Restarts after a second, each time.
fn every_second() -> Restart {
    Restart::new().attempts(1000).backoff(secs(1), secs(1)).jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn a_failing_first_open_is_tried_again_while_a_user_waits() {
    let (log, seen) = (Log::default(), Recorder::new());
    let (conn, driver) = flaky(&log, 2);
    let app = App::new("shop")
        .service("db", spec(driver).restart(every_second()))
        .service("user", spec(user(&log, &conn)).after([]))
        .observe(seen.clone());
    up_and_down(app).await.unwrap();
    assert_eq!(log.lines(), ["no route 1", "no route 2", "open db 3", "user down", "close db 3"]);
    assert_eq!(seen.at("user", Phase::Ready), secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_first_open_that_keeps_failing_gives_up_at_the_start_deadline() {
    let (log, seen) = (Log::default(), Recorder::new());
    let (conn, driver) = flaky(&log, u32::MAX);
    let waits = async move |_: Context| {
        let gone = conn.get().await.expect_err("it never opens");
        assert!(gone.is_failed());
        check_says(&gone, &["resource `db` has failed"]);
        Ok(())
    };
    let app = App::new("shop")
        .service("db", spec(driver).start_within(secs(5)).restart(every_second()))
        .service("user", spec(waits).after([]))
        .observe(seen.clone());
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["db"]);
    check_says(&ended.unwrap_err(), &["`db` was not ready within 5s", "its 5 attempts failed", "no route"]);
    assert_eq!(seen.at("db", Phase::Failed), secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_would_be_restarted_is_gone_after_its_last_stop() {
    let log = Log::default();
    let (conn, driver) = flaky(&log, 0);
    let app = App::new("shop").service("db", spec(driver).restart(every_second())).service("a", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert_eq!(conn.get().await, Ok(Conn(1)));
        handle.stop("db").await.unwrap();
        check_says(&conn.get().await.unwrap_err(), &["resource `db` has been closed"]);
        handle.restart("db").await.unwrap();
        assert_eq!(conn.get().await, Ok(Conn(2)));
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    check_says(&in_time(conn.get()).await.unwrap_err(), &["resource `db` has been closed"]);
    assert_eq!(check_closed_once(&log), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_an_open_is_tried_again_tells_who_waits() {
    let log = Log::default();
    let (conn, driver) = flaky(&log, u32::MAX);
    let (ended, gone) = drive(App::new("shop").service("db", spec(driver).restart(every_second())), async |handle| {
        let stops = async {
            sleep(millis(1500)).await;
            handle.shutdown();
        };
        tokio::join!(conn.get(), stops).0.unwrap_err()
    })
    .await;
    ended.unwrap();
    check_says(&gone, &["resource `db` has been closed"]);
}

/// Opens at once, but for some times: those do not end.
fn hangs_from(first: u32) -> (Resource<Conn>, Driver<Conn>) {
    let opened = Arc::new(AtomicU32::new(0));
    let opening = resource((), move |()| {
        let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
        async move { if number < first { Ok::<_, BoxError>(Conn(number)) } else { std::future::pending().await } }
    });
    opening.split()
}

/// Uses the resource, and again after two seconds; it does not look whether it shall stop.
fn uses_twice(conn: &Resource<Conn>) -> impl misc_core::Service + Clone + use<> {
    let conn = conn.clone();
    move |ctx: Context| async move {
        conn.get().await?;
        ctx.ready();
        sleep(secs(2)).await;
        conn.get().await?;
        ctx.stopping().await;
        Ok(())
    }
}

/// Restarts the resource under its user, then stops the app while that waits for it.
async fn check_stops_at_once_while_it_waits(conn: &Resource<Conn>, db: misc_core::Spec<impl misc_core::Service>) {
    let seen = Recorder::new();
    let app =
        App::new("shop").service("db", db).service("user", uses_twice(conn)).service("a", idle).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        sleep(secs(1)).await;
        drop(handle.restart("db"));
        sleep(secs(4)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(seen.times("user", Phase::Stopped), [secs(5)]);
    assert_eq!(seen.at("app", Phase::Stopped), secs(5));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_resource_that_hangs_when_it_is_reopened_stops_at_once() {
    let (conn, driver) = hangs_from(2);
    check_stops_at_once_while_it_waits(&conn, spec(driver)).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_resource_that_waits_to_be_reopened_stops_at_once() {
    let opened = Arc::new(AtomicU32::new(0));
    let (conn, driver) = resource((), move |()| {
        let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
        async move { if number == 1 { Ok(Conn(number)) } else { Err("no route") } }
    })
    .split();
    let restart = Restart::new().attempts(1000).backoff(secs(100), secs(100)).jitter(0.0);
    check_stops_at_once_while_it_waits(&conn, spec(driver).restart(restart)).await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_resource_that_never_opens_stops_at_once() {
    let seen = Recorder::new();
    let (conn, driver) = hangs_from(1);
    let app =
        App::new("shop").service("db", driver).service("user", spec(uses_twice(&conn)).after([])).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(3)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(seen.times("user", Phase::Stopped), [secs(3)]);
    assert_eq!(seen.at("app", Phase::Stopped), secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_user_that_hides_its_resource_behind_an_error_of_its_own_stops_cleanly_too() {
    let (conn, driver) = hangs_from(1);
    let uses = async move |_: Context| {
        conn.get().await.map_err(|gone| crate::support::Above("cannot work", gone.into()))?;
        Ok(())
    };
    let app = App::new("shop").service("db", driver).service("user", spec(uses).after([]));
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(3)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_user_that_waits_for_a_resource_behind_it_is_told_and_does_not_hold_up_the_end() {
    let (log, seen) = (Log::default(), Recorder::new());
    let (conn, driver) = quick(&log, "db");
    let app = App::new("shop").service("user", uses_twice(&conn)).service("db", driver).observe(seen.clone());
    let ended = run(app).await;
    assert_eq!((failed(&ended), late(&ended)), (vec!["user"], vec![]));
    let report = ended.unwrap_err();
    assert_eq!(report.exit_code(), 1);
    check_says(&report, &["`user` was not ready within 30s", "`db`"]);
    assert_eq!(seen.at("app", Phase::Failed), secs(30), "nobody is waited for");
    assert!(log.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_stops_another_way_gets_no_error_for_a_resource_it_waits_for() {
    // The wait belongs to the one that asks, not to all of them.
    let seen = Recorder::new();
    let (conn, driver) = hangs_from(1);
    let app = App::new("shop")
        .service("db", driver)
        .service("one", spec(uses_twice(&conn)).after([]))
        .service("two", spec(uses_twice(&conn)).after([]))
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(1)).await;
        handle.stop("one").await.unwrap();
        sleep(secs(1)).await;
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!((seen.at("one", Phase::Stopped), seen.at("two", Phase::Stopped)), (secs(1), secs(2)));
}

/// A resource whose first open holds its thread until it is told to go on, and the moment it is given up.
///
/// Opens `Conn(1)` then, when it has been given up for long, and `Conn(2)` and so on otherwise.
async fn check_open_that_returns_too_late(restarts: bool) {
    let log = Log::default();
    let (go_on, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let opened = Arc::new(AtomicU32::new(0));
    let close_log = log.clone();
    let (conn, driver) = resource(log.clone(), move |log: Log| {
        let (number, blocked) = (opened.fetch_add(1, Ordering::SeqCst) + 1, Arc::clone(&blocked));
        async move {
            if number == 1 {
                // An error says that the test has ended.
                blocked.lock().expect("nobody panics with it").recv().unwrap_or_default();
            }
            log.add(format!("open {number}"));
            Ok::<_, BoxError>(Conn(number))
        }
    })
    .on_close(move |conn: &Conn| {
        let (log, number) = (close_log.clone(), conn.0);
        async move { log.add(format!("close {number}")) }
    });
    let (gave_up, mut given_up) = tokio::sync::mpsc::channel(1);
    let db = spec(driver).start_within(millis(50)).stop_within(millis(50)).on_failure(OnFailure::Ignore);
    let app = App::new("shop").service("db", db).service("a", spec(idle).after([])).observe(
        move |change: &misc_core::Transition| {
            if change.service() == Some("db") && change.to() == Phase::Failed {
                gave_up.try_send(()).unwrap_or_default();
            }
        },
    );
    let (_, ()) = drive(app, async |handle| {
        given_up.recv().await.expect("an open that does not return is given up");
        if restarts {
            handle.restart("db").await.expect("it opens");
            assert_eq!(conn.get().await, Ok(Conn(2)));
        }
        go_on.send(()).expect("it is blocked");
        // Nothing tells when an open that nobody waits for is through with what it should not do.
        for _ in 0..50 {
            match in_time(conn.get()).await {
                Ok(now) => assert!(restarts && now == Conn(2), "{now:?} comes from an open that was given up"),
                Err(gone) => assert!(!restarts && gone.is_failed(), "{gone}"),
            }
            sleep(millis(2)).await;
        }
        handle.shutdown();
    })
    .await;
    let lines = log.lines();
    assert!(lines.contains(&"open 1".to_owned()), "the first open went on: {lines:?}");
    assert_eq!(lines.contains(&"close 2".to_owned()), restarts, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_that_returns_after_it_was_given_up_opens_nothing() {
    check_open_that_returns_too_late(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_that_returns_after_a_restart_does_not_replace_the_new_one() {
    check_open_that_returns_too_late(true).await;
}
