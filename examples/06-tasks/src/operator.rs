//! What operators see, and what they can ask for.

use std::fmt::Write as _;

use misc::{
    health::Endpoint,
    http::{
        Problem,
        axum::{
            Router,
            extract::State,
            routing::{get, post},
        },
        ops,
    },
    scheduler::Tasks,
};

use crate::{monitor::MonitorTasks, reports::ReportsTasks};

/// The routes: the tasks, a report on demand, and health.
pub fn routes(monitor: MonitorTasks, reports: ReportsTasks, health: Endpoint) -> Router {
    Router::new()
        .route("/tasks", get(list))
        .route("/report", post(report))
        .with_state(Handles { monitor, reports })
        .merge(ops().health(health))
}

#[derive(Clone)]
struct Handles {
    monitor: MonitorTasks,
    reports: ReportsTasks,
}

async fn list(State(handles): State<Handles>) -> String {
    let both: [&Tasks; 2] = [&handles.monitor, &handles.reports];
    both.into_iter().flat_map(Tasks::list).fold(String::new(), |mut lines, task| {
        let outcome = task.last_outcome.map_or("not yet", |outcome| outcome.as_str());
        writeln!(lines, "{} runs {}: {outcome}", task.name, task.trigger).unwrap_or_default();
        lines
    })
}

async fn report(State(handles): State<Handles>) -> Result<&'static str, Problem> {
    let made = handles.reports.run_now("daily_report").await;
    made.map_err(|error| Problem::unavailable(error).detail("the report could not be made"))?;
    Ok("The report was made.\n")
}
