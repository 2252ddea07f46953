//! Failure after ready: it stops the app, or is ignored, or restarts; it is never silent.

use std::sync::mpsc;

use misc_core::{App, BoxError, Context, OnFailure, Phase, Restart, Service, resource, spec};
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

/// Checks that a service which cannot be dropped without a panic is no end of the app: the others go on, and stop in
/// order.
async fn check_survives(broken: impl Service) {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("before", idle)
        .service("broken", spec(broken).on_failure(OnFailure::Ignore))
        .service("behind", idle)
        .observe(seen.clone());
    let (_, ()) = drive(app, async |handle| {
        assert!(handle.ready().await, "the app becomes ready");
        sleep(secs(2)).await;
        drop(handle.stop("broken").await);
        sleep(secs(2)).await;
        handle.shutdown();
    })
    .await;
    assert_eq!(seen.at("app", Phase::Stopping), secs(4), "the app goes on");
    assert!(seen.phases("broken").last().is_some_and(|phase| matches!(phase, Phase::Stopped | Phase::Failed)));
    let stopped: Vec<_> = seen.who(Phase::Stopped).into_iter().filter(|path| path.starts_with("be")).collect();
    assert_eq!(stopped, ["behind", "before"]);
    assert_eq!(seen.at("before", Phase::Stopped), secs(4));
}

/// Panics when a copy of it is dropped.
#[derive(Debug)]
struct Panics {
    copy: bool,
}

impl Clone for Panics {
    fn clone(&self) -> Self {
        Self { copy: true }
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        assert!(!self.copy, "in the drop");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_panics_when_it_is_dropped_does_not_end_the_app() {
    for copy in [false, true] {
        let (_, driver) = resource(copy, async |copy| Ok::<_, BoxError>(Panics { copy })).split();
        check_survives(driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_inspection_that_panics_when_it_is_dropped_does_not_end_the_app() {
    let broken = async |ctx: Context| {
        let panics = Panics { copy: true };
        ctx.inspect("panics", move || {
            let whole = &panics;
            whole.copy
        });
        idle(ctx).await
    };
    check_survives(broken).await;
}

/// An error that cannot be shown.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::panic::resume_unwind(Box::new("in the display"))
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test(start_paused = true)]
async fn an_error_that_panics_when_it_is_shown_does_not_end_the_app() {
    // Without anybody who reads the log, nobody would look at the error.
    let logs = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
    let _logs = tracing::subscriber::set_default(logs);
    let broken = async |ctx: Context| {
        // The first and one more, which are logged in different places.
        ctx.spawn(async {
            sleep(secs(1)).await;
            panic!("of the task")
        });
        ctx.ready();
        ctx.stopping().await;
        Err(Unspeakable.into())
    };
    check_survives(broken).await;
    let broken = async |ctx: Context| {
        ctx.ready();
        ctx.until_stopping(sleep(secs(1))).await;
        Err(Unspeakable.into())
    };
    check_survives(broken).await;
}

/// An error that looks at the app when it is dropped.
#[derive(Debug)]
struct LooksBack(misc_core::Handle, Log);

impl std::fmt::Display for LooksBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("looks back")
    }
}

impl std::error::Error for LooksBack {}

impl Drop for LooksBack {
    fn drop(&mut self) {
        self.1.add(self.0.status().name);
    }
}

#[test]
fn an_error_may_look_at_the_app_when_it_is_dropped() {
    let (log, (tell, told)) = (Log::default(), mpsc::channel());
    let inner = log.clone();
    // On a thread of its own: one that waits for itself does not even notice a timeout.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let broken = move |ctx: Context| {
            let log = inner.clone();
            async move {
                ctx.ready();
                sleep(secs(1)).await;
                Err(LooksBack(ctx.app(), log).into())
            }
        };
        let app = App::new("shop").service("broken", spec(broken).restart(Restart::new().attempts(3)));
        let ended = runtime.expect("a runtime").block_on(run(app));
        drop(tell.send(failed(&ended).join(" ")));
    });
    assert_eq!(told.recv_timeout(secs(20)).expect("it ends, it does not hang"), "broken");
    assert_eq!(log.lines(), ["shop"; 2], "the third one is the last one, which the status shows");
}
