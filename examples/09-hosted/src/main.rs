//! A program that has its jobs in tokio-cron-scheduler moves in as it is.
//!
//! `jobs.rs` is what it had. Around it, misc starts the scheduler with channels that lose nothing, sees how each run ends, and
//! waits for those that run when it stops. Run it with `cargo run -p hosted`: you see a tick each second, and
//!
//! ```text
//! $ curl http://127.0.0.1:8080/jobs
//! * * * * * *
//! 0 0 3 * * *
//! every 2s
//! $ curl http://127.0.0.1:8080/health
//! {"status":"pass"}
//! ```
//!
//! New tasks are better off in misc's own scheduler, which is exact, and can be tested: see docs/scheduling.md.

mod jobs;

use std::process::ExitCode;

use misc::{
    App,
    health::{Details, Health},
    http::{
        Server,
        axum::{Router, extract::State, routing::get},
        ops,
    },
    scheduler::tokio_cron::{Host, Jobs},
};

fn main() -> ExitCode {
    misc::main(async || {
        let host = Host::new(async |jobs: Jobs| jobs::add_all(&jobs).await);
        let health = Health::new().check("jobs", host.healthy());
        let routes = Router::new()
            .route("/jobs", get(list))
            .with_state(host.clone())
            .merge(ops().health(health.endpoint().details(Details::Nothing)));
        Ok(App::new("hosted")
            .with(misc::log::init(misc::log::Config::default())?)
            .with(health)
            .service("jobs", host)
            .service("http", Server::new("127.0.0.1:8080", routes)))
    })
}

async fn list(State(host): State<Host>) -> String {
    let mut jobs: Vec<_> = host.list().into_iter().map(|job| format!("{}\n", job.trigger)).collect();
    jobs.sort();
    jobs.concat()
}

#[cfg(test)]
mod tests {
    use misc::test::{Metrics, TestApp};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_jobs_run_as_they_did() {
        let metrics = Metrics::new();
        let host = Host::new(async |jobs: Jobs| jobs::add_all(&jobs).await);
        let app = TestApp::start(App::new("hosted").meter(metrics.meter()).service("jobs", host.clone())).await;
        for job in ["* * * * * *", "every 2s"] {
            metrics.until("scheduler_task_runs_total", &[("task", job), ("outcome", "succeeded")], 1.0).await;
        }
        app.stop().await.assert_clean().await;
        assert!(host.list().iter().all(|job| job.failures == 0), "{:?}", host.list());
    }
}
