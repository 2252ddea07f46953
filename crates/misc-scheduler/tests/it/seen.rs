//! What metrics, spans and the status of the app show.

use misc_core::{App, BoxError};
use misc_scheduler::{Scheduler, Task, every, manual, on_demand};
use misc_test::{Logs, Metrics, TestApp};

use crate::subject::{MS, Notes, SECS, pass};

#[tokio::test(start_paused = true)]
async fn metrics_count_runs_by_outcome() {
    let metrics = Metrics::new();
    let slow = Notes::taking(MS(1_500));
    let (orders, task) = on_demand("orders", async |(): ()| Ok::<(), BoxError>(()));
    let scheduler = Scheduler::new()
        .add(slow.task("slow", every(SECS(1))))
        .task("bad", every(SECS(1)), async || Err::<(), _>("x"))
        .add(task);
    let tasks = scheduler.handle();
    let app = TestApp::start(App::new("shop").meter(metrics.meter()).service("tasks", scheduler)).await;
    orders.start(()).await.unwrap();
    tasks.pause("bad").unwrap();
    pass(MS(4_800)).await;
    tasks.resume("bad").unwrap();
    pass(MS(10)).await;
    let labels = |task, outcome| [("service", "tasks"), ("task", task), ("outcome", outcome)];
    metrics.assert_metric("scheduler_task_runs_total", &labels("slow", "succeeded"), 2.0);
    metrics.assert_metric("scheduler_task_runs_total", &labels("slow", "skipped"), 2.0);
    metrics.assert_metric("scheduler_task_runs_total", &labels("bad", "failed"), 1.0);
    metrics.assert_metric("scheduler_task_runs_total", &labels("orders", "succeeded"), 1.0);
    metrics.assert_metric("scheduler_task_misfires_total", &[("task", "bad")], 4.0);
    metrics.assert_metric("scheduler_active_runs", &[("task", "slow")], 0.0);
    assert_eq!(metrics.values("scheduler_task_duration_seconds", &[("task", "slow")]), [1.5, 1.5]);
    assert_eq!(metrics.values("scheduler_task_drift_seconds", &[("task", "slow")]), [0.0, 0.0]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_is_in_a_span_that_names_its_task() {
    let logs = Logs::capture();
    let work = async || tracing::info!("at work");
    let scheduler = Scheduler::new().add(Task::new("report", manual(), work));
    let tasks = scheduler.handle();
    let app = crate::subject::start(scheduler).await;
    tasks.run_now("report").await.unwrap();
    let line = logs.lines().into_iter().find(|line| line.message() == "at work").unwrap();
    assert!(line.spans().contains(&"task"), "{line:?}");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_app_has_the_tasks() {
    let scheduler = Scheduler::new().task("report", every(SECS(60)), async || {});
    let app = crate::subject::start(scheduler).await;
    let status = serde_json::to_value(app.handle().status()).unwrap();
    let task = &status["children"][0]["inspected"][0]["value"][0];
    assert_eq!(
        (&task["name"], &task["trigger"], &task["state"]),
        (&"report".into(), &"every 1m".into(), &"waiting".into())
    );
    assert!(task["next"].as_str().unwrap().ends_with('Z'), "{task}");
    app.stop().await.assert_clean().await;
}
