//! Mistakes are told before anything starts, all of them.

use misc_core::App;
use misc_scheduler::{
    OnFailure, OnStop, Overlap, Retry, Scheduler, Task, Trigger, after, any_of, at, cron, daily, every, manual,
    on_demand, once,
};
use misc_test::TestApp;

use crate::subject::SECS;

/// What is said of a scheduler, and that nothing was started.
async fn refused(scheduler: Scheduler) -> String {
    let first = async |_: misc_core::Context| panic!("something was started");
    let app = App::new("shop").service("first", first).service("tasks", scheduler);
    let ended = TestApp::launch(app).ended().await;
    assert_eq!(ended.exit_code(), 1);
    ended.report().to_string()
}

async fn refused_task(task: Task) -> String {
    refused(Scheduler::new().add(task)).await
}

fn task(trigger: impl Into<Trigger>) -> Task {
    Task::new("task", trigger, async || {})
}

#[tokio::test(start_paused = true)]
async fn each_mistake_is_told_with_the_task_and_a_cure() {
    let table = [
        (task(every(SECS(0))), "it runs `every` zero seconds"),
        (task(every(SECS(1)).jitter(SECS(1))), "its `jitter` of 1s is not below its period of 1s"),
        (task(every(SECS(1))).jitter(SECS(2)), "its `jitter` of 2s is not below its period of 1s"),
        (task(every(SECS(1)).aligned().fixed_delay()), "`fixed_delay` has no fixed times to keep to"),
        (task(every(SECS(1)).aligned().immediately()), "`initial_delay` beside `aligned`"),
        (task(every(SECS(1)).aligned().starting_at("09:00")), "`aligned` beside `starting_at`"),
        (task(every(SECS(1)).tz("UTC")), "`tz` without `starting_at`"),
        (task(every(SECS(1)).limit(0)), "its `limit` is 0"),
        (task(every(SECS(1)).until("tomorrow")), "`until` is `tomorrow`, which is no time"),
        (task(every(SECS(1)).starting_at("25:00")), "25:00"),
        (task(daily("9 o'clock")), "9 o'clock"),
        (task(daily("09:00").tz("Europe/Berlni")), "Europe/Berlni"),
        (task(daily("09:00").every_days(0)), "it runs every 0 days"),
        (task(daily("09:00").starting("soon")), "soon"),
        (task(cron("* * *")), "* * *"),
        (task(cron("61 * * * *")), "61"),
        (task(at("noon")), "`at` is `noon`, which is no time"),
        (task(after([] as [&str; 0])), "it runs `after` no task at all"),
        (task(any_of([])), "`any_of` has no triggers"),
        (task(any_of([once()])), "`once()` inside of `any_of`"),
        (task(any_of([manual()]).limit(1)), "`any_of` itself takes no `jitter`, `until` or `limit`"),
        (task(manual()).timeout(SECS(0)), "its `timeout` is zero"),
        (task(manual()).stuck_after(SECS(0)), "its `stuck_after` is zero"),
        (task(manual()).grace(SECS(0)), "its `grace` is zero"),
        (task(manual()).rerun_after(SECS(0)), "its `rerun_after` is zero"),
        (task(manual()).rerun_after(SECS(5)).timeout(SECS(5)), "its `rerun_after` of 5s is not above its `timeout`"),
        (task(manual()).background(), "`background` is for tasks that run `once()`"),
        (task(manual()).overlap(Overlap::Allow(0)), "it may run 0 times at once"),
        (task(manual()).retry(Retry::new(0)), "`retry` with 0 retries"),
        (task(manual()).retry(Retry::new(1).backoff(SECS(2), SECS(1))), "above its maximum of 1s"),
        (task(manual()).retry(Retry::new(1).jitter(2.0)), "`Retry::jitter` is 2"),
        (task(manual()).on_failure(OnFailure::FailService(0)), "`OnFailure::FailService(0)`"),
        (task(manual()).on_stop(OnStop::DrainFor(SECS(0))), "`OnStop::DrainFor` zero"),
        (Task::new("", manual(), async || {}), "it has an empty name"),
    ];
    for (task, problem) in table {
        let report = refused_task(task).await;
        assert!(report.contains(problem) && report.contains("task `"), "{problem}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_mistakes_are_told_at_once() {
    let scheduler = Scheduler::new()
        .task("poll", every(SECS(0)), async || {})
        .add(Task::new("report", daily("25:00").tz("Mars"), async || {}).timeout(SECS(0)))
        .task("twin", manual(), async || {})
        .task("twin", manual(), async || {})
        .task("log", after("mesure"), async || {})
        .task("after-poll", after("poll"), async || {});
    let report = refused(scheduler).await;
    assert!(!report.contains("`after-poll` runs after"), "{report}");
    for problem in [
        "task `poll`: ",
        "25:00",
        "Mars",
        "task `report`: its `timeout` is zero",
        "two tasks are named `twin`",
        "task `log` runs after `mesure`, which does not exist; there are after-poll, twin",
    ] {
        assert!(report.contains(problem), "{problem}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_wait_for_each_other_are_told_once() {
    let scheduler = Scheduler::new()
        .task("a", after("c"), async || {})
        .task("b", after("a"), async || {})
        .task("c", any_of([every(SECS(1)).into(), after(["b", "d"]).into()]), async || {})
        .task("d", every(SECS(1)), async || {});
    let report = refused(scheduler).await;
    let circle = "`a` runs after `c`, which runs after `b`, which runs after `a`; take one of these out";
    assert_eq!(report.matches("wait for each other").count(), 1, "{report}");
    assert!(report.contains(circle), "{report}");
    let report = refused_task(task(after("task"))).await;
    assert!(report.contains("`task` runs after `task`"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn at_run_time_they_are_an_error() {
    let scheduler = Scheduler::new().task("task", manual(), async || {}).task("log", after("task"), async || {});
    let tasks = scheduler.handle();
    let app = crate::subject::start(scheduler).await;
    let problems = tasks.add(task(every(SECS(0))).timeout(SECS(0))).unwrap_err();
    assert_eq!(problems.problems().len(), 2, "{problems}");
    assert!(tasks.add(task(manual())).unwrap_err().to_string().contains("two tasks are named `task`"));
    let circle = tasks.reschedule("task", after("log")).unwrap_err().to_string();
    assert!(circle.contains("`task` runs after `log`, which runs after `task`"), "{circle}");
    let unknown = tasks.status("tsak").unwrap_err();
    assert!(unknown.is_unknown());
    assert_eq!(unknown.to_string(), "there is no task `tsak`; there are log, task");
    let (_handle, orders) = on_demand("orders", async |(): ()| Ok::<(), std::io::Error>(()));
    tasks.add(orders).unwrap();
    assert!(tasks.run_now("orders").await.unwrap_err().is_refused());
    assert!(tasks.reschedule("orders", manual()).is_err());
    app.stop().await.assert_clean().await;
}
