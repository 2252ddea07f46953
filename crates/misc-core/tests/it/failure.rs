//! Failure after ready: it stops the app, or is ignored, or restarts; it is never silent.

use misc_core::{App, BoxError, Context, OnFailure, Phase, Service, spec};
use tokio::time::sleep;

use crate::support::{
    Log, LogsDrop, Recorder, check_says, drive, failed, fails_after, fails_to_stop, idle, run, secs, slow,
};

/// Checks that the service fails with such a text, and that this stops the app in order.
async fn check(broken: impl Service, says: &[&str]) {
    let seen = Recorder::new();
    let app = App::new("shop").service("before", idle).service("broken", broken).service("behind", idle);
    let ended = run(app.observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["broken"]);
    let report = ended.expect_err("a failure");
    assert_eq!(report.exit_code(), 1);
    check_says(&report, &["service `broken` failed"]);
    check_says(&report, says);
    let expected = [
        "app starting",
        "before starting",
        "before ready",
        "broken starting",
        "broken ready",
        "behind starting",
        "behind ready",
        "app ready",
        "broken stopping",
        "broken failed",
        "app stopping",
        "behind stopping",
        "behind stopped",
        "before stopping",
        "before stopped",
        "app failed",
    ];
    assert_eq!(seen.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_error_stops_the_app() {
    check(fails_after(secs(1)), &["boom"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_is_reported_with_its_whole_chain() {
    let broken = async |ctx: Context| {
        ctx.ready();
        sleep(secs(1)).await;
        "x".parse::<u16>().map_err(|error| Wrapped("cannot read PORT", error.into()))?;
        Ok(())
    };
    check(broken, &["caused by: cannot read PORT", "caused by: invalid digit found in string"]).await;
}

#[derive(Debug)]
struct Wrapped(&'static str, BoxError);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.1)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_the_app() {
    let broken = async |ctx: Context| {
        ctx.ready();
        sleep(secs(1)).await;
        panic!("out of {}", "cheese")
    };
    check(broken, &["panicked: out of cheese"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_task_is_the_failure_of_its_service() {
    let broken = async |ctx: Context| {
        ctx.spawn(async {
            sleep(secs(1)).await;
            panic!("in the task")
        });
        idle(ctx).await
    };
    check(broken, &["a task spawned at crates/misc-core/tests/it/failure.rs:", "panicked: in the task"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_blocking_task_is_the_failure_of_its_service() {
    let broken = async |ctx: Context| {
        let idle = idle(ctx.clone());
        sleep(secs(1)).await;
        drop(ctx.blocking(|| panic!("in the closure")));
        idle.await
    };
    let ended = run(App::new("shop").service("broken", broken)).await;
    check_says(&ended.unwrap_err(), &["a task spawned at", "panicked: in the closure"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_the_future_is_dropped_is_a_failure() {
    struct Bomb(#[expect(dead_code, reason = "kept until the drop")] LogsDrop);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    let log = Log::default();
    let guard = log.on_drop("released all the same");
    let broken = async move |ctx: Context| {
        let bomb = Bomb(guard);
        ctx.ready();
        sleep(secs(1)).await;
        drop(bomb);
        Ok(())
    };
    check(broken, &["panicked: in the drop"]).await;
    assert_eq!(log.lines(), ["released all the same"]);
}

#[tokio::test(start_paused = true)]
async fn stopping_fires_first_then_the_bounded_stop_then_failed() {
    let seen = Recorder::new();
    let broken = async |ctx: Context| {
        let task = ctx.clone();
        ctx.spawn(async move {
            task.stopping().await;
            sleep(secs(3)).await;
        });
        fails_after(secs(1)).run(ctx).await
    };
    let app = App::new("shop").service("a", idle).service("broken", broken).observe(seen.clone());
    assert!(run(app).await.is_err());
    assert_eq!(seen.at("broken", Phase::Stopping), secs(1));
    assert_eq!(seen.at("broken", Phase::Failed), secs(4));
    assert_eq!(seen.at("app", Phase::Stopping), secs(4));
    assert_eq!(seen.at("a", Phase::Stopping), secs(4));
}

#[tokio::test(start_paused = true)]
async fn the_first_error_of_a_service_is_the_one_reported() {
    let broken = async |ctx: Context| {
        ctx.spawn(async { panic!("first") });
        ctx.ready();
        ctx.stopping().await;
        Err("second".into())
    };
    let ended = run(App::new("shop").service("broken", broken)).await;
    assert_eq!(failed(&ended), ["broken"]);
    check_says(&ended.unwrap_err(), &["first"]);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_leaves_the_app_running() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", spec(fails_after(secs(1))).on_failure(OnFailure::Ignore))
        .service("b", idle)
        .observe(seen.clone());
    let (ended, error) = drive(app, async |handle| {
        sleep(secs(5)).await;
        let error = handle.status().children[0].last_error.clone();
        handle.shutdown();
        error
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.phases("a"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Failed]);
    assert_eq!(seen.at("b", Phase::Stopping), secs(5));
    assert_eq!(error.as_deref(), Some("boom"), "not silent: the status shows it");
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_request_to_stop_goes_to_who_asked_and_into_the_report() {
    let app = App::new("shop").service("a", idle).service("b", fails_to_stop);
    let (ended, stopped) = drive(app, async |handle| {
        handle.ready().await;
        let stopped = handle.stop("b").await;
        assert_eq!(handle.status().phase, Phase::Ready, "the app goes on");
        handle.shutdown();
        stopped
    })
    .await;
    let error = stopped.unwrap_err();
    assert_eq!(error.failure().unwrap().path(), "b");
    assert_eq!(failed(&ended), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn two_that_fail_together_are_both_reported() {
    let app = App::new("shop").service("a", fails_after(secs(1))).service("b", fails_after(secs(1)));
    let mut paths = Vec::new();
    let ended = run(app).await;
    paths.extend(failed(&ended));
    paths.sort_unstable();
    assert_eq!(paths, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_while_others_stop_is_reported_too() {
    let fails_slowly = async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        sleep(secs(1)).await;
        panic!("on the way out")
    };
    let app = App::new("shop").service("a", fails_slowly).service("b", slow(secs(0), secs(5)));
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.shutdown();
    })
    .await;
    assert_eq!(failed(&ended), ["a"]);
}
