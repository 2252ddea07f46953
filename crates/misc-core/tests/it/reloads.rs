//! Reloads: a request reaches whoever asked for it, and what comes meanwhile counts as one.

use misc_core::{App, Context, Lifecycle, Reload, Transition};
use tokio::time::sleep;

use crate::support::{Log, drive, idle, millis, secs, up_and_down};

/// Logs each reload, and takes a second for it.
fn reloading(log: &Log, name: &'static str) -> impl misc_core::Service + use<> {
    let log = log.clone();
    async move |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {
            log.add(name);
            sleep(secs(1)).await;
        }
        Ok(())
    }
}

/// Returns the lines in no particular order: nobody is told before another.
fn sorted(log: &Log) -> Vec<String> {
    let mut lines = log.lines();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn a_request_reaches_every_service_that_asked() {
    let log = Log::default();
    let app = App::new("shop").service("a", reloading(&log, "a")).service("b", reloading(&log, "b"));
    let (ended, ()) = drive(app.service("deaf", idle), async |handle| {
        handle.ready().await;
        handle.reload();
        sleep(secs(2)).await;
        assert_eq!(sorted(&log), ["a", "b"]);
        handle.reload();
        sleep(secs(2)).await;
        assert_eq!(sorted(&log), ["a", "a", "b", "b"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_meanwhile_count_as_one() {
    let log = Log::default();
    let (ended, ()) = drive(App::new("shop").service("a", reloading(&log, "a")), async |handle| {
        handle.ready().await;
        for _ in 0..5 {
            handle.reload();
        }
        sleep(secs(10)).await;
        assert_eq!(log.lines(), ["a"]);
        handle.reload();
        sleep(millis(500)).await;
        // It is busy with that one.
        handle.reload();
        handle.reload();
        sleep(secs(10)).await;
        assert_eq!(log.lines(), ["a", "a", "a"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_requests_from_now_on_count() {
    let log = Log::default();
    let (ended, ()) = drive(App::new("shop").service("a", idle), async |handle| {
        handle.ready().await;
        handle.reload();
        handle.start("late", reloading(&log, "late")).await.unwrap();
        sleep(secs(1)).await;
        assert!(log.lines().is_empty());
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn groups_are_reached_and_may_ask_for_all() {
    let log = Log::default();
    let inner = App::new("inner").service("x", reloading(&log, "x"));
    let asks = async |ctx: Context| {
        ctx.ready();
        ctx.until_stopping(sleep(secs(1))).await;
        ctx.app().reload();
        Ok(())
    };
    let group = App::new("group").service("inner", inner).service("asks", asks);
    let app = App::new("shop").service("a", reloading(&log, "a")).service("group", group);
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(sorted(&log), ["a", "x"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_to_an_app_that_does_not_run_is_no_error() {
    let app = App::new("shop").service("a", idle);
    let handle = app.handle();
    handle.reload();
    up_and_down(app).await.unwrap();
    handle.reload();
}

/// Records how far reloads have come.
struct Watches(Log);

impl Lifecycle for Watches {
    fn on_transition(&self, _: &Transition) {}

    fn on_reload(&self, reload: Reload) {
        self.0.add(format!("{reload:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_done_when_every_service_waits_for_the_next() {
    let log = Log::default();
    let slow = async |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(reloads.next()).await.is_some() {
            sleep(secs(5)).await;
        }
        Ok(())
    };
    let quick = reloading(&Log::default(), "quick");
    let app = App::new("shop").observe(Watches(log.clone())).service("quick", quick).service("slow", slow);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert!(handle.reload());
        sleep(secs(4)).await;
        assert_eq!(log.lines(), ["Requested"]);
        assert!(handle.reload(), "while one is busy with the first");
        sleep(secs(2)).await;
        assert_eq!(log.lines(), ["Requested", "Requested"], "slow has not carried out the second");
        sleep(secs(5)).await;
        assert_eq!(log.lines(), ["Requested", "Requested", "Done"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_holds_up_no_reload() {
    let log = Log::default();
    let ends = async |ctx: Context| {
        let mut reloads = ctx.reloads();
        ctx.ready();
        reloads.next().await;
        sleep(secs(1)).await;
        Ok(())
    };
    let app = App::new("shop").observe(Watches(log.clone())).service("idle", idle).service("ends", ends);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert!(handle.reload());
        sleep(millis(500)).await;
        assert_eq!(log.lines(), ["Requested"]);
        sleep(secs(1)).await;
        assert_eq!(log.lines(), ["Requested", "Done"]);
        assert!(handle.reload(), "a service had asked for reloads");
        sleep(secs(1)).await;
        assert_eq!(log.lines(), ["Requested", "Done", "Requested", "Done"]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_says_when_nobody_asked_for_reloads() {
    let log = Log::default();
    let app = App::new("shop").observe(Watches(log.clone())).service("idle", idle);
    assert!(!app.handle().reload(), "before it runs");
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert!(!handle.reload());
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert!(log.lines().is_empty(), "nothing to reload is no reload");
}
