//! A service that its operators can see into: health, metrics, and a request that can be followed.
//!
//! Run it with `cargo run -p monitored`. You see each phase, and each request; from outside it looks like this:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/hello
//! Hello, misc!
//! $ curl http://127.0.0.1:8080/health
//! {"status":"ok"}
//! $ curl -d off http://127.0.0.1:8080/database
//! The database is off.
//! $ curl http://127.0.0.1:8080/health
//! {"status":"error"}
//! $ curl http://127.0.0.1:8080/readyz
//! {"status":"error"}
//! $ curl http://127.0.0.1:8080/livez
//! {"status":"ok"}
//! $ curl -d on http://127.0.0.1:8080/database
//! The database is on.
//! $ curl http://127.0.0.1:8080/health
//! {"status":"ok"}
//! $ curl http://127.0.0.1:8080/relayed
//! Relayed: Hello, misc!
//! ```
//!
//! `/health` says 500 while it says `error`: when the database cannot be reached, or a task that needs it has failed, which runs
//! every ten seconds and whenever the database is switched. `/metrics` has, among what every service of misc has (names and
//! texts are those that its dashboards have known all along):
//!
//! ```text
//! # HELP aiomisc_demo_request_total 总请求数
//! # TYPE aiomisc_demo_request_total counter
//! aiomisc_demo_request_total 2
//! # HELP aiomisc_demo_connection_count 当前连接数
//! # TYPE aiomisc_demo_connection_count gauge
//! aiomisc_demo_connection_count 1
//! ```
//!
//! `curl -N http://127.0.0.1:8080/events` shows a tick each second, until you press Ctrl-C: the stream is told that the server
//! drains, and ends. `/echo` is a WebSocket that does the same.

mod database;
mod live;
mod routes;
mod updates;

use std::{process::ExitCode, time::Duration};

use axum::http::StatusCode;
use misc::{
    App, Meter,
    health::{Details, Health, check, check_with},
    http::{Server, layers, ops, tower_http::cors::CorsLayer},
    metrics::Registry,
    resource,
};

use crate::{
    database::Database,
    routes::{Client, Counted},
    updates::Updates,
};

const ADDRESS: &str = "127.0.0.1:8080";

fn main() -> ExitCode {
    misc::main(async || {
        let metrics = Registry::new("aiomisc_demo");
        let requests = metrics.counter("request_total", "总请求数")?;
        let connections = metrics.gauge("connection_count", "当前连接数")?;
        let database = Database::default();
        let (tasks, database_service) = database.clone().with_tasks();
        let health = Health::new()
            .check("database", check_with(database.clone(), Database::ping).cached_for(Duration::ZERO))
            .check("tasks", check(tasks.healthy()).cached_for(Duration::ZERO));
        // The words and the status that some load balancers were set up for; the default is 503.
        let probes = health
            .endpoint()
            .words("ok", "error")
            .failure_status(StatusCode::INTERNAL_SERVER_ERROR)
            .details(Details::Nothing);
        // A client is a resource: opened before the server that uses it, and closed after it.
        let (_, client) = resource(Duration::from_secs(1), Client::open).split();

        let routes = routes::router(Counted { requests, database, tasks })
            .layer(CorsLayer::permissive())
            .layer(layers::standard(&Meter::new(metrics.clone())).access_log(true))
            .merge(ops().metrics(metrics.endpoint()).health(probes));
        let server = Server::new(ADDRESS, routes);
        let updates = Updates { connections, server: server.handle() };

        Ok(App::new("monitored")
            .with(misc::log::init(misc::log::Config::default())?)
            .with(metrics)
            .with(health)
            .service("client", client)
            .service("database", database_service)
            .service("http", server)
            .service("updates", updates))
    })
}
