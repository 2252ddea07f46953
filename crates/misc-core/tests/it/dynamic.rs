//! Dynamic: services come and go at run time, children end before their parent, and nobody waits for itself.

use misc_core::{App, BoxError, Context, OnFailure, Phase, Restart, factory, resource, spec};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    Log, Recorder, check_says, done, drive, failed, fails_after, fails_to_start, idle, late, never_ready, run, secs,
    slow, stuck, up_and_down,
};

fn steady() -> Restart {
    Restart::new().jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn services_are_added_and_removed_at_run_time() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.start("b", slow(secs(1), secs(0))).await.unwrap();
        assert_eq!(handle.list(), ["a", "b"]);
        handle.stop("b").await.unwrap();
        assert_eq!(handle.list(), ["a"]);
        handle.start("b", idle).await.unwrap();
        assert_eq!(handle.list(), ["a", "b"], "a name is free again once its service has ended");
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("b", Phase::Stopped).len(), 2);
    assert_eq!(seen.times("app", Phase::Ready).len(), 1, "the app is ready once only");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_added_may_start_after_others() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", slow(secs(2), secs(0))).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.start("b", spec(idle).after(["a"])).await.unwrap();
        handle.start("c", spec(idle).after(["b"])).await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("b", Phase::Starting), secs(2));
    assert_eq!(seen.who(Phase::Stopped), ["c", "b", "a", "app"]);
}

#[tokio::test(start_paused = true)]
async fn who_adds_a_service_learns_that_it_failed_and_the_app_goes_on() {
    let app = App::new("shop").service("a", idle);
    let (ended, errors) = drive(app, async |handle| {
        handle.ready().await;
        let failed = handle.start("b", fails_to_start).await.unwrap_err();
        let mute = handle.start("c", never_ready).await.unwrap_err();
        let panicked = handle.start("d", async |_: Context| panic!("at the start")).await.unwrap_err();
        assert_eq!(handle.list(), ["a"]);
        handle.shutdown();
        [failed, mute, panicked].map(|error| error.failure().unwrap().error().to_string())
    })
    .await;
    ended.unwrap();
    check_says(&errors[0], &["no luck"]);
    check_says(&errors[1], &["`c` was not ready within 30s"]);
    check_says(&errors[2], &["panicked: at the start"]);
}

#[tokio::test(start_paused = true)]
async fn once_it_was_ready_the_policy_of_an_added_service_applies() {
    let app = App::new("shop").service("a", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.start("ignored", spec(fails_after(secs(1))).on_failure(OnFailure::Ignore)).await.unwrap();
        sleep(secs(2)).await;
        assert_eq!(handle.list(), ["a"]);
        handle.start("needed", fails_after(secs(1))).await.unwrap();
    })
    .await;
    assert_eq!(failed(&ended), ["needed"]);
}

#[tokio::test(start_paused = true)]
async fn an_added_service_that_ends_at_once_counts_as_started() {
    let (ended, started) = drive(App::new("shop").service("a", idle), async |handle| {
        handle.ready().await;
        let started = handle.start("job", done).await;
        handle.shutdown();
        started
    })
    .await;
    ended.unwrap();
    started.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_request_stands_when_nobody_waits_for_it() {
    let (ended, list) = drive(App::new("shop").service("a", idle), async |handle| {
        handle.ready().await;
        drop(handle.start("b", idle));
        handle.start("c", idle).await.unwrap();
        drop(handle.stop("a"));
        drop(handle.stop("b"));
        handle.stop("c").await.unwrap();
        handle.list()
    })
    .await;
    ended.unwrap();
    assert!(!list.contains(&"b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_added_is_refused_with_the_reason() {
    let app = App::new("shop").service("a", idle).service("old", done);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        check_says(&handle.start("a", idle).await.unwrap_err(), &["`a` was not started", "that name is there already"]);
        check_says(&handle.start("b", spec(idle).after(["c"])).await.unwrap_err(), &["no service `c`"]);
        check_says(&handle.start("", idle).await.unwrap_err(), &["empty name"]);
        check_says(&handle.start("x/y", idle).await.unwrap_err(), &["`x/y` has a `/` in its name"]);
        check_says(
            &handle.start("z", spec(idle).stop_within(secs(0))).await.unwrap_err(),
            &["`z`", "`stop_within` of zero"],
        );
        check_says(&handle.start("g", App::new("g")).await.unwrap_err(), &["in group `g`: it has no services"]);
        assert_eq!(handle.list(), ["a", "old"]);
        let stopped = handle.shutdown();
        let refused = handle.start("late", idle).await.unwrap_err();
        assert!(refused.is_stopping());
        check_says(&refused, &["app `shop`"]);
        stopped.await.unwrap();
        assert!(handle.start("later", idle).await.unwrap_err().is_stopping());
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_refused_with_what_is_known() {
    let group = App::new("g").service("x", idle);
    let (ended, ()) = drive(App::new("shop").service("a", idle).service("g", group), async |handle| {
        handle.ready().await;
        let stopped = handle.stop("b").await.unwrap_err();
        assert!(stopped.is_unknown());
        check_says(&stopped, &["app `shop` has no service `b`", "it has: a, g"]);
        assert!(handle.restart("b").await.unwrap_err().is_unknown());
        assert!(handle.stop("g/y").await.unwrap_err().is_unknown());
        assert!(handle.stop("a/y").await.unwrap_err().is_unknown());
        assert!(handle.address("b").await.unwrap_err().is_unknown());
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stopping_one_leaves_those_after_it_alone() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("b", idle).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("a").await.unwrap();
        handle.stop("a").await.unwrap();
        sleep(secs(1)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("b", Phase::Stopping), secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waits_is_stopped_at_once() {
    let app = App::new("shop").service("a", slow(secs(5), secs(0))).service("b", idle);
    let (ended, phase) = drive(app, async |handle| {
        handle.stop("b").await.unwrap();
        let phase = handle.status().children[1].phase;
        handle.shutdown();
        phase
    })
    .await;
    ended.unwrap();
    assert_eq!(phase, Phase::Stopped);
}

/// A parent with a child; both log their ends. The parent then does as it is told.
async fn parent(ctx: Context, log: Log, ending: &'static str) -> Result<(), BoxError> {
    let inner = log.clone();
    let child = async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        sleep(secs(1)).await;
        inner.add("child down");
        Ok(())
    };
    ctx.start("child", child).await?;
    let _guard = log.on_drop("parent released");
    ctx.ready();
    match ending {
        "error" => Err("boom".into()),
        "panic" => panic!("boom"),
        "return" => Ok(()),
        _ => {
            ctx.stopping().await;
            log.add("parent asked to stop");
            Ok(())
        }
    }
}

/// Checks what phases were entered around the end of parent and child.
async fn check_child_ends_first(ending: &'static str) -> Vec<String> {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let app = App::new("shop")
        .service("a", idle)
        .service(
            "parent",
            spec(async move |ctx: Context| parent(ctx, inner, ending).await).on_failure(OnFailure::Ignore),
        )
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        match ending {
            "shutdown" => drop(handle.shutdown()),
            "stop" => {
                assert_eq!(handle.list(), ["a", "parent", "parent/child"]);
                assert!(handle.stop("parent").await.is_ok());
                assert_eq!(handle.list(), ["a", "parent"], "a child leaves the list");
                handle.shutdown();
            }
            _ => {
                sleep(secs(10)).await;
                assert_eq!(handle.list(), ["a", "parent"]);
                handle.shutdown();
            }
        }
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    let lines = seen.lines();
    let child = lines.iter().position(|line| line == "parent/child stopped").expect("the child has stopped");
    let parent = lines
        .iter()
        .position(|line| line == "parent stopped" || line == "parent failed")
        .expect("the parent has ended");
    assert!(child < parent, "{ending}: {lines:?}");
    log.lines()
}

#[tokio::test(start_paused = true)]
async fn a_child_stops_before_its_parent_however_that_ends() {
    let asked = ["child down", "parent asked to stop", "parent released"];
    assert_eq!(check_child_ends_first("shutdown").await, asked);
    assert_eq!(check_child_ends_first("stop").await, asked);
    for ending in ["error", "panic", "return"] {
        assert_eq!(check_child_ends_first(ending).await, ["parent released", "child down"], "{ending}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_stops_before_its_parent_restarts() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let make = move || {
        let log = inner.clone();
        async move |ctx: Context| parent(ctx, log, "").await
    };
    let app = App::new("shop").service("parent", factory(make)).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("parent").await.unwrap();
        assert_eq!(handle.list(), ["parent", "parent/child"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    let once = ["child down", "parent asked to stop", "parent released"];
    assert_eq!(log.lines(), [once, once].concat());
    assert_eq!(seen.times("parent", Phase::Starting), [secs(0), secs(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_child_stops_before_its_parent_at_a_start_deadline() {
    let seen = Recorder::new();
    let parent = async |ctx: Context| {
        ctx.start("child", idle).await?;
        ctx.stopping().await;
        Ok(())
    };
    assert!(run(App::new("shop").service("parent", parent).observe(seen.clone())).await.is_err());
    let lines = seen.lines();
    let at = |line: &str| lines.iter().position(|seen| seen == line).unwrap();
    assert!(at("parent/child stopped") < at("parent failed"));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_child_does_not_hold_its_parent_for_ever() {
    let parent = async |ctx: Context| {
        ctx.start("child", spec(stuck).stop_within(secs(3))).await?;
        idle(ctx).await
    };
    let begin = Instant::now();
    let (ended, ()) = drive(App::new("shop").service("parent", parent), async |handle| {
        handle.ready().await;
        handle.shutdown();
    })
    .await;
    assert_eq!(late(&ended), ["parent/child"]);
    assert_eq!(begin.elapsed(), secs(3));
}

#[tokio::test(start_paused = true)]
async fn children_may_have_children() {
    let seen = Recorder::new();
    let grandparent = async |ctx: Context| {
        let parent = async |ctx: Context| {
            ctx.start("child", idle).await?;
            idle(ctx).await
        };
        ctx.start("parent", parent).await?;
        idle(ctx).await
    };
    let app = App::new("shop").service("grandparent", grandparent).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("grandparent").await.unwrap();
    })
    .await;
    ended.unwrap();
    let expected = ["grandparent/parent/child", "grandparent/parent", "grandparent", "app"];
    assert_eq!(seen.who(Phase::Stopped), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_parent_starts_no_child() {
    let parent = async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        let refused = ctx.start("child", idle).await.unwrap_err();
        check_says(&refused, &["`child` was not started: its parent is stopping"]);
        Ok(())
    };
    let app = App::new("shop").service("a", idle).service("parent", parent);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("parent").await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failing_child_stops_the_app_unless_it_is_ignored() {
    let parent = async |ctx: Context| {
        ctx.start("ignored", spec(fails_after(secs(1))).on_failure(OnFailure::Ignore)).await?;
        ctx.start("child", fails_after(secs(5))).await?;
        idle(ctx).await
    };
    let seen = Recorder::new();
    let ended = run(App::new("shop").service("parent", parent).observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["parent/child"]);
    assert_eq!(seen.at("parent", Phase::Stopping), secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_child_restarts_without_its_parent() {
    let parent = async |ctx: Context| {
        ctx.start("child", spec(fails_after(secs(1))).restart(steady())).await?;
        idle(ctx).await
    };
    let seen = Recorder::new();
    let (ended, ()) = drive(App::new("shop").service("parent", parent).observe(seen.clone()), async |handle| {
        sleep(secs(2)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("parent/child", Phase::Starting).len(), 2);
    assert_eq!(seen.times("parent", Phase::Starting).len(), 1);
}

/// What a service may ask of itself and wait for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ask {
    Stop,
    Restart,
    Shutdown,
}

/// Where it asks from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum From {
    Run,
    Task,
    CancelledTask,
    Child,
    Group,
    BlockingTask,
}

async fn ask(ctx: &Context, ask: Ask, name: &'static str) -> Result<(), BoxError> {
    let root = ctx.app().root();
    match ask {
        Ask::Stop => root.stop(name).await?,
        Ask::Restart => root.restart(name).await?,
        Ask::Shutdown => root.shutdown().await?,
    }
    Ok(())
}

/// Asks once, from inside of `me`, and waits for the answer before it heeds it.
fn asks_itself(what: Ask, from: From, log: &Log) -> misc_core::Spec<impl misc_core::Service> {
    let log = log.clone();
    let run = async move |ctx: Context, log: Log| {
        let again = log.lines().iter().any(|line| line == "answered");
        ctx.ready();
        if again {
            return idle(ctx).await;
        }
        let (inner, answered) = (ctx.clone(), log.clone());
        let asks = async move {
            ask(&inner, what, "me").await.expect("an answer");
            answered.add("answered");
        };
        match from {
            From::Run => asks.await,
            From::Task => ctx.spawn(asks).await?,
            From::CancelledTask => drop(ctx.spawn_until_stopping(asks).await),
            From::BlockingTask => {
                let inner = ctx.clone();
                let answered = log.clone();
                let stopped = ctx.blocking(move || inner.app().root().stop("me")).await?;
                stopped.await?;
                answered.add("answered");
            }
            From::Child | From::Group => {
                let child = async move |ctx: Context| {
                    ctx.ready();
                    asks.await;
                    ctx.stopping().await;
                    Ok(())
                };
                // Not waited for: it asks before its group is ready, so that group may never be.
                drop(match from {
                    From::Child => ctx.start("child", child),
                    _ => ctx.start("group", App::new("group").service("inner", child)),
                });
            }
        }
        ctx.stopping().await;
        log.add("stopped");
        Ok(())
    };
    factory(move || {
        let log = log.clone();
        async move |ctx: Context| run(ctx, log).await
    })
}

#[tokio::test(start_paused = true)]
async fn a_service_may_wait_for_its_own_stop_restart_or_shutdown() {
    for from in [From::Run, From::Task, From::CancelledTask, From::Child, From::Group] {
        for what in [Ask::Stop, Ask::Restart, Ask::Shutdown] {
            let (log, seen) = (Log::default(), Recorder::new());
            let app =
                App::new("shop").service("a", idle).service("me", asks_itself(what, from, &log)).observe(seen.clone());
            let (ended, ()) = drive(app, async |handle| {
                sleep(secs(60)).await;
                handle.shutdown();
            })
            .await;
            assert!(ended.is_ok(), "{what:?} from {from:?}: {ended:?}");
            assert!(seen.at("me", Phase::Stopping) == secs(0), "{what:?} from {from:?}: {:?}", seen.timed());
            assert_eq!(
                seen.times("me", Phase::Ready).len(),
                if what == Ask::Restart { 2 } else { 1 },
                "{what:?} from {from:?}"
            );
            assert_eq!(seen.at("app", Phase::Stopping), secs(if what == Ask::Shutdown { 0 } else { 60 }));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_wait_for_its_own_stop_from_a_blocking_closure() {
    let log = Log::default();
    let app = App::new("shop").service("me", asks_itself(Ask::Stop, From::BlockingTask, &log));
    run(app).await.unwrap();
    assert_eq!(log.lines(), ["answered", "stopped"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_may_wait_for_its_own_shutdown_on_many_threads() {
    for from in [From::Run, From::Task, From::CancelledTask, From::Child, From::Group] {
        let log = Log::default();
        run(App::new("shop").service("a", idle).service("me", asks_itself(Ask::Shutdown, from, &log))).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_in_a_group_may_wait_for_the_stop_of_the_group_and_of_the_app() {
    for what in [Ask::Stop, Ask::Restart, Ask::Shutdown] {
        let asked = Log::default();
        let make = {
            let asked = asked.clone();
            move || {
                let asked = asked.clone();
                App::new("group").service("inner", async move |ctx: Context| {
                    ctx.ready();
                    if asked.lines().is_empty() {
                        asked.add("asked");
                        ask(&ctx, what, "group").await?;
                    }
                    ctx.stopping().await;
                    Ok(())
                })
            }
        };
        let seen = Recorder::new();
        let app = App::new("shop").service("a", idle).service("group", factory(make)).observe(seen.clone());
        let (ended, ()) = drive(app, async |handle| {
            sleep(secs(60)).await;
            handle.shutdown();
        })
        .await;
        assert!(ended.is_ok(), "{what:?}: {ended:?}");
        assert_eq!(seen.at("group", Phase::Stopping), secs(0), "{what:?}");
        assert_eq!(seen.times("group/inner", Phase::Ready).len(), if what == Ask::Restart { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_the_stop_of_another() {
    let stops_other = async |ctx: Context| {
        ctx.ready();
        let begin = Instant::now();
        ctx.app().stop("slow").await?;
        assert_eq!(begin.elapsed(), secs(3));
        ctx.app().shutdown().await?;
        Ok(())
    };
    run(App::new("shop").service("slow", slow(secs(0), secs(3))).service("b", stops_other)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_restarts_after_its_own_failure_stops_and_starts_its_children() {
    let log = Log::default();
    let inner = log.clone();
    let parent = move |ctx: Context| {
        let log = inner.clone();
        async move {
            let child_log = log.clone();
            let child = async move |ctx: Context| {
                child_log.add("child up");
                ctx.ready();
                ctx.stopping().await;
                sleep(secs(1)).await;
                child_log.add("child down");
                Ok(())
            };
            ctx.start("child", child).await?;
            log.add("parent up");
            ctx.ready();
            ctx.until_stopping(sleep(secs(1))).await;
            Err(BoxError::from("boom"))
        }
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("parent", spec(parent).restart(steady().attempts(2))).observe(seen.clone());
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["parent"]);
    let once = ["child up", "parent up", "child down"];
    assert_eq!(log.lines(), [once, once].concat());
    let stopped = seen.times("parent/child", Phase::Stopped);
    assert_eq!(stopped[0], seen.at("parent", Phase::Restarting), "the child is down before the parent waits");
    assert_eq!(stopped.len(), 2);
    assert!(stopped[0] < seen.times("parent", Phase::Starting)[1]);
}

#[tokio::test(start_paused = true)]
async fn the_resources_of_a_service_close_after_it_in_reverse() {
    let slow_resource = || {
        let (_, driver) = resource((), async |()| Ok::<_, BoxError>(7)).on_close(async |_: &u8| sleep(secs(1)).await);
        driver
    };
    let seen = Recorder::new();
    let parent = async move |ctx: Context| {
        for name in ["one", "two", "three"] {
            ctx.start(name, slow_resource()).await?;
        }
        idle(ctx).await
    };
    up_and_down(App::new("shop").service("a", idle).service("parent", parent).observe(seen.clone())).await.unwrap();
    let stopped = ["parent/three", "parent/two", "parent/one", "parent", "a", "app"];
    assert_eq!(seen.who(Phase::Stopped), stopped);
    assert_eq!(seen.at("parent", Phase::Stopped), secs(3));
}

/// A resource that never opens, tried again every two seconds.
fn closed_for_ever() -> misc_core::Spec<impl misc_core::Service> {
    let (_, driver) = resource((), async |()| Err::<u8, _>("no route")).split();
    spec(driver).restart(every_two_seconds())
}

fn every_two_seconds() -> Restart {
    steady().attempts(1000).backoff(secs(2), secs(2))
}

/// Checks that a parent which returns while its children wait to be restarted ends with them.
async fn check_ends_with_restarting_children(parent: impl misc_core::Service, children: [&str; 2]) {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("parent", parent).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(10)).await;
        assert_eq!(handle.list(), ["a", "parent"], "the children are gone");
        handle.shutdown();
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    for child in children {
        let phases = seen.phases(child);
        assert!(phases.contains(&Phase::Restarting), "{child} was waiting: {phases:?}");
        assert_eq!(seen.times(child, Phase::Stopped), [secs(1)], "{child}");
    }
    assert_eq!(seen.times("parent", Phase::Stopped), [secs(1)]);
    let order = seen.who(Phase::Stopped);
    assert_eq!(order.iter().position(|path| path == "parent"), Some(2), "after its children: {order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_returns_ends_with_two_resources_that_wait_to_be_restarted() {
    let parent = async |ctx: Context| {
        ctx.ready();
        drop(ctx.start("one", closed_for_ever()));
        drop(ctx.start("two", closed_for_ever()));
        sleep(secs(1)).await;
        Ok(())
    };
    check_ends_with_restarting_children(parent, ["parent/one", "parent/two"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_returns_ends_with_a_service_and_a_resource_that_wait_to_be_restarted() {
    let parent = async |ctx: Context| {
        ctx.ready();
        drop(ctx.start("service", spec(fails_to_start).restart(every_two_seconds())));
        drop(ctx.start("resource", closed_for_ever()));
        sleep(secs(1)).await;
        Ok(())
    };
    check_ends_with_restarting_children(parent, ["parent/service", "parent/resource"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_is_not_restarted_while_its_parent_stops() {
    let seen = Recorder::new();
    let parent = async |ctx: Context| {
        ctx.start("child", spec(slow(secs(0), secs(3))).restart(steady())).await?;
        idle(ctx).await
    };
    let app = App::new("shop").service("a", idle).service("parent", parent).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let stopped = handle.stop("parent");
        sleep(secs(1)).await;
        let refused = handle.restart("parent/child").await.expect_err("its parent is stopping");
        check_says(&refused, &["`parent/child`", "its parent is stopping"]);
        timeout(secs(60), stopped).await.expect("the parent stops").unwrap();
        assert_eq!(handle.list(), ["a", "parent"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("parent/child", Phase::Starting).len(), 1);
    assert_eq!(seen.times("parent", Phase::Stopped), [secs(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_followed_by_a_restart_is_answered_too() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", idle)
        .service("x", spec(slow(secs(0), secs(3))).restart(steady()))
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let stopped = handle.stop("x");
        sleep(secs(1)).await;
        let restarted = handle.restart("x");
        timeout(secs(60), restarted).await.expect("the restart is answered").unwrap();
        timeout(secs(60), stopped).await.expect("the stop is answered").unwrap();
        assert_eq!(handle.status().children[1].phase, Phase::Ready);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("x", Phase::Starting), [secs(0), secs(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_child_may_name_its_parent_and_its_grandparent_and_stops_before_them() {
    let seen = Recorder::new();
    let parent = async |ctx: Context| {
        let child = async |ctx: Context| {
            ctx.start("grandchild", spec(slow(secs(0), secs(1))).after(["p", "p/child"])).await?;
            idle(ctx).await
        };
        ctx.ready();
        ctx.start("child", spec(child).after(["p"])).await?;
        ctx.stopping().await;
        Ok(())
    };
    let app = App::new("shop").service("p", parent).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        assert_eq!(handle.list(), ["p", "p/child", "p/child/grandchild"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.who(Phase::Stopped), ["p/child/grandchild", "p/child", "p", "app"]);
    assert_eq!(seen.at("app", Phase::Stopped), secs(6), "as long as the grandchild takes");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_would_start_after_one_behind_its_parent_is_refused() {
    let seen = Recorder::new();
    let parent = async |ctx: Context| {
        ctx.ready();
        ctx.app().ready().await;
        for later in ["http", "behind http", "nest/egg"] {
            let refused = ctx.start("child", spec(idle).after([later])).await.expect_err("they wait for each other");
            check_says(&refused, &["`child` was not started", &format!("`{later}`")]);
        }
        ctx.start("child", spec(idle).after(["a"])).await?;
        ctx.stopping().await;
        Ok(())
    };
    let nest = async |ctx: Context| {
        ctx.start("egg", idle).await?;
        idle(ctx).await
    };
    let app = App::new("shop")
        .service("a", idle)
        .service("p", parent)
        .service("http", idle)
        .service("behind http", idle)
        .service("nest", nest)
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("app", Phase::Stopped), secs(5));
    assert_eq!(seen.times("p/child", Phase::Starting).len(), 1, "the last one was let in");
}
