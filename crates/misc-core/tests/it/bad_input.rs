//! Bad input: refused with the name of the culprit and the cure, all at once, before anything starts.

use std::time::Duration;

use misc_core::{App, BoxError, Context, OnFailure, Restart, factory, resource, spec};

use crate::support::{Log, Recorder, check_says, drive, idle, in_time, run, secs};

/// Checks that the app is refused for exactly these reasons, and that nothing was started.
async fn check(app: App, problems: &[&str]) {
    let (log, seen) = (Log::default(), Recorder::new());
    let report = run(app.observe(seen.clone()).keep(log.on_drop("kept"))).await.expect_err("it is refused");
    let text = report.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "error: app `shop` cannot start; nothing was started");
    let listed: Vec<_> = lines[1..].iter().map(|line| line.strip_prefix("  - ").expect("a problem")).collect();
    assert_eq!(listed, problems);
    assert_eq!(seen.lines(), Vec::<String>::new(), "nothing was started");
    assert_eq!((report.failures()[0].path(), report.exit_code(), report.failures().len()), ("", 1, 1));
    assert_eq!(log.lines(), ["kept"]);
}

fn shop() -> App {
    App::new("shop").service("ok", idle)
}

#[tokio::test(start_paused = true)]
async fn an_empty_app() {
    check(App::new("shop"), &["it has no services; register one with `.service(name, ..)`"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_group() {
    let problem = "in group `inner`: it has no services; register one with `.service(name, ..)`";
    check(shop().service("g", App::new("inner")), &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn duplicate_names() {
    let app = shop().service("a", idle).service("a", idle).service("ok", idle);
    check(app, &["two services are named `a`; rename one", "two services are named `ok`; rename one"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_name() {
    check(shop().service("", idle), &["a service has an empty name; give it one"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_slash_in_a_name() {
    let problem = "service `a/b` has a `/` in its name, which separates a group from its services";
    check(shop().service("a/b", idle), &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_in_after() {
    let problems = [
        "service `a` starts after `bd`, which is not registered; there are `ok`, `a`",
        "service `a` starts after `cache`, which is not registered; there are `ok`, `a`",
    ];
    check(shop().service("a", spec(idle).after(["bd", "ok", "cache"])), &problems).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_inside_a_group_in_after() {
    let app = shop().service("g", App::new("inner").service("x", idle)).service("a", spec(idle).after(["g/x"]));
    let problem = "service `a` starts after `g/x`, which is not registered; there are `ok`, `g`, `a`";
    check(app, &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_names() {
    let app = App::new("shop")
        .service("a", spec(idle).after(["b"]))
        .service("b", spec(idle).after(["c"]))
        .service("c", spec(idle).after(["a"]));
    let problem = "the start order goes in a circle: `a` starts after `b`, which starts after `c`, which starts after \
                   `a`; take one of these out with `.after([..])`";
    check(app, &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cycle_through_an_implicit_edge() {
    let app = App::new("shop").service("a", spec(idle).after(["b"])).service("b", idle);
    let problem = "the start order goes in a circle: `a` starts after `b`, which starts after `a` (implicitly: it was \
                   registered just before); take one of these out with `.after([..])`";
    check(app, &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_starts_after_itself() {
    let problem = "the start order goes in a circle: `a` starts after `a`; take one of these out with `.after([..])`";
    check(shop().service("a", spec(idle).after(["a"])), &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn zero_deadlines() {
    let app = shop().service("a", spec(idle).start_within(secs(0)).stop_within(secs(0)));
    let problems = [
        "service `a` has a `start_within` of zero, so it would always be late; raise it",
        "service `a` has a `stop_within` of zero, so it would always be late; raise it",
    ];
    check(app, &problems).await;
}

#[tokio::test(start_paused = true)]
async fn a_zero_total() {
    let problem = "the app's `stop_within` is zero, so every service would be late; raise it";
    check(shop().stop_within(secs(0)), &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_delay_that_leaves_nothing_of_the_total() {
    let problem = "the app's `drain_delay` of 25s leaves nothing of its `stop_within` of 25s; raise the latter";
    check(shop().drain_delay(secs(25)), &[problem]).await;
}

/// Checks what is said about a policy of service `a`.
async fn check_policy(policy: Restart, problems: &[&str]) {
    let problems: Vec<_> = problems.iter().map(|problem| format!("service `a`: {problem}")).collect();
    let problems: Vec<_> = problems.iter().map(String::as_str).collect();
    check(shop().service("a", spec(idle).restart(policy)), &problems).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_policy_that_is_nonsense() {
    let none = "`Restart::attempts` is 0: the service could not even start once; use at least 1";
    check_policy(Restart::new().attempts(0), &[none]).await;
    let swapped = "`Restart::backoff` starts at 2s, above its own maximum of 1s; swap them";
    check_policy(Restart::new().backoff(secs(2), secs(1)), &[swapped]).await;
    check_policy(Restart::new().jitter(1.5), &["`Restart::jitter` is 1.5; use a share from 0 to 1"]).await;
    check_policy(Restart::new().jitter(-0.1), &["`Restart::jitter` is -0.1; use a share from 0 to 1"]).await;
    check_policy(Restart::new().jitter(f64::NAN), &["`Restart::jitter` is NaN; use a share from 0 to 1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_policy_that_is_nonsense_in_every_way() {
    let problems = [
        "`Restart::attempts` is 0: the service could not even start once; use at least 1",
        "`Restart::backoff` starts at 2s, above its own maximum of 1s; swap them",
        "`Restart::jitter` is 2; use a share from 0 to 1",
    ];
    check_policy(Restart::new().attempts(0).backoff(secs(2), secs(1)).jitter(2.0), &problems).await;
}

#[tokio::test(start_paused = true)]
async fn extreme_settings_are_no_problem() {
    let extreme = Restart::new().attempts(u32::MAX).backoff(Duration::ZERO, Duration::MAX).jitter(1.0);
    let app = App::new("shop").service("a", spec(idle).restart(extreme.reset_after(Duration::ZERO)));
    crate::support::up_and_down(app).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resource_from_a_factory() {
    let make = || resource((), async |()| Ok::<_, BoxError>(1)).split().1;
    let report = run(shop().service("db", factory(make))).await.unwrap_err();
    let parts = ["comes from a factory", "use `spec(driver).restart(..)`"];
    check_says(&report, &parts);
    check_says(&report, &["`db`"]);
    let report = run(shop().service("db", factory(make).restart(Restart::new()))).await.unwrap_err();
    check_says(&report, &parts);
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_resource_may_come_from_a_factory() {
    let make = || {
        let (_, driver) = resource((), async |()| Ok::<_, BoxError>(1)).split();
        App::new("inner").service("db", driver)
    };
    crate::support::up_and_down(shop().service("g", factory(make).restart(Restart::new()))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_at_once() {
    let group = App::new("inner")
        .service("x", spec(idle).after(["nobody"]))
        .service("x", idle)
        .drain_delay(secs(60))
        .service("deep", App::new("nested"));
    let app = App::new("shop")
        .service("", idle)
        .service("a/b", spec(idle).stop_within(secs(0)))
        .service("a", spec(idle).restart(Restart::new().attempts(0)))
        .service("a", spec(idle).after(["nobody"]))
        .service("first", spec(idle).after(["second"]))
        .service("second", spec(idle).after(["first"]))
        .service("g", group)
        .drain_delay(secs(30));
    let problems = [
        "a service has an empty name; give it one",
        "service `a/b` has a `/` in its name, which separates a group from its services",
        "service `a/b` has a `stop_within` of zero, so it would always be late; raise it",
        "service `a`: `Restart::attempts` is 0: the service could not even start once; use at least 1",
        "in group `inner`: in group `nested`: it has no services; register one with `.service(name, ..)`",
        "in group `inner`: two services are named `x`; rename one",
        "in group `inner`: service `x` starts after `nobody`, which is not registered; there are `x`, `x`, `deep`",
        "in group `inner`: the app's `drain_delay` of 60s leaves nothing of its `stop_within` of 25s; raise the latter",
        "two services are named `a`; rename one",
        "service `a` starts after `nobody`, which is not registered; there are ``, `a/b`, `a`, `a`, `first`, `second`, \
         `g`",
        "the start order goes in a circle: `first` starts after `second`, which starts after `first`; take one of these \
         out with `.after([..])`",
        "the app's `drain_delay` of 30s leaves nothing of its `stop_within` of 25s; raise the latter",
    ];
    check(app, &problems).await;
}

#[tokio::test(start_paused = true)]
async fn two_circles_are_both_named() {
    let app = App::new("shop")
        .service("a", spec(idle).after(["b"]))
        .service("b", spec(idle).after(["a"]))
        .service("x", spec(idle).after(["y"]))
        .service("y", spec(idle).after(["x"]));
    let report = run(app).await.unwrap_err();
    check_says(&report, &["in a circle: `a` starts after `b`", "in a circle: `x` starts after `y`"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_in_a_factory_is_checked_before_the_start() {
    let make = || App::new("inner").service("x", spec(idle).after(["nobody"]));
    let app = shop().service("g", factory(make).restart(Restart::new()));
    let problem = "in group `inner`: service `x` starts after `nobody`, which is not registered; there are `x`";
    check(app, &[problem]).await;
}

#[tokio::test(start_paused = true)]
async fn run_until_is_refused_too() {
    let log = Log::default();
    let app = shop().service("ok", idle).without_signals();
    let report = in_time(app.run_until(async { log.add("began") })).await.unwrap_err();
    check_says(&report, &["two services are named `ok`"]);
    assert!(log.lines().is_empty());
}

/// Checks what is said to somebody who starts a service at run time.
async fn check_dynamic(
    start: impl AsyncFnOnce(misc_core::Handle) -> Result<(), misc_core::CommandError>,
    says: &[&str],
) {
    let (ended, error) = drive(shop(), async |handle| {
        handle.ready().await;
        let error = start(handle.clone()).await.expect_err("it is refused");
        assert_eq!(handle.list(), ["ok"], "nothing was started");
        handle.shutdown();
        error
    })
    .await;
    ended.expect("the app goes on");
    check_says(&error, says);
}

#[tokio::test(start_paused = true)]
async fn what_is_started_at_run_time_is_checked_too() {
    check_dynamic(async |handle| handle.start("", idle).await, &["was not started", "a service has an empty name"])
        .await;
    check_dynamic(async |handle| handle.start("a/b", idle).await, &["`a/b` was not started", "has a `/` in its name"])
        .await;
    check_dynamic(async |handle| handle.start("ok", idle).await, &["`ok` was not started", "is there already"]).await;
    let zero = async |handle: misc_core::Handle| handle.start("a", spec(idle).start_within(secs(0))).await;
    check_dynamic(zero, &["`a` was not started", "`start_within` of zero"]).await;
    let policy = async |handle: misc_core::Handle| {
        handle.start("a", spec(idle).restart(Restart::new().jitter(2.0)).stop_within(secs(0))).await
    };
    check_dynamic(policy, &["`Restart::jitter` is 2", "`stop_within` of zero"]).await;
    let unknown = async |handle: misc_core::Handle| handle.start("a", spec(idle).after(["nobody"])).await;
    check_dynamic(unknown, &["app `shop` has no service `nobody`; it has: ok"]).await;
    let itself = async |handle: misc_core::Handle| handle.start("a", spec(idle).after(["a"])).await;
    check_dynamic(itself, &["has no service `a`"]).await;
    let group = async |handle: misc_core::Handle| handle.start("g", App::new("inner")).await;
    check_dynamic(group, &["`g` was not started", "in group `inner`: it has no services"]).await;
    let made = async |handle: misc_core::Handle| {
        handle.start("db", factory(|| resource((), async |()| Ok::<_, BoxError>(1)).split().1)).await
    };
    check_dynamic(made, &["`db` was not started", "comes from a factory"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_would_start_after_one_that_never_was_ready_is_refused() {
    let app = shop().service("bad", spec(crate::support::fails_to_start).on_failure(OnFailure::Ignore));
    let (ended, error) = drive(app, async |handle| {
        handle.ready().await;
        let error = handle.start("a", spec(idle).after(["bad"])).await.unwrap_err();
        handle.shutdown();
        error
    })
    .await;
    ended.unwrap();
    check_says(&error, &["`a` was not started: `bad`, which it starts after, has ended without being ready"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_while_the_app_stops() {
    let app = shop().drain_delay(secs(5));
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let stopped = handle.shutdown();
        tokio::task::yield_now().await;
        let error = handle.start("late", idle).await.unwrap_err();
        assert!(error.is_stopping());
        check_says(&error, &["app `shop` is stopping"]);
        stopped.await.unwrap();
        let error = handle.start("later", idle).await.unwrap_err();
        assert!(error.is_stopping());
        check_says(&error, &["app `shop` has ended"]);
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_child_is_checked_too() {
    let parent = async |ctx: Context| {
        ctx.start("child", idle).await?;
        let twice = ctx.start("child", idle).await.expect_err("the name is taken");
        check_says(&twice, &["a service of that name is there already"]);
        let slash = ctx.start("a/b", idle).await.expect_err("a bad name");
        check_says(&slash, &["has a `/` in its name"]);
        idle(ctx).await
    };
    crate::support::up_and_down(App::new("shop").service("parent", parent)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_what_cannot_restart_names_the_cure() {
    let single = async |ctx: Context| idle(ctx).await;
    let (ended, error) = drive(App::new("shop").service("single", single), async |handle| {
        handle.ready().await;
        let error = handle.restart("single").await.unwrap_err();
        handle.shutdown();
        error
    })
    .await;
    ended.unwrap();
    assert!(error.is_not_restartable());
    check_says(&error, &["service `single` cannot be restarted: it is a single value", "`factory(..)`"]);
}

/// Checks what is said about a service `user` that was started and could not go on.
async fn check_user(app: App, says: &[&str]) {
    let report = run(app).await.expect_err("it fails");
    check_says(&report, &["service `user` failed"]);
    check_says(&report, says);
}

#[tokio::test(start_paused = true)]
async fn a_ready_that_is_never_said() {
    let cure = "it never called `ctx.ready()`; call it once the service is up, or raise `start_within`";
    check_user(shop().service("user", crate::support::never_ready), &["`user` was not ready within 30s", cure]).await;
}

/// Asks for a number by its type.
async fn asks_by_type(ctx: Context) -> Result<(), BoxError> {
    ctx.get::<u64>().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_type_that_nobody_provides() {
    let cure = "no service provides a `u64`; register the driver of a `resource(..)` of that type";
    check_user(shop().service("user", asks_by_type), &[cure]).await;
}

#[tokio::test(start_paused = true)]
async fn a_type_that_two_provide() {
    let driver = || resource((), async |()| Ok::<_, BoxError>(1_u64)).split().1;
    let app = shop().service("one", driver()).service("two", driver()).service("user", asks_by_type);
    let cure = "2 services provide a `u64` (one, two); pass the `Resource` handle of the one you mean";
    check_user(app, &[cure]).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_starts_after_its_user() {
    let (db, driver) = resource((), async |()| Ok::<_, BoxError>(1)).split();
    let user = async move |_: Context| {
        db.get().await?;
        Ok(())
    };
    let cure = "`user` waits for resource `db`, which starts after it; register the resource first";
    check_user(shop().service("user", user).service("between", idle).service("db", driver), &[cure]).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_registered() {
    let (db, driver) = resource((), async |()| Ok::<_, BoxError>(1_u8)).split();
    let user = async move |_: Context| {
        let _driver = driver;
        db.get().await?;
        Ok(())
    };
    let cure = "it waits for a resource of type `u8`, whose driver is not registered in an app that runs";
    check_user(shop().service("user", user), &[cure]).await;
}

#[tokio::test]
async fn an_address_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let user = async move |ctx: Context| {
        ctx.listen(&address.into()).await?;
        Ok(())
    };
    let which = format!("service `user` cannot listen on {address}");
    check_user(shop().service("user", user), &[&*which, "stop it or choose another address"]).await;
}
