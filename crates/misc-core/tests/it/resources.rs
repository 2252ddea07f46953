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
