//! What the manager is told, and when, by the app's own clock.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use misc_core::{App, BoxError, Context, Handle, OnFailure, Report, Restart, Service, resource, spec};
use misc_test::Logs;
use misc_upgrade::Notify;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, sleep, timeout};
use tracing::Level;

use crate::fake_manager::FakeManager;

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs an app to its end, beside whoever drives it.
pub(crate) async fn drive(app: App, driver: impl AsyncFnOnce(Handle)) -> Result<(), Report> {
    let handle = app.handle();
    let both = async { tokio::join!(app.without_signals().run(), driver(handle)) };
    timeout(secs(3600), both).await.expect("it ends, it does not hang").0
}

/// Lets an app become ready, and stops it.
async fn up_and_down(app: App) -> Result<(), Report> {
    drive(app, async |handle| {
        assert!(handle.ready().await);
        handle.shutdown();
    })
    .await
}

pub(crate) fn notified(manager: &FakeManager) -> App {
    App::new("shop").with(Notify::to(manager.name()).expect("a name"))
}

/// Takes its time, and notes where it is.
fn noted(manager: &FakeManager, name: &'static str, start: u64, stop: u64) -> impl Service + use<> {
    let manager = manager.clone();
    async move |ctx: Context| {
        if ctx.until_stopping(sleep(secs(start))).await.is_none() {
            return Ok(());
        }
        manager.note(&format!("{name} is up"));
        ctx.ready();
        ctx.stopping().await;
        manager.note(&format!("{name} is asked to stop"));
        sleep(secs(stop)).await;
        Ok(())
    }
}

async fn idle(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ready_is_told_after_all_are_ready_and_stopping_before_any_is_asked() {
    let manager = FakeManager::new();
    let app =
        notified(&manager).service("db", noted(&manager, "db", 1, 0)).service("http", noted(&manager, "http", 2, 0));
    up_and_down(app.with(Notify::from_env().unwrap())).await.unwrap();
    assert_eq!(
        manager.lines(),
        [
            "STATUS=0 of 2 services ready",
            "STATUS=0 of 2 services ready, waiting for `db`",
            "db is up",
            "STATUS=1 of 2 services ready",
            "STATUS=1 of 2 services ready, waiting for `http`",
            "http is up",
            "STATUS=2 of 2 services ready",
            "READY=1|STATUS=2 of 2 services ready",
            "STOPPING=1|EXTEND_TIMEOUT_USEC=10000000|STATUS=stopping",
            "STATUS=stopping, waiting for `http`",
            "http is asked to stop",
            "STATUS=stopping",
            "STATUS=stopping, waiting for `db`",
            "db is asked to stop",
            "STATUS=stopping",
            "STATUS=stopped",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_start_is_never_ready_and_says_why() {
    let manager = FakeManager::new();
    let app = notified(&manager)
        .service("cache", idle)
        .service("db", async |_: Context| Err(BoxError::from("no route to host")))
        .service("http", idle);
    up_and_down_fails(app).await;
    assert_eq!(manager.states(), ["STOPPING=1|EXTEND_TIMEOUT_USEC=10000000"]);
    assert_eq!(manager.status(), "failed; `db` failed: no route to host");
}

async fn up_and_down_fails(app: App) {
    drive(app, async |handle| assert!(!handle.ready().await)).await.expect_err("a failure");
}

#[tokio::test(start_paused = true)]
async fn the_status_names_who_restarts_until_it_is_ready_again() {
    let manager = FakeManager::new();
    let flaky = {
        static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
        async |ctx: Context| {
            let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
            ctx.ready();
            match ctx.until_stopping(sleep(secs(60))).await {
                Some(()) if attempt == 0 => Err(BoxError::from("broken\npipe")),
                _ => idle(ctx).await,
            }
        }
    };
    let group = App::new("group").service("flaky", spec(flaky).restart(Restart::default()));
    let app = notified(&manager).service("http", idle).service("group", group);
    let ended = drive(app, async |handle| {
        sleep(secs(60)).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(manager.status(), "2 of 2 services ready; `group/flaky` failed: broken pipe");
        sleep(secs(60)).await;
        assert_eq!(manager.status(), "2 of 2 services ready");
        handle.shutdown();
    });
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_cannot_say_anything_in_the_name_of_the_app() {
    let manager = FakeManager::new();
    let app = notified(&manager).service("db", async |_: Context| Err(BoxError::from("x\nREADY=1\r\nMAINPID=1")));
    up_and_down_fails(app).await;
    assert_eq!(manager.status(), "failed; `db` failed: x READY=1  MAINPID=1");
    assert_eq!(manager.count("READY=1"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_status_is_cut() {
    let manager = FakeManager::new();
    let mut app = notified(&manager).service("idle", idle);
    for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let fails = async move |_: Context| {
            sleep(secs(at as u64)).await;
            Err(BoxError::from("é".repeat(5_000)))
        };
        app = app.service(name, spec(fails).after([]).on_failure(OnFailure::Ignore));
    }
    let ended = drive(app, async |handle| {
        sleep(secs(10)).await;
        let error = "é".repeat(200);
        let expected = ["b", "c", "d"].map(|name| format!("; `{name}` failed: {error}")).concat();
        assert_eq!(manager.status(), format!("1 of 1 service ready{expected}"));
        handle.shutdown();
    });
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_told_when_it_begins_and_when_all_are_done() {
    let manager = FakeManager::new();
    let reloading = |name: &'static str, time| {
        let manager = manager.clone();
        async move |ctx: Context| {
            let mut reloads = ctx.reloads();
            ctx.ready();
            while ctx.until_stopping(reloads.next()).await.is_some() {
                sleep(secs(time)).await;
                manager.note(name);
            }
            Ok(())
        }
    };
    let app = notified(&manager).service("a", reloading("a", 1)).service("b", reloading("b", 2));
    let before = monotonic_micros();
    let ended = drive(app, async |handle| {
        handle.ready().await;
        handle.reload();
        sleep(secs(5)).await;
        handle.shutdown();
    });
    ended.await.unwrap();
    let lines = manager.lines();
    let at = lines.iter().position(|line| line.starts_with("RELOADING=1|MONOTONIC_USEC=")).expect("it reloads");
    let moment: i64 = lines[at].split(['=', '|']).nth(3).and_then(|micros| micros.parse().ok()).expect("a number");
    assert!((before..=monotonic_micros()).contains(&moment), "{moment}");
    assert!(lines[at].ends_with("|STATUS=reloading, 2 of 2 services ready"));
    assert_eq!(lines[at + 1..at + 4], ["a", "b", "READY=1|STATUS=2 of 2 services ready"]);
}

fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[tokio::test(start_paused = true)]
async fn a_reload_while_starting_or_stopping_is_not_told() {
    let manager = FakeManager::new();
    let reloads = async |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {
            sleep(secs(6)).await;
        }
        Ok(())
    };
    let app = notified(&manager).service("reloads", reloads).service("slow", noted(&manager, "slow", 5, 3));
    let ended = drive(app, async |handle| {
        sleep(secs(1)).await;
        handle.reload();
        // Ready after 5 s, reloaded after 7 s.
        sleep(secs(10)).await;
        handle.shutdown();
        sleep(secs(1)).await;
        handle.reload();
    });
    ended.await.unwrap();
    let (stopping, extension) = ("STOPPING=1|EXTEND_TIMEOUT_USEC=10000000", "EXTEND_TIMEOUT_USEC=10000000");
    assert_eq!(manager.states(), ["slow is up", "READY=1", stopping, "slow is asked to stop", extension]);
}

#[tokio::test(start_paused = true)]
async fn more_time_is_asked_for_until_resources_have_closed() {
    let manager = FakeManager::new();
    let open = async |manager: FakeManager| Ok::<_, BoxError>(manager);
    let (_, db) = resource(manager.clone(), open).on_close(async |manager: &FakeManager| {
        sleep(secs(6)).await;
        manager.note("db is closed");
    });
    let app = notified(&manager).service("db", db).service("slow", noted(&manager, "slow", 0, 12));
    up_and_down(app).await.unwrap();
    let extension = "EXTEND_TIMEOUT_USEC=10000000";
    let expected = [
        "slow is up",
        "READY=1",
        "STOPPING=1|EXTEND_TIMEOUT_USEC=10000000",
        "slow is asked to stop",
        extension,
        extension,
        extension,
        "db is closed",
    ];
    assert_eq!(manager.states(), expected);
}

#[tokio::test(start_paused = true)]
async fn no_more_time_is_asked_for_when_the_unit_shall_bound_the_stop() {
    let manager = FakeManager::new();
    let app = App::new("shop").with(Notify::to(manager.name()).unwrap().without_extensions());
    up_and_down(app.service("slow", noted(&manager, "slow", 0, 12))).await.unwrap();
    assert_eq!(manager.states(), ["slow is up", "READY=1", "STOPPING=1", "slow is asked to stop"]);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_does_not_read_holds_nobody_up_and_misses_nothing() {
    let manager = FakeManager::new();
    manager.fill();
    let since = Instant::now();
    let reloads = async |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {}
        Ok(())
    };
    let app = notified(&manager).service("a", idle).service("b", reloads);
    let ended = drive(app, async |handle| {
        handle.ready().await;
        assert!(handle.reload());
        sleep(secs(5)).await;
        handle.shutdown().await.unwrap();
        assert_eq!(since.elapsed(), secs(5));
    });
    let heard = async {
        sleep(secs(3)).await;
        manager.note("reads again");
        sleep(Duration::from_millis(100)).await;
        let told: Vec<_> = manager.lines().into_iter().filter(|line| line != "X_OTHER=1").collect();
        let [reads, ready, reloading, again] = &*told else { panic!("{told:?}") };
        let expected = "READY=1|STATUS=2 of 2 services ready";
        assert_eq!([&**reads, ready, again], ["reads again", expected, expected]);
        assert!(reloading.starts_with("RELOADING=1|"), "{reloading}");
    };
    tokio::join!(ended, heard).0.unwrap();
    assert_eq!(manager.status(), "stopped");
}

/// Returns the errors that were logged.
fn errors(logs: &Logs) -> Vec<String> {
    logs.at_least(Level::ERROR).iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_gone_holds_nobody_up_and_the_log_says_what_is_lost() {
    let logs = Logs::capture();
    let name = FakeManager::new().name().clone();
    let app = App::new("shop").with(Notify::to(name).unwrap().watchdog(secs(1)));
    let since = Instant::now();
    up_and_down(app.service("a", idle)).await.unwrap();
    assert_eq!(since.elapsed(), Duration::ZERO);
    logs.assert_logged("lost=READY=1 STATUS=1 of 1 service ready");
    // One that it is gone, and one for each message: two states, and the last status.
    assert_eq!(errors(&logs).len(), 4, "{:#?}", errors(&logs));
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_never_reads_holds_nobody_up_and_the_log_says_what_is_lost() {
    let logs = Logs::capture();
    let manager = FakeManager::new();
    manager.fill();
    up_and_down(notified(&manager).service("a", idle)).await.unwrap();
    logs.assert_logged("lost=READY=1 STATUS=1 of 1 service ready");
    assert_eq!(errors(&logs).len(), 3, "{:#?}", errors(&logs));
}

#[tokio::test(start_paused = true)]
async fn of_more_than_32_messages_in_line_the_oldest_are_lost() {
    let logs = Logs::capture();
    let manager = FakeManager::new();
    manager.fill();
    let reloads = async |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {}
        Ok(())
    };
    let ended = drive(notified(&manager).service("a", reloads), async |handle| {
        handle.ready().await;
        for _ in 0..20 {
            handle.reload();
            sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..20 {
            manager.lines();
            sleep(Duration::from_millis(100)).await;
        }
        handle.shutdown();
    });
    ended.await.unwrap();
    assert_eq!(errors(&logs).len(), 1 + 2 * 20 - 32);
    assert_eq!(manager.count("READY=1"), 16);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_comes_late_is_told_what_it_has_missed() {
    let logs = Logs::capture();
    let path = std::env::temp_dir().join(format!("misc-upgrade-late-{}.sock", std::process::id()));
    let app = App::new("shop").with(Notify::to(&path).unwrap()).service("a", idle);
    let mut late = None;
    let ended = drive(app, async |handle| {
        handle.ready().await;
        sleep(secs(60)).await;
        let manager = late.insert(FakeManager::at(&path));
        sleep(secs(1)).await;
        assert_eq!(manager.lines(), ["READY=1|STATUS=1 of 1 service ready"]);
        handle.shutdown();
    });
    ended.await.unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(errors(&logs).len(), 1);
    logs.assert_logged("the service manager is told again");
}

#[tokio::test(start_paused = true)]
async fn in_a_group_an_error_says_that_it_belongs_to_the_root() {
    let logs = Logs::capture();
    let manager = FakeManager::new();
    let group = notified(&manager).service("a", idle);
    up_and_down(App::new("shop").service("group", group)).await.unwrap();
    assert_eq!(errors(&logs).len(), 1);
    logs.assert_logged("install `Notify` on the root app");
}

#[tokio::test(start_paused = true)]
async fn a_service_may_be_called_systemd() {
    let manager = FakeManager::new();
    up_and_down(notified(&manager).service("systemd", idle)).await.unwrap();
    assert_eq!(manager.count("READY=1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_manager_can_listen_at_a_path() {
    let path = std::env::temp_dir().join(format!("misc-upgrade-{}.sock", std::process::id()));
    let manager = FakeManager::at(&path);
    up_and_down(notified(&manager).service("a", idle)).await.unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(manager.count("READY=1"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_nothing_is_registered() {
    let app = App::new("shop").with(Notify::from_env().unwrap()).service("a", idle);
    let ended = drive(app, async |handle| {
        handle.ready().await;
        assert_eq!(handle.list(), ["a"]);
        handle.shutdown();
    });
    ended.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_apps_have_a_manager_each() {
    let (one, two) = (FakeManager::new(), FakeManager::new());
    let starts = up_and_down(notified(&one).service("a", idle));
    let fails = drive(notified(&two).service("b", async |_: Context| Err(BoxError::from("no"))), async |_| {});
    let (started, failed) = tokio::join!(starts, fails);
    assert!(started.is_ok() && failed.is_err());
    assert_eq!((one.count("READY=1"), two.count("READY=1")), (1, 0));
}

#[test]
fn what_is_no_socket_is_refused() {
    for name in ["", "@", "relative", "vsock:2:1", "/\0"] {
        let refused = Notify::to(name).unwrap_err().to_string();
        assert!(refused.contains(&format!("`{name}`")) && refused.contains("@abstract-name"), "{refused}");
    }
}
