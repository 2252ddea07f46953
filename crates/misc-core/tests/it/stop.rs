//! Stop: readiness off, drain delay, reverse order, and bounds on all of it.

use misc_core::{App, BoxError, Context, OnFailure, Phase, resource, spec};
use tokio::time::{Instant, sleep};

use crate::support::{
    Recorder, check_says, done, drive, failed, fails_after, fails_to_stop, idle, late, millis, never_ready, run, secs,
    slow, stuck, up_and_down,
};

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_changes_nothing() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", slow(secs(0), secs(5))).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let first = handle.shutdown();
        sleep(secs(1)).await;
        let second = handle.shutdown();
        first.await.unwrap();
        second.await.unwrap();
        handle.shutdown().await.unwrap();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.who(Phase::Stopping), ["app", "a"]);
    assert_eq!(seen.at("app", Phase::Stopped), secs(5));
}

#[tokio::test(start_paused = true)]
async fn who_asked_for_the_shutdown_learns_that_it_was_not_clean() {
    let (ended, stopped) = drive(App::new("shop").service("a", fails_to_stop), async |handle| {
        handle.ready().await;
        handle.shutdown().await
    })
    .await;
    assert!(ended.is_err());
    check_says(&stopped.unwrap_err(), &["app `shop` has stopped, but not cleanly"]);
}

#[tokio::test(start_paused = true)]
async fn one_failing_stop_skips_nobody_and_all_errors_are_reported() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", fails_to_stop)
        .service("b", idle)
        .service("c", fails_to_stop)
        .observe(seen.clone());
    let ended = up_and_down(app).await;
    assert_eq!(failed(&ended), ["c", "a"]);
    assert_eq!(seen.phases("b").last(), Some(&Phase::Stopped));
    assert_eq!(seen.who(Phase::Failed), ["c", "a", "app"]);
}

#[tokio::test(start_paused = true)]
async fn an_unneeded_service_that_fails_to_stop_is_not_reported() {
    let app = App::new("shop").service("a", spec(fails_to_stop).on_failure(OnFailure::Ignore)).service("b", idle);
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Failed), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn those_who_watch_are_woken_when_the_stop_begins() {
    let (ended, at) = drive(App::new("shop").service("a", slow(secs(0), secs(5))), async |handle| {
        handle.ready().await;
        let begin = Instant::now();
        tokio::join!(handle.stopping(), async { drop(handle.shutdown()) });
        begin.elapsed()
    })
    .await;
    ended.unwrap();
    assert_eq!(at, secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_service_is_told_by_when_it_must_have_stopped() {
    let told = async |ctx: Context| {
        assert_eq!(ctx.stop_deadline(), None);
        assert!(!ctx.is_stopping());
        ctx.ready();
        let token = ctx.token();
        token.cancelled().await;
        assert!(ctx.is_stopping());
        assert_eq!(ctx.stop_deadline(), Some(Instant::now() + secs(15)));
        Ok(())
    };
    up_and_down(App::new("shop").service("a", told)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn cancelling_the_token_stops_nobody() {
    let cancels = async |ctx: Context| {
        ctx.ready();
        ctx.token().cancel();
        assert!(!ctx.is_stopping());
        ctx.stopping().await;
        Ok(())
    };
    up_and_down(App::new("shop").service("a", cancels)).await.unwrap();
}

/// Runs an app with a drain delay of 5 s; returns how long its stop waited before services were touched.
async fn drained(app: App, driver: impl AsyncFnOnce(misc_core::Handle)) -> std::time::Duration {
    let seen = Recorder::new();
    let (_, ()) = drive(app.drain_delay(secs(5)).observe(seen.clone()), driver).await;
    seen.at("a", Phase::Stopping) - seen.at("app", Phase::Stopping)
}

#[tokio::test(start_paused = true)]
async fn a_requested_stop_keeps_serving_for_the_drain_delay() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).drain_delay(secs(5)).observe(seen.clone());
    up_and_down(app).await.unwrap();
    let expected = [
        "0 app starting",
        "0 a starting",
        "0 a ready",
        "0 app ready",
        "0 app stopping",
        "5 a stopping",
        "5 a stopped",
        "5 app stopped",
    ];
    assert_eq!(seen.timed(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_not_ready_has_no_drain_delay() {
    let app = App::new("shop").service("a", idle).service("b", never_ready);
    let waited = drained(app, async |handle| {
        sleep(secs(1)).await;
        handle.shutdown();
    });
    assert_eq!(waited.await, secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_has_no_drain_delay() {
    let app = App::new("shop").service("a", idle).service("b", fails_after(secs(1)));
    assert_eq!(drained(app, async |_| {}).await, secs(0));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_all_services_has_no_drain_delay() {
    let app = App::new("shop").service("a", spec(idle).background()).service("b", done);
    assert_eq!(drained(app, async |_| {}).await, secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_group_has_no_drain_delay() {
    let group = App::new("group").service("inner", idle).drain_delay(secs(5));
    let seen = Recorder::new();
    let begin = Instant::now();
    up_and_down(App::new("shop").service("group", group).observe(seen)).await.unwrap();
    assert_eq!(begin.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_drain_delay() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("b", fails_after(secs(3))).drain_delay(secs(10));
    let ended = up_and_down(app.observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["b"]);
    assert_eq!(seen.at("a", Phase::Stopping), secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_app_is_not_ready_during_the_drain_delay_but_its_services_are() {
    let app = App::new("shop").service("a", idle).drain_delay(secs(5));
    let (ended, (app, service)) = drive(app, async |handle| {
        handle.ready().await;
        handle.shutdown();
        sleep(secs(2)).await;
        let status = handle.status();
        (status.phase, status.children[0].phase)
    })
    .await;
    ended.unwrap();
    assert_eq!((app, service), (Phase::Stopping, Phase::Ready));
}

#[tokio::test(start_paused = true)]
async fn the_drain_delay_counts_into_the_total() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", stuck).drain_delay(secs(12)).observe(seen.clone());
    let ended = up_and_down(app).await;
    assert_eq!(late(&ended), ["a"]);
    // 25 s, less the 3 s kept for resources.
    assert_eq!(seen.at("a", Phase::Failed), secs(22));
}

#[tokio::test(start_paused = true)]
async fn a_service_has_15_s_to_stop() {
    let seen = Recorder::new();
    let ended = up_and_down(App::new("shop").service("a", stuck).observe(seen.clone())).await;
    assert_eq!(late(&ended), ["a"]);
    assert_eq!(seen.at("a", Phase::Failed), secs(15));
    assert_eq!(ended.unwrap_err().late()[0].waited(), secs(15));
}

#[tokio::test(start_paused = true)]
async fn stop_within_sets_the_own_bound() {
    let seen = Recorder::new();
    assert!(
        up_and_down(App::new("shop").service("a", spec(stuck).stop_within(secs(4))).observe(seen.clone()))
            .await
            .is_err()
    );
    assert_eq!(seen.at("a", Phase::Failed), secs(4));
}

#[tokio::test(start_paused = true)]
async fn the_total_is_25_s_with_3_s_kept_for_resources() {
    let (_, db) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |_: &i32| std::future::pending::<()>().await);
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("db", db)
        .service("a", stuck)
        .service("b", stuck)
        .service("c", spec(stuck).after(["db"]).stop_within(secs(60)));
    let ended = up_and_down(app.observe(seen.clone())).await;
    assert_eq!(seen.at("b", Phase::Failed), secs(15));
    assert_eq!(seen.at("a", Phase::Failed), secs(22));
    assert_eq!(seen.at("c", Phase::Failed), secs(22), "not more than the total less the reserve");
    assert_eq!(seen.at("db", Phase::Failed), secs(25));
    assert_eq!(late(&ended), ["b", "c", "a", "db"]);
}

#[tokio::test(start_paused = true)]
async fn half_of_a_short_total_is_kept_for_resources() {
    let (_, db) =
        resource((), async |()| Ok::<_, BoxError>(1)).on_close(async |_: &i32| std::future::pending::<()>().await);
    let seen = Recorder::new();
    let app = App::new("shop").service("db", db).service("a", stuck).stop_within(secs(4));
    assert!(up_and_down(app.observe(seen.clone())).await.is_err());
    assert_eq!(seen.at("a", Phase::Failed), secs(2));
    assert_eq!(seen.at("db", Phase::Failed), secs(4));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_all_services_is_bounded_too() {
    let app = App::new("shop").service("helper", spec(stuck).background()).service("job", done);
    let begin = Instant::now();
    let ended = run(app).await;
    assert_eq!(late(&ended), ["helper"]);
    assert_eq!(begin.elapsed(), secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_a_failure_is_bounded_too() {
    let app = App::new("shop").service("a", stuck).service("b", fails_after(secs(1)));
    let begin = Instant::now();
    let ended = run(app).await;
    assert_eq!((failed(&ended), late(&ended)), (vec!["b"], vec!["a"]));
    assert_eq!(begin.elapsed(), secs(16));
}

#[tokio::test(start_paused = true)]
async fn an_ended_service_takes_no_time_to_stop() {
    let begin = Instant::now();
    up_and_down(App::new("shop").service("a", slow(millis(0), millis(10))).service("b", done)).await.unwrap();
    assert_eq!(begin.elapsed(), millis(10));
}
