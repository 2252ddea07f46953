//! Tasks of a service: once, every few seconds, after one another, each morning, and when somebody asks.
//!
//! A monitor looks at the machine every five seconds and keeps what it has seen; a reporter sums it up each morning at nine.
//! Run it with `cargo run -p tasks`. You see the store opened and made ready before anything else, a reading and what was
//! logged after it, and then a pair of these every five seconds:
//!
//! ```text
//! INFO monitor/store tasks::monitor: opening the store path=../readings.jsonl
//! INFO monitor tasks::monitor: the store is ready readings=0 in task{task=init_store}
//! INFO monitor tasks::monitor: measured cpu=68.9 memory=5.7 in task{task=monitor_metrics}
//! INFO monitor tasks::monitor: a reading was logged readings=1 in task{task=log_metrics}
//! ```
//!
//! What runs when, and how that went, can be asked for; and the report need not wait for the morning:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/tasks
//! init_store runs once: succeeded
//! monitor_metrics runs every 5s: succeeded
//! log_metrics runs after `monitor_metrics`: succeeded
//! average runs on demand: not yet
//! daily_report runs daily at 09:00 Europe/Berlin: not yet
//! $ curl -d now http://127.0.0.1:8080/report
//! The report was made.
//! $ curl http://127.0.0.1:8080/tasks
//! init_store runs once: succeeded
//! monitor_metrics runs every 5s: succeeded
//! log_metrics runs after `monitor_metrics`: succeeded
//! average runs on demand: succeeded
//! daily_report runs daily at 09:00 Europe/Berlin: succeeded
//! $ curl http://127.0.0.1:8080/health
//! {"status":"pass"}
//! ```
//!
//! Ctrl-C ends it in order: no run begins any more, the one under way is waited for, and then the store is closed.

use std::process::ExitCode;

use misc::{
    App,
    health::{Details, Health},
    http::Server,
};
use tasks::{Monitor, Reports, operator};

fn main() -> ExitCode {
    misc::main(async || {
        let path = std::env::temp_dir().join("readings.jsonl");
        let (monitor, monitor_service) = Monitor::new(path)?.with_tasks();
        let (reports, reports_service) = Reports::new(monitor.clone()).with_tasks();
        let health = Health::new().check("monitor", monitor.healthy()).check("reports", reports.healthy());
        let routes = operator::routes(monitor, reports, health.endpoint().details(Details::Nothing));
        Ok(App::new("tasks")
            .with(misc::log::init(misc::log::Config::default())?)
            .with(health)
            .service("monitor", monitor_service)
            .service("reports", reports_service)
            .service("http", Server::new("127.0.0.1:8080", routes)))
    })
}
