//! The phases of an app as a list.

use misc_core::{App, Context, Phase, Restart, spec};
use misc_test::{Phases, TestApp};

use crate::support::{check_says, idle, panic_in, panic_of, secs};

/// Fails once after three seconds, then is idle.
fn fails_once() -> impl misc_core::Service {
    let failed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let fails = move |ctx: Context| {
        let first = !failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        async move {
            ctx.ready();
            if first {
                tokio::time::sleep(secs(3)).await;
                return Err("boom".into());
            }
            idle(ctx).await
        }
    };
    spec(fails).restart(Restart::new())
}

async fn two_services() -> Phases {
    let app = TestApp::start(App::new("shop").service("db", idle).service("web", idle)).await;
    app.stop().await.phases().clone()
}

#[tokio::test(start_paused = true)]
async fn lists_every_change_in_order() {
    let phases = two_services().await;
    let lines = [
        "/ starting",
        "db starting",
        "db ready",
        "web starting",
        "web ready",
        "/ ready",
        "/ stopping",
        "web stopping",
        "web stopped",
        "db stopping",
        "db stopped",
        "/ stopped",
    ];
    assert_eq!(phases.lines(), lines);
    assert_eq!(phases.of("db"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
    assert_eq!(phases.of("/"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
    assert_eq!(phases.entered(Phase::Ready), ["db", "web"]);
}

#[tokio::test(start_paused = true)]
async fn services_in_groups_go_by_their_path() {
    let group = App::new("inner").service("db", idle);
    let app = TestApp::start(App::new("shop").service("group", group)).await;
    app.stop().await.phases().assert_order(["group/db ready", "group ready", "group/db stopped", "group stopped"]);
}

#[tokio::test(start_paused = true)]
async fn an_app_is_told_apart_from_a_service_of_any_name() {
    let app = TestApp::start(App::new("shop").service("app", idle).service("shop", idle)).await;
    let ended = app.stop().await;
    ended.phases().assert_order(["app ready", "shop ready", "/ ready", "shop stopped", "app stopped", "/ stopped"]);
    assert_eq!(ended.phases().of("shop").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn times_are_those_of_the_clock_of_the_test() {
    let app = TestApp::start(App::new("shop").service("db", fails_once())).await;
    app.phases().until("db restarting").await;
    app.handle().ready().await;
    let ended = app.stop().await;
    assert_eq!(ended.phases().times("db", Phase::Restarting), [secs(3)]);
    check_says(&panic_in(|| ended.phases().assert_order(["nothing"])), &["      3.000 db restarting: boom"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_leaves_out_what_it_does_not_care_for() {
    two_services().await.assert_order(["db ready", "web ready", "web stopped", "db stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_order_is_told_with_the_list() {
    let phases = two_services().await;
    let text = panic_in(|| phases.assert_order(["web ready", "db ready"]));
    check_says(&text, &["`db ready` did not come after `web ready`", "0.000 web ready", "0.000 db stopped"]);
    let text = panic_in(|| phases.assert_order(["db ready", "mail ready"]));
    check_says(&text, &["`mail ready` did not happen", "what happened, in seconds:"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_waited_for() {
    let app = TestApp::start(App::new("shop").service("db", fails_once())).await;
    let phases = app.phases();
    phases.until("db restarting").await;
    phases.until("/ ready").await;
    let text = panic_of(phases.until("db waiting")).await;
    check_says(&text, &["`db waiting` did not happen within 3600s", "db restarting: boom"]);
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn changes_in_an_order_are_waited_for() {
    let app = TestApp::start(App::new("shop").service("db", fails_once())).await;
    let phases = app.phases();
    phases.until("db ready").await;
    assert_eq!(phases.of("db"), [Phase::Starting, Phase::Ready], "once was enough");
    phases.until_order(["db restarting", "db ready"]).await;
    assert_eq!(phases.of("db").last(), Some(&Phase::Ready));
    assert_eq!(phases.times("db", Phase::Ready).len(), 2);
    let text = panic_of(phases.until_order(["db restarting", "db ready", "db restarting"])).await;
    check_says(&text, &["`db restarting` did not come after `db ready` within 3600s", "db restarting: boom"]);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn an_app_that_runs_otherwise_is_watched() {
    let phases = Phases::new();
    let app = App::new("job").service("import", async |_: Context| Ok(())).observe(phases.clone());
    app.without_signals().run().await.unwrap();
    phases.assert_order(["import starting", "import ready", "import stopped", "/ stopped"]);
}
