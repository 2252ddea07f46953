//! The report: every failure with its chain, every late service, in a few plain lines.

use misc_core::{App, BoxError, Context, Exit, Report, spec};
use tokio::time::sleep;

use crate::support::{Above, check_says, drive, fails_to_start, fails_to_stop, idle, run, secs, stuck, up_and_down};

async fn broken(_: Context) -> Result<(), BoxError> {
    Err(Above("cannot serve", Above("cannot connect", "no route to host".into()).into()).into())
}

/// Checks the whole text, which is the same for `Display` and `Debug`.
fn check(report: &Report, expected: &[&str]) {
    let text = report.to_string();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert_eq!(format!("{report:?}"), text);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_printed_with_its_chain() {
    let report = run(App::new("shop").service("a", broken)).await.unwrap_err();
    let expected = [
        "service `a` failed",
        "  caused by: cannot serve",
        "  caused by: cannot connect",
        "  caused by: no route to host",
    ];
    check(&report, &expected);
}

#[tokio::test(start_paused = true)]
async fn several_failures_are_printed_in_their_order() {
    let app = App::new("shop")
        .service("stops-badly", fails_to_stop)
        .service("a", spec(broken).after(["stops-badly"]))
        .service("b", spec(fails_to_start).after(["stops-badly"]));
    let expected = [
        "service `a` failed",
        "  caused by: cannot serve",
        "  caused by: cannot connect",
        "  caused by: no route to host",
        "service `b` failed",
        "  caused by: no luck",
        "service `stops-badly` failed",
        "  caused by: could not flush",
    ];
    check(&run(app).await.unwrap_err(), &expected);
}

#[tokio::test(start_paused = true)]
async fn failures_in_groups_are_printed_by_their_path() {
    let inner = App::new("x").service("leaf", broken);
    let outer = App::new("y").service("inner", inner);
    let report = run(App::new("shop").service("outer", outer)).await.unwrap_err();
    assert_eq!(report.to_string().lines().next(), Some("service `outer/inner/leaf` failed"));
    assert_eq!(report.failures().len(), 1, "once, not once per group");
}

#[tokio::test(start_paused = true)]
async fn late_services_are_printed_with_their_tasks() {
    let mut line = 0;
    let place = &mut line;
    let spawns = {
        *place = line!() + 2;
        async |ctx: Context| {
            ctx.spawn(std::future::pending::<()>());
            idle(ctx).await
        }
    };
    let report = up_and_down(App::new("shop").service("a", stuck).service("b", spawns)).await.unwrap_err();
    let task = format!("  unfinished task spawned at crates/misc-core/tests/it/report.rs:{line}:17");
    let expected = [
        "service `b` (ready) had not stopped after 15.0s and was dropped",
        &*task,
        "service `a` (ready) had not stopped after 7.0s and was dropped",
    ];
    check(&report, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_did_not_yield_is_printed_as_such() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let wedges = async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        held.recv().unwrap_err();
        Ok(())
    };
    let app = App::new("shop").service("wedged", spec(wedges).stop_within(crate::support::millis(100)));
    let report = up_and_down(app).await.unwrap_err();
    drop(release);
    let expected = "service `wedged` (ready) had not stopped after 100.0ms and was dropped; it did not yield: it blocks \
                    a thread or never awaits";
    let told = report.to_string();
    // The real clock adds its own to the 100 ms.
    assert_eq!(told.split_once(" after ").map(|told| told.0), expected.split_once(" after ").map(|text| text.0));
    assert_eq!(told.split_once(" and ").map(|told| told.1), expected.split_once(" and ").map(|text| text.1));
}

#[tokio::test(start_paused = true)]
async fn failures_come_before_who_was_late() {
    let fails = async |ctx: Context| {
        ctx.ready();
        sleep(secs(1)).await;
        Err("boom".into())
    };
    let report = run(App::new("shop").service("a", spec(stuck).stop_within(secs(2))).service("b", fails)).await;
    let expected =
        ["service `b` failed", "  caused by: boom", "service `a` (ready) had not stopped after 2.0s and was dropped"];
    check(&report.unwrap_err(), &expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_app_is_printed_with_every_problem() {
    let app = App::new("shop").service("a", idle).service("a", idle).service("", idle);
    let expected = [
        "error: app `shop` cannot start; nothing was started",
        "  - a service has an empty name; give it one",
        "  - two services are named `a`; rename one",
    ];
    check(&run(app).await.unwrap_err(), &expected);
}

#[test]
fn any_error_becomes_a_report() {
    fn parse(text: &str) -> Result<u16, Report> {
        Ok(text.parse()?)
    }
    fn says() -> Result<(), Report> {
        Err("no configuration")?
    }
    assert_eq!(parse("8080").ok(), Some(8080));
    let report = parse("x").unwrap_err();
    check(&report, &["error: invalid digit found in string"]);
    assert_eq!((report.failures()[0].path(), report.exit_code()), ("", 1));
    check(&says().unwrap_err(), &["error: no configuration"]);
}

#[test]
fn the_chain_of_an_error_that_became_a_report_is_printed() {
    let report = Report::from(Above("cannot load the configuration", "no such file".into()));
    check(&report, &["error: cannot load the configuration", "  caused by: no such file"]);
}

#[test]
fn a_lone_exit_is_printed_as_it_is() {
    let report = Report::from(Exit::new(78, "PORT=x: not a number"));
    check(&report, &["error: PORT=x: not a number"]);
    assert_eq!(report.exit_code(), 78);
}

#[test]
fn a_clean_report_says_so() {
    check(&Report::default(), &["all stopped cleanly"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_an_error_whose_source_is_the_cause() {
    let report = run(App::new("shop").service("a", broken)).await.unwrap_err();
    let failure = report.failures()[0].clone();
    assert_eq!((failure.path(), failure.error().to_string().as_str()), ("a", "cannot serve"));
    assert_eq!(crate::support::chain(&failure), "service `a` failed: cannot serve: cannot connect: no route to host");
}

#[tokio::test(start_paused = true)]
async fn lists_1000_failures_and_counts_the_others() {
    let app = App::new("shop").service("idle", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        for at in 0..1_003 {
            handle.start(format!("s{at}"), spec(fails_to_stop)).await.unwrap();
            handle.stop(&format!("s{at}")).await.unwrap_err();
        }
        handle.shutdown();
    })
    .await;
    let report = ended.unwrap_err();
    assert_eq!(report.failures().len(), Report::LISTED);
    check_says(&report, &["`s0`", "`s999`", "\nand 3 more, which the log tells"]);
}
