//! Start: deadlines, a failed start, and the work that runs once all is ready.

use misc_core::{App, BoxError, Context, Phase, Service, resource, spec};
use tokio::time::{Instant, sleep};

use crate::support::{
    Log, Recorder, check_says, done, drive, failed, fails_after, fails_to_start, idle, in_time, never_ready, run, secs,
    slow, up_and_down,
};

/// Makes a start that takes far too long, however it is asked to stop.
fn deaf() -> impl Service + Clone {
    async |_: Context| std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_service_has_30_s_to_say_that_it_is_ready() {
    let seen = Recorder::new();
    let ended = run(App::new("shop").service("a", idle).service("mute", never_ready).observe(seen.clone())).await;
    assert_eq!(failed(&ended), ["mute"]);
    check_says(&ended.unwrap_err(), &["`mute` was not ready within 30s", "never called `ctx.ready()`"]);
    assert_eq!(seen.at("mute", Phase::Stopping), secs(30));
}

#[tokio::test(start_paused = true)]
async fn just_in_time_is_in_time() {
    up_and_down(App::new("shop").service("slow", slow(secs(29), secs(0)))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn start_within_sets_the_start_deadline() {
    let seen = Recorder::new();
    let app = App::new("shop").service("mute", spec(never_ready).start_within(secs(5))).observe(seen.clone());
    check_says(&run(app).await.unwrap_err(), &["`mute` was not ready within 5s"]);
    assert_eq!(seen.at("mute", Phase::Stopping), secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_start_deadline_counts_from_the_own_start() {
    let app = App::new("shop").service("a", slow(secs(20), secs(0))).service("b", slow(secs(20), secs(0)));
    up_and_down(app).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_passed_start_deadline_names_the_resource_that_starts_after_it() {
    let (db, driver) = resource((), async |()| Ok::<_, BoxError>(1)).split();
    let user = async move |ctx: Context| {
        db.get().await?;
        ctx.ready();
        Ok(())
    };
    let ended = run(App::new("shop").service("user", user).service("db", driver)).await;
    check_says(
        &ended.unwrap_err(),
        &["`user` was not ready within 30s", "`user` waits for resource `db`, which starts after it"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_passed_start_deadline_names_the_resource_that_is_not_open_yet() {
    let (db, driver) = resource((), async |()| -> Result<u8, BoxError> { std::future::pending().await }).split();
    let user = async move |ctx: Context| {
        db.get().await?;
        ctx.ready();
        Ok(())
    };
    let app = App::new("shop")
        .service("db", spec(driver).start_within(secs(100)))
        .service("user", spec(user).after([]).start_within(secs(10)));
    check_says(&run(app).await.unwrap_err(), &["`user` was not ready within 10s", "resource `db`, which is starting"]);
}

#[tokio::test(start_paused = true)]
async fn a_passed_start_deadline_of_a_group_names_who_is_not_ready_in_it() {
    let group = App::new("group").service("quick", idle).service("mute", spec(never_ready).start_within(secs(60)));
    let ended = run(App::new("shop").service("group", group)).await;
    check_says(&ended.unwrap_err(), &["`group` was not ready within 30s", "`group/mute` is starting"]);
}

/// Puts a failing start at each position among five and checks that all that was up goes down in reverse.
async fn check_failed_start(broken: impl Service + Clone, says: &str) {
    for position in 0..5 {
        let seen = Recorder::new();
        let mut app = App::new("shop").observe(seen.clone());
        for at in 0..5 {
            let name = format!("s{at}");
            app = if at == position { app.service("broken", broken.clone()) } else { app.service(name, idle) };
        }
        let (ended, ready) = drive(app, async |handle| handle.ready().await).await;
        assert!(!ready, "nothing reports ready");
        assert_eq!(failed(&ended), ["broken"]);
        check_says(&ended.expect_err("a failure"), &[says]);
        let up: Vec<_> = (0..position).map(|at| format!("s{at}")).collect();
        assert_eq!(seen.who(Phase::Ready), up);
        let down: Vec<_> = seen.who(Phase::Stopped).into_iter().filter(|path| up.contains(path)).collect();
        assert_eq!(down, up.iter().rev().cloned().collect::<Vec<_>>());
        assert_eq!(seen.phases("app"), [Phase::Starting, Phase::Stopping, Phase::Failed]);
        for later in position + 1..5 {
            assert_eq!(seen.phases(&format!("s{later}")), [Phase::Stopped], "it never started");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_stops_what_is_up_in_reverse() {
    check_failed_start(fails_to_start, "no luck").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_at_start_stops_what_is_up_in_reverse() {
    check_failed_start(async |_: Context| panic!("at the start"), "panicked: at the start").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_a_failed_start() {
    #[derive(Clone)]
    struct Eager;
    impl Service for Eager {
        fn run(self, _: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
            let broken: Result<std::future::Ready<_>, _> = "x".parse::<u8>().map(|_| std::future::ready(Ok(())));
            broken.expect("eager to panic")
        }
    }
    check_failed_start(Eager, "panicked: eager to panic: ParseIntError").await;
}

#[tokio::test(start_paused = true)]
async fn a_passed_start_deadline_stops_what_is_up_in_reverse() {
    check_failed_start(never_ready, "was not ready within 30s").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_asks_those_still_starting_to_stop() {
    let log = Log::default();
    let (up, seen) = (log.clone(), Recorder::new());
    let starting = async move |ctx: Context| {
        ctx.stopping().await;
        up.add("asked to stop");
        Ok(())
    };
    let app = App::new("shop")
        .service("starting", starting)
        .service("broken", spec(fails_to_start).after([]))
        .observe(seen.clone());
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["broken"]);
    assert_eq!(log.lines(), ["asked to stop"]);
    assert_eq!(seen.phases("starting"), [Phase::Starting, Phase::Stopping, Phase::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_lists_every_error() {
    let app = App::new("shop")
        .service("stops-badly", crate::support::fails_to_stop)
        .service("one", spec(fails_to_start).after(["stops-badly"]))
        .service("two", spec(fails_to_start).after(["stops-badly"]));
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["one", "two", "stops-badly"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_ignores_the_stop_is_dropped_in_bounded_time() {
    let begin = Instant::now();
    let app = App::new("shop").service("deaf", deaf()).service("broken", spec(fails_to_start).after([]));
    let ended = run(app).await;
    assert_eq!(crate::support::late(&ended), ["deaf"]);
    assert_eq!(ended.unwrap_err().late()[0].phase(), Phase::Starting);
    assert_eq!(begin.elapsed(), secs(15));
}

#[tokio::test(start_paused = true)]
async fn ready_said_early_lets_the_others_start() {
    let endless = async |ctx: Context| {
        ctx.ready();
        ctx.until_stopping(std::future::pending::<()>()).await;
        Ok(())
    };
    let seen = Recorder::new();
    up_and_down(App::new("shop").service("endless", endless).service("next", idle).observe(seen.clone()))
        .await
        .unwrap();
    assert_eq!(seen.who(Phase::Ready), ["endless", "next", "app"]);
}

#[tokio::test(start_paused = true)]
async fn saying_ready_again_changes_nothing() {
    let seen = Recorder::new();
    let twice = async |ctx: Context| {
        ctx.ready();
        ctx.ready();
        ctx.stopping().await;
        ctx.ready();
        Ok(())
    };
    up_and_down(App::new("shop").service("twice", twice).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["twice", "app"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_asked_for_before_the_run_is_carried_out_at_once() {
    let app = App::new("shop").service("a", slow(secs(10), secs(0)));
    let begin = Instant::now();
    app.handle().shutdown();
    assert!(run(app).await.is_ok());
    assert_eq!(begin.elapsed(), secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_start_ends_cleanly() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", idle).service("b", never_ready).service("c", idle).observe(seen.clone());
    let (ended, ready) = drive(app, async |handle| {
        sleep(secs(1)).await;
        handle.shutdown();
        handle.ready().await
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert!(!ready);
    assert_eq!(seen.phases("app"), [Phase::Starting, Phase::Stopping, Phase::Stopped]);
    assert_eq!(seen.phases("c"), [Phase::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn the_work_begins_once_all_is_ready_and_its_end_stops_them() {
    let (log, seen) = (Log::default(), Recorder::new());
    let app = App::new("job").service("a", slow(secs(2), secs(1))).service("b", slow(secs(2), secs(1)));
    let work = async {
        log.add(format!("work at {:?}", seen.at("app", Phase::Ready)));
        sleep(secs(3)).await;
        42
    };
    let answer = in_time(app.observe(seen.clone()).without_signals().run_until(work)).await;
    assert_eq!(answer.unwrap(), Some(42));
    assert_eq!(log.lines(), ["work at 4s"]);
    assert_eq!(seen.at("app", Phase::Stopping), secs(7));
    assert_eq!(seen.who(Phase::Stopped), ["b", "a", "app"]);
}

#[tokio::test(start_paused = true)]
async fn the_work_is_dropped_when_the_app_stops_first() {
    let log = Log::default();
    let app = App::new("job").service("a", idle).without_signals();
    let handle = app.handle();
    let work = async {
        let _guard = log.on_drop("work dropped");
        handle.shutdown();
        std::future::pending::<()>().await;
    };
    assert_eq!(in_time(app.run_until(work)).await.unwrap(), None);
    assert_eq!(log.lines(), ["work dropped"]);
}

#[tokio::test(start_paused = true)]
async fn the_work_never_begins_when_the_start_fails() {
    let log = Log::default();
    let app = App::new("job").service("a", fails_to_start).without_signals();
    let ended = in_time(app.run_until(async { log.add("began") })).await;
    assert_eq!(ended.unwrap_err().failures()[0].path(), "a");
    assert!(log.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_work_is_dropped_when_a_service_fails() {
    let app = App::new("job").service("a", fails_after(secs(1))).without_signals();
    let ended = in_time(app.run_until(std::future::pending::<()>())).await;
    assert_eq!(ended.unwrap_err().failures()[0].path(), "a");
}

#[tokio::test(start_paused = true)]
async fn work_alone_needs_no_service() {
    assert_eq!(in_time(App::new("job").without_signals().run_until(async { 1 })).await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_the_stop_after_the_work_is_reported() {
    let app = App::new("job").service("a", crate::support::fails_to_stop).without_signals();
    let ended = in_time(app.run_until(async { 1 })).await;
    check_says(&ended.unwrap_err(), &["could not flush"]);
}

#[tokio::test]
async fn runs_on_a_current_thread_runtime() {
    up_and_down(App::new("shop").service("a", idle).service("b", done)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_on_a_multi_thread_runtime() {
    let mut app = App::new("shop");
    for at in 0..100 {
        app = app.service(format!("s{at}"), idle);
    }
    let seen = Recorder::new();
    up_and_down(app.observe(seen.clone())).await.unwrap();
    let mut down = seen.who(Phase::Stopped);
    down.pop();
    down.reverse();
    assert_eq!(down, seen.who(Phase::Ready)[..100]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_app_answers_its_handles() {
    let (ended, (ready, stopped)) =
        drive(App::new("empty"), async |handle| (handle.ready().await, handle.shutdown().await)).await;
    assert!(ended.is_err());
    assert!(!ready);
    assert!(stopped.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_dropped_before_it_ran_answers_its_handles() {
    let app = App::new("shop").service("a", idle);
    let handle = app.handle();
    drop(app);
    assert!(!in_time(handle.ready()).await);
    assert!(in_time(handle.stop("a")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_app_that_was_dropped_while_it_ran_leaves_nothing_running() {
    let log = Log::default();
    let inner = log.clone();
    let holds = async move |ctx: Context| {
        let _guard = inner.on_drop("released");
        ctx.ready();
        std::future::pending().await
    };
    let app = App::new("shop").service("a", holds).without_signals();
    let handle = app.handle();
    tokio::select! {
        _ = app.run() => {}
        _ = handle.ready() => {}
    }
    assert!(in_time(handle.shutdown()).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(log.lines(), ["released"]);
}
