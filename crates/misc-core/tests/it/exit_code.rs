//! The exit code: chosen by an `Exit`, else 70 for late, 1 for failed, 0.

use misc_core::{App, BoxError, Context, Exit, OnFailure, Report, Restart, resource, spec};

use crate::support::{Above, check_says, done, fails_to_start, idle, run, secs, stuck, up_and_down};

/// Fails with an `Exit` below two other errors.
async fn misconfigured(_: Context) -> Result<(), BoxError> {
    let exit = Exit::new(78, "PORT=x: not a number");
    Err(Above("cannot serve", Above("cannot load the configuration", exit.into()).into()).into())
}

async fn code(app: App) -> u8 {
    run(app).await.map_or_else(|report| report.exit_code(), |()| 0)
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_is_0() {
    assert_eq!(code(App::new("shop").service("a", done)).await, 0);
    assert_eq!(Report::default().exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_1() {
    assert_eq!(code(App::new("shop").service("a", fails_to_start)).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_app_is_1() {
    assert_eq!(code(App::new("shop")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn late_is_70_and_counts_for_more_than_failed() {
    let ended = up_and_down(App::new("shop").service("a", stuck)).await;
    assert_eq!(ended.unwrap_err().exit_code(), 70);
    let app = App::new("shop").service("a", stuck).service("b", crate::support::fails_to_stop);
    let report = up_and_down(app).await.unwrap_err();
    assert_eq!((report.failures().len(), report.late().len(), report.exit_code()), (1, 1, 70));
}

#[tokio::test(start_paused = true)]
async fn an_exit_anywhere_in_the_chain_decides() {
    assert_eq!(code(App::new("shop").service("a", misconfigured)).await, 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_counts_for_more_than_late() {
    let app = App::new("shop").service("a", stuck).service("b", spec(misconfigured).after([]));
    let report = run(app).await.unwrap_err();
    assert_eq!((report.late().len(), report.exit_code()), (1, 78));
}

#[tokio::test(start_paused = true)]
async fn the_first_exit_decides_among_several() {
    let first = async |_: Context| Err(Exit::new(3, "first").into());
    let app = App::new("shop")
        .service("plain", spec(fails_to_start).after([]))
        .service("first", spec(first).after([]))
        .service("second", spec(misconfigured).after([]));
    assert_eq!(code(app).await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_0_is_heeded() {
    let help = async |_: Context| Err(Exit::new(0, "usage: shop").into());
    assert_eq!(code(App::new("shop").service("a", help)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_exit_inside_a_group_decides() {
    let group = App::new("inner").service("a", misconfigured);
    let outer = App::new("outer").service("inner", group);
    assert_eq!(code(App::new("shop").service("outer", outer)).await, 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_an_open_decides() {
    let (_, driver) = resource((), async |()| Err::<u8, _>(Exit::new(78, "no URL"))).split();
    assert_eq!(code(App::new("shop").service("db", driver)).await, 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_a_service_that_used_up_its_budget_decides() {
    let app = App::new("shop").service("a", spec(misconfigured).restart(Restart::new().attempts(3)));
    assert_eq!(code(app).await, 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_the_last_attempt_within_a_start_deadline_decides() {
    let restart = Restart::new().attempts(1000).backoff(secs(1), secs(1)).jitter(0.0);
    let app = App::new("shop").service("a", spec(misconfigured).start_within(secs(5)).restart(restart));
    let report = run(app).await.unwrap_err();
    check_says(&report, &["`a` was not ready within 5s", "cannot serve", "PORT=x: not a number"]);
    assert_eq!(report.exit_code(), 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_under_ignore_decides_nothing() {
    let app = App::new("shop").service("a", spec(misconfigured).on_failure(OnFailure::Ignore)).service("b", done);
    assert_eq!(code(app).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_exit_found_by_the_caller_of_the_app_decides() {
    let setup = || -> Result<(), Report> { Err(Exit::new(78, "no such file"))? };
    assert_eq!(setup().unwrap_err().exit_code(), 78);
    assert_eq!(code(App::new("shop").service("a", spec(idle).background()).service("b", misconfigured)).await, 78);
}

#[tokio::test(start_paused = true)]
async fn an_exit_inside_an_io_error_decides() {
    let wraps = async |_: Context| Err(std::io::Error::other(Exit::new(78, "bad file")).into());
    assert_eq!(code(App::new("shop").service("a", wraps)).await, 78);
}
