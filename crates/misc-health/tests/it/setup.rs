//! What does not make sense is refused when the app starts, all of it at once.

use std::{error::Error as _, time::Duration};

use misc_core::App;
use misc_health::{Check, Health, LIVENESS, READINESS, check};
use misc_test::{Logs, TestApp};

use crate::subject::{idle, is_ok, start, status};

async fn fine() -> std::io::Result<()> {
    Ok(())
}

fn some() -> Check {
    check(fine)
}

/// Returns why an app with this health does not start.
async fn refusal(health: Health) -> String {
    let app = App::new("shop").with(health).service("idle", idle);
    let ended = TestApp::launch(app).ended().await;
    let failures = ended.report().failures();
    assert_eq!((failures.len(), failures[0].path()), (1, "health"));
    assert_eq!(ended.exit_code(), 1);
    assert!(!ended.phases().lines().contains(&"/ ready".to_owned()));
    failures[0].source().unwrap().to_string()
}

#[track_caller]
fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "`{part}` is not in: {text}");
}

#[tokio::test(start_paused = true)]
async fn two_checks_of_one_name_are_refused() {
    assert_eq!(
        refusal(Health::new().check("db", fine).liveness("db", || true)).await,
        "the health checks are set up wrongly: two checks are named `db`; rename one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_declared_is_refused() {
    let text = refusal(Health::new().check("db", some().groups([READINESS, "depe"]))).await;
    assert_has(&text, "the check `db` is in the group `depe`, which is not declared");
    assert_has(&text, "there are `liveness`, `readiness`, `startup`, `all`; declare it with `.group(\"depe\")`");
}

#[tokio::test(start_paused = true)]
async fn a_group_without_checks_is_refused() {
    let text = refusal(Health::new().group("deep").check("db", fine)).await;
    assert_has(&text, "no check is in the group `deep`");
}

#[tokio::test(start_paused = true)]
async fn a_check_with_a_future_cannot_be_put_into_liveness() {
    let text = refusal(Health::new().check("db", some().groups([LIVENESS]))).await;
    assert_has(&text, "the check `db` is in the group `liveness`");
    assert_has(&text, "`Health::liveness`");
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_wrong_is_told_at_once() {
    let health = Health::new()
        .answers_within(Duration::ZERO)
        .group("readiness")
        .group("a/b")
        .check("app", fine)
        .check("", fine)
        .check("db:ping", fine)
        .check("a", some().within(Duration::ZERO))
        .check("b", some().fails_after(0).recovers_after(0));
    let text = refusal(health).await;
    for part in [
        "`answers_within` is zero",
        "the group `readiness` is declared twice",
        "the group `a/b` cannot be part of a path",
        "a check is named `app`",
        "a check is named \"\"",
        "a check is named \"db:ping\"",
        "the check `a` has a `within` of zero",
        "the check `b` has a `fails_after` of 0",
        "the check `b` has a `recovers_after` of 0",
    ] {
        assert_has(&text, part);
    }
}

#[tokio::test(start_paused = true)]
async fn health_in_a_group_is_refused() {
    let group = App::new("orders").with(Health::new()).service("idle", idle);
    let ended = TestApp::launch(App::new("shop").service("orders", group)).ended().await;
    let report = ended.report().to_string();
    assert_has(&report, "`Health` is in a group, as `orders/health`");
    assert_has(&report, "install it on the root app");
}

#[tokio::test(start_paused = true)]
async fn one_health_in_two_apps_is_refused() {
    let health = Health::new();
    let first = start(&health).await;
    let text = refusal(health.clone()).await;
    assert_has(&text, "`Health` was installed in another app before");
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn checks_may_be_added_after_the_endpoint_was_made_but_not_after_the_start() {
    let health = Health::new();
    let endpoint = health.endpoint();
    let health = health.check("db", check(async || Err::<(), _>("down")));
    let app = start(&health).await;
    let request = http::Request::get("/readyz").body(()).unwrap();
    assert_eq!(crate::subject::ask(endpoint, request).await.status(), 503);
    let logs = Logs::capture();
    let health = health.group("late").check("late", check(fine).groups(["late"]));
    logs.assert_logged("ERROR misc_health::health: health was set up further after the app had started");
    assert_eq!(status(&health, "/health/late").await, 404);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_without_groups_is_part_of_everything_only() {
    let failing = check(async || Err::<(), _>("down"));
    let health = Health::new().check("db", failing.groups([]));
    let app = start(&health).await;
    assert!(is_ok(&health, "/readyz").await && !is_ok(&health, "/health").await);
    app.stop().await.assert_clean().await;
}
