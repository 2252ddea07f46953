//! The smallest useful service: settings, logs, two routes, an orderly start and an orderly end.
//!
//! Run it with `cargo run -p quickstart`. You see each phase, and it serves on 127.0.0.1:8080:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/hello
//! Hello, misc!
//! $ curl -d World http://127.0.0.1:8080/greet
//! Greet: World
//! ```
//!
//! Anything else is a 404, a wrong method a 405. Ctrl-C, or SIGTERM, lets requests in flight finish and ends it with
//! exit code 0. With `-- --help` behind it, the command lists every setting and where it can come from; `config.yaml` beside it
//! has them in a file: `cargo run -p quickstart -- --config examples/01-quickstart/config.yaml`.

use std::process::ExitCode;

use misc::{
    App,
    config::Config,
    http::{
        Server,
        axum::{
            Router,
            routing::{get, post},
        },
    },
};
use serde::Deserialize;

/// The smallest useful service.
#[derive(Debug, Deserialize, Config)]
#[config(env_prefix = "QUICKSTART")]
struct Settings {
    /// The HTTP server.
    #[config(nested)]
    http: misc::http::Config,
    /// The log.
    #[config(nested)]
    log: misc::log::Config,
}

fn main() -> ExitCode {
    misc::main(async || {
        let settings = Settings::load()?;
        let routes = Router::new()
            .route("/hello", get(async || "Hello, misc!"))
            .route("/greet", post(async |name: String| format!("Greet: {name}")));
        Ok(App::new("quickstart")
            .with(misc::log::init(settings.log)?)
            .service("http", Server::new(settings.http, routes)))
    })
}
