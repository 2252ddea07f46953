//! Order: start follows the edges, stop is their exact reverse.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use misc_core::{App, BoxError, Context, OnFailure, Phase, Restart, factory, resource, spec};

use crate::support::{
    Recorder, done, drive, failed, fails_after, fails_to_start, idle, never_ready, run, secs, slow, up_and_down,
};

/// Runs the app up and down and checks all its changes, `seconds path phase`.
async fn check(app: App, expected: &[&str]) {
    let seen = Recorder::new();
    let ended = up_and_down(app.observe(seen.clone())).await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(seen.timed(), expected);
}

#[tokio::test(start_paused = true)]
async fn starts_one_after_the_other_and_stops_in_reverse() {
    let app = App::new("shop")
        .service("a", slow(secs(1), secs(1)))
        .service("b", slow(secs(2), secs(2)))
        .service("c", slow(secs(3), secs(3)));
    let expected = [
        "0 app starting",
        "0 a starting",
        "1 a ready",
        "1 b starting",
        "3 b ready",
        "3 c starting",
        "6 c ready",
        "6 app ready",
        "6 app stopping",
        "6 c stopping",
        "9 c stopped",
        "9 b stopping",
        "11 b stopped",
        "11 a stopping",
        "12 a stopped",
        "12 app stopped",
    ];
    check(app, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn after_replaces_the_edge_to_the_one_before() {
    let app = App::new("shop")
        .service("a", slow(secs(1), secs(1)))
        .service("b", slow(secs(5), secs(5)))
        .service("c", spec(slow(secs(1), secs(1))).after(["a"]));
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.at("b", Phase::Starting), secs(1));
    assert_eq!(seen.at("c", Phase::Starting), secs(1));
    assert_eq!(seen.at("c", Phase::Ready), secs(2));
    assert_eq!(seen.at("b", Phase::Stopping), seen.at("c", Phase::Stopping));
    assert_eq!(seen.who(Phase::Stopped), ["c", "b", "a", "app"]);
}

#[tokio::test(start_paused = true)]
async fn after_nothing_starts_at_once() {
    let app =
        App::new("shop").service("a", slow(secs(1), secs(1))).service("b", spec(slow(secs(1), secs(1))).after([]));
    let expected = [
        "0 app starting",
        "0 a starting",
        "0 b starting",
        "1 a ready",
        "1 b ready",
        "1 app ready",
        "1 app stopping",
        "1 a stopping",
        "1 b stopping",
        "2 a stopped",
        "2 b stopped",
        "2 app stopped",
    ];
    check(app, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn after_may_name_one_that_is_registered_later() {
    let app = App::new("shop").service("first", spec(idle).after(["second"])).service("second", spec(idle).after([]));
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["second", "first", "app"]);
    assert_eq!(seen.who(Phase::Stopped), ["first", "second", "app"]);
}

#[tokio::test(start_paused = true)]
async fn naming_one_twice_counts_once() {
    let app = App::new("shop").service("a", idle).service("b", spec(idle).after(["a", "a"]));
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Starting), ["app", "a", "b"]);
    assert_eq!(seen.who(Phase::Stopped), ["b", "a", "app"]);
}

#[tokio::test(start_paused = true)]
async fn branches_of_a_diamond_run_together() {
    let app = App::new("shop")
        .service("a", slow(secs(1), secs(1)))
        .service("b", spec(slow(secs(1), secs(1))).after(["a"]))
        .service("c", spec(slow(secs(2), secs(2))).after(["a"]))
        .service("d", spec(slow(secs(1), secs(1))).after(["b", "c"]));
    let expected = [
        "0 app starting",
        "0 a starting",
        "1 a ready",
        "1 b starting",
        "1 c starting",
        "2 b ready",
        "3 c ready",
        "3 d starting",
        "4 d ready",
        "4 app ready",
        "4 app stopping",
        "4 d stopping",
        "5 d stopped",
        "5 b stopping",
        "5 c stopping",
        "6 b stopped",
        "7 c stopped",
        "7 a stopping",
        "8 a stopped",
        "8 app stopped",
    ];
    check(app, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn resources_close_last_in_reverse_among_themselves() {
    let (_, one) = resource((), async |()| Ok::<_, BoxError>(1)).split();
    let (_, two) = resource((), async |()| Ok::<_, BoxError>(2)).split();
    let app = App::new("shop")
        .service("a", slow(secs(0), secs(1)))
        .service("one", one)
        .service("b", slow(secs(0), secs(1)))
        .service("two", two)
        .service("c", slow(secs(0), secs(1)));
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["a", "one", "b", "two", "c", "app"]);
    assert_eq!(seen.who(Phase::Stopped), ["c", "b", "a", "two", "one", "app"]);
    assert_eq!(seen.at("a", Phase::Stopping), secs(2), "an order that leads through a resource is kept");
    assert_eq!(seen.at("two", Phase::Stopping), secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_return_of_ok_meets_a_dependency() {
    let app = App::new("shop").service("migrate", done).service("http", spec(idle).after(["migrate"]));
    let expected = [
        "0 app starting",
        "0 migrate starting",
        "0 migrate ready",
        "0 migrate stopping",
        "0 http starting",
        "0 migrate stopped",
        "0 http ready",
        "0 app ready",
        "0 app stopping",
        "0 http stopping",
        "0 http stopped",
        "0 app stopped",
    ];
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    let (mut got, mut expected) = (seen.timed(), expected.map(str::to_owned).to_vec());
    // Whether the one that is done stops before the next one starts is left open.
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_was_met_stays_met() {
    let app = App::new("shop")
        .service("db", spec(fails_after(secs(5))).restart(Restart::new().jitter(0.0)))
        .service("http", spec(idle).after(["db"]));
    let seen = Recorder::new();
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        handle.ready().await;
        tokio::time::sleep(secs(12)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.phases("http"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
    assert_eq!(seen.times("db", Phase::Restarting).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_failed_under_ignore_fails_those_that_name_it() {
    let app = App::new("shop")
        .service("cache", spec(fails_to_start).on_failure(OnFailure::Ignore))
        .service("warm", spec(idle).after(["cache"]).on_failure(OnFailure::Ignore))
        .service("http", idle)
        .service("report", spec(idle).after(["warm"]).on_failure(OnFailure::Ignore));
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.phases("warm"), [Phase::Failed]);
    assert_eq!(seen.phases("report"), [Phase::Failed]);
    assert_eq!(seen.who(Phase::Ready), ["http", "app"], "an implicit edge is released");
    let why = seen.all().into_iter().find(|seen| seen.path == "warm").unwrap();
    crate::support::check_says(&why.change.error().unwrap(), &["starts after `cache`, which has failed"]);
}

#[tokio::test(start_paused = true)]
async fn who_names_a_failed_dependency_and_is_needed_stops_the_app() {
    let app = App::new("shop")
        .service("cache", spec(fails_to_start).on_failure(OnFailure::Ignore))
        .service("http", spec(idle).after(["cache"]))
        .service("other", spec(idle).after([]));
    let seen = Recorder::new();
    let ended = run(app.observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["http"]);
    assert_eq!(seen.phases("http"), [Phase::Failed]);
    assert_eq!(seen.phases("other").last(), Some(&Phase::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_was_stopped_before_it_was_ready_counts_as_failed() {
    let app = App::new("shop")
        .service("a", never_ready)
        .service("named", spec(idle).after(["a"]).on_failure(OnFailure::Ignore))
        .service("implicit", idle)
        .service("after-a", spec(idle).after([]));
    // `implicit` follows `named`, which fails under Ignore: released as well.
    let seen = Recorder::new();
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        handle.stop("a").await.unwrap();
        assert!(handle.ready().await);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.phases("named"), [Phase::Failed]);
    assert_eq!(seen.phases("implicit"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
}

/// A service that fails its first starts; given to `factory`.
fn fails_times(times: u32) -> impl FnMut() -> Box<dyn FnOnce(Context) -> Answer + Send> + Send + 'static {
    let attempts = Arc::new(AtomicU32::new(0));
    move || {
        let attempts = Arc::clone(&attempts);
        Box::new(move |ctx| {
            Box::pin(async move {
                if attempts.fetch_add(1, Ordering::SeqCst) < times {
                    return Err("not yet".into());
                }
                idle(ctx).await
            })
        })
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

#[tokio::test(start_paused = true)]
async fn an_edge_that_was_released_is_not_released_again_by_a_late_start() {
    let app =
        App::new("shop").service("flaky", factory(fails_times(1)).on_failure(OnFailure::Ignore)).service("http", idle);
    let seen = Recorder::new();
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        assert!(handle.ready().await);
        handle.restart("flaky").await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.who(Phase::Stopped), ["http", "flaky", "app"]);
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_was_released_is_not_released_again_by_another_failure() {
    let app =
        App::new("shop").service("flaky", factory(fails_times(2)).on_failure(OnFailure::Ignore)).service("http", idle);
    let (ended, ()) = drive(app, async |handle| {
        assert!(handle.ready().await);
        assert!(handle.restart("flaky").await.is_err());
        handle.restart("flaky").await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}
