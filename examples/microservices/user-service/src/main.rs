//! The user service: tells who has an account, to whoever calls its procedures.
//!
//! Run it with `cargo run -p user-service -- --config examples/microservices/user-service/config.yaml`. You see each call; from
//! outside, and with curl in the place of the order service, it looks like this:
//!
//! ```text
//! $ curl --json '{"jsonrpc":"2.0","id":1,"method":"get_user","params":{"id":1}}' http://127.0.0.1:5000/rpc
//! {"jsonrpc":"2.0","result":{"id":1,"name":"Ada Lovelace","email":"ada@example.org"},"id":1}
//! $ curl 'http://127.0.0.1:9000/readyz?verbose'
//! [+]app ok
//! readyz check passed
//! ```

mod directory;
mod settings;

use std::process::ExitCode;

use contract::Users as _;
use misc::{
    App, Meter,
    config::Config as _,
    health::Health,
    http::{Server, axum::Router, layers, ops},
    metrics::Registry,
    rpc,
};

use crate::{directory::Directory, settings::Settings};

fn main() -> ExitCode {
    misc::main(async || {
        let settings = Settings::load()?;
        let metrics = Registry::new("user_service");
        let meter = Meter::new(metrics.clone());
        let health = Health::new();
        let ops = ops().metrics(metrics.endpoint()).health(health.endpoint());

        let users = rpc::Server::new(Directory::from_iter(settings.users).into_rpc())?.meter(&meter);
        let routes = Router::new().route_service("/rpc", users).layer(layers::standard(&meter).access_log(true));

        Ok(App::new("user-service")
            .with(misc::log::init(settings.log)?)
            .with(metrics)
            .with(health)
            .service("ops", Server::new(settings.ops, ops))
            .service("http", Server::new(settings.http, routes)))
    })
}
