//! The smallest useful service: two routes, an orderly start and an orderly end.
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
//! exit code 0.

use std::process::ExitCode;

use misc::{
    App,
    http::{
        Server,
        axum::{
            Router,
            routing::{get, post},
        },
    },
};

fn main() -> ExitCode {
    misc::main(async || {
        let log = misc::log::init(misc::log::Config::default())?;
        let routes = Router::new()
            .route("/hello", get(async || "Hello, misc!"))
            .route("/greet", post(async |name: String| format!("Greet: {name}")));
        Ok(App::new("quickstart").with(log).service("http", Server::new("127.0.0.1:8080", routes)))
    })
}
