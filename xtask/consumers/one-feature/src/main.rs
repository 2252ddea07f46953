//! The facade with one feature is the core and one module.

use std::process::ExitCode;

use misc::{
    App,
    http::{
        Server,
        axum::{Router, routing::get},
    },
};

fn main() -> ExitCode {
    misc::main(async || {
        let routes = Router::new().route("/", get(async || "one feature, one module"));
        Ok(App::new("consumer").service("http", Server::new("127.0.0.1:0", routes)))
    })
}
