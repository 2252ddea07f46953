//! The end: an app ends when every service that is not background has ended.

use misc_core::{App, BoxError, Context, OnFailure, Phase, Restart, resource, spec};
use tokio::time::{Instant, sleep};

use crate::support::{Recorder, done, drive, failed, fails_after, idle, millis, run, secs, slow, up_and_down};

/// Works for a while and is done.
fn works(time: std::time::Duration) -> impl misc_core::Service + Clone {
    move |ctx: Context| async move {
        ctx.ready();
        ctx.until_stopping(sleep(time)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_app_ends_when_all_services_have_ended() {
    let (seen, begin) = (Recorder::new(), Instant::now());
    let app = App::new("job").service("a", works(secs(3))).service("b", works(secs(1))).observe(seen.clone());
    run(app).await.unwrap();
    assert_eq!(begin.elapsed(), secs(3));
    assert_eq!(seen.phases("app"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn the_app_runs_on_while_one_service_does() {
    let app = App::new("job").service("a", done).service("b", works(secs(1))).service("c", idle);
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(100)).await;
        assert_eq!(handle.status().phase, Phase::Ready);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn background_services_do_not_keep_the_app_running() {
    let (seen, begin) = (Recorder::new(), Instant::now());
    let app = App::new("job")
        .service("beat", spec(slow(secs(0), secs(1))).background())
        .service("work", works(secs(2)))
        .observe(seen.clone());
    run(app).await.unwrap();
    assert_eq!(begin.elapsed(), secs(3), "the background one is stopped in order");
    assert_eq!(seen.who(Phase::Stopped), ["work", "beat", "app"]);
}

#[tokio::test(start_paused = true)]
async fn background_services_alone_run_until_they_are_stopped() {
    let app = App::new("job").service("a", spec(idle).background()).service("b", spec(done).background());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(1000)).await;
        assert_eq!(handle.status().phase, Phase::Ready);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn resources_do_not_keep_the_app_running() {
    let (db, driver) = resource((), async |()| Ok::<_, BoxError>(1)).split();
    let work = async move |_: Context| {
        db.get().await?;
        Ok(())
    };
    run(App::new("job").service("db", driver).service("work", work)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ok_before_ready_counts_as_ready_and_then_done() {
    let seen = Recorder::new();
    run(App::new("job").service("a", done).service("b", done).observe(seen.clone())).await.unwrap();
    let whole = [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped];
    assert_eq!(seen.phases("a"), whole);
    assert_eq!(seen.phases("b"), whole);
    assert_eq!(seen.phases("app"), whole);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_is_an_end_too() {
    let begin = Instant::now();
    let app = App::new("job")
        .service("a", spec(fails_after(secs(2))).on_failure(OnFailure::Ignore))
        .service("b", works(secs(1)));
    run(app).await.unwrap();
    assert_eq!(begin.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_will_be_restarted_has_not_ended() {
    let begin = Instant::now();
    let restart = Restart::new().attempts(3).backoff(secs(1), secs(1)).jitter(0.0);
    let ended = run(App::new("job").service("a", spec(fails_after(secs(1))).restart(restart))).await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(begin.elapsed(), secs(5), "three runs and two delays");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_stopped_has_ended() {
    let app = App::new("job").service("a", idle).service("b", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("a").await.unwrap();
        assert_eq!(handle.status().phase, Phase::Ready);
        handle.stop("b").await.unwrap();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_added_keeps_the_app_running() {
    let begin = Instant::now();
    let (ended, ()) = drive(App::new("job").service("a", works(secs(1))), async |handle| {
        handle.ready().await;
        handle.start("more", works(secs(5))).await.unwrap();
    })
    .await;
    ended.unwrap();
    assert_eq!(begin.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn what_has_not_started_yet_keeps_the_app_running() {
    let seen = Recorder::new();
    let app = App::new("job")
        .service("slow", slow(secs(5), secs(0)))
        .service("quick", spec(done).after([]))
        .observe(seen.clone());
    up_and_down(app).await.unwrap();
    assert_eq!(seen.at("app", Phase::Ready), secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_all_services_ends_the_drain_delay() {
    let app = App::new("job").service("a", works(secs(3))).service("b", works(secs(2))).drain_delay(secs(10));
    let (ended, took) = drive(app, async |handle| {
        handle.ready().await;
        sleep(secs(1)).await;
        let asked = Instant::now();
        handle.shutdown().await.unwrap();
        asked.elapsed()
    })
    .await;
    ended.unwrap();
    assert_eq!(took, secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_during_the_drain_delay() {
    let seen = Recorder::new();
    let restart = Restart::new().backoff(secs(1), secs(1)).jitter(0.0);
    let app = App::new("job")
        .service("a", spec(fails_after(secs(2))).restart(restart))
        .drain_delay(secs(3))
        .observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        sleep(secs(1)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Ready), [secs(0), secs(3)]);
    assert_eq!(seen.at("a", Phase::Stopped), secs(4));
}

#[tokio::test(start_paused = true)]
async fn an_app_ends_by_itself_although_a_background_service_never_was_ready() {
    let begin = Instant::now();
    let app =
        App::new("job").service("work", works(millis(500))).service("slow", spec(slow(secs(20), secs(0))).background());
    run(app).await.unwrap();
    assert_eq!(begin.elapsed(), millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_background_services_keeps_its_app_running() {
    let group = App::new("inner").service("x", spec(idle).background());
    let (ended, ()) = drive(App::new("job").service("g", group), async |handle| {
        sleep(secs(1000)).await;
        assert_eq!(handle.status().phase, Phase::Ready);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}
