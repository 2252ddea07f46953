//! The order service: takes orders of users that the user service knows, and tells them of it by mail.
//!
//! Run it with `cargo run -p order-service -- --config examples/microservices/order-service/config.yaml`, beside the user
//! service. You see each order come in, and what is sent is in `mails.log`; the README beside this has the rest.

use std::{process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use contract::{OrderCreated, UsersClient};
use misc::{
    App, Meter,
    config::Config as _,
    health::{Health, check, check_with},
    http::{Server, layers, ops},
    metrics::Registry,
    queue,
    resilience::Policy,
    resource,
};
use order_service::{MailFile, Notifier, Orders, Settings, Shop, notify, routes};
use sqlx::AnyPool;

/// What it does instead of serving.
#[derive(Debug, Args)]
struct Instead {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Looks after the jobs.
    #[command(subcommand)]
    Queue(queue::Command),
}

fn main() -> ExitCode {
    misc::main(async || {
        let loader = Settings::loader().env().optional_file("config.yaml").cli();
        let (settings, instead) = loader.load_with::<Instead>()?;
        if let Some(Command::Queue(command)) = instead.command {
            let run = async move |_| Ok(command.run(settings.queue).await?);
            return Ok(App::new("order-service").service("queue", run));
        }

        let metrics = Registry::new("order_service");
        let meter = Meter::new(metrics.clone());

        // Who has an account is asked of the user service, which may be slow, busy or gone.
        let policy = Policy::with_config("users", settings.policy)?;
        let users = UsersClient::builder(settings.users).layer(policy.clone()).meter(&meter).build()?;

        // Orders and their jobs are in one database, and come into it in one transaction.
        let (db, db_service) = resource(settings.queue.url.clone(), order_service::open).on_close(AnyPool::close);
        let jobs = queue::open::<OrderCreated>(settings.queue);
        let (created, worker) = jobs.handler_with(Notifier::new(db.clone(), MailFile::new(settings.mails)), notify);

        let health = Health::new()
            .check("db", check_with(db.clone(), order_service::ping))
            .check("queue", check(created.store().healthy(Duration::from_secs(60))).informative())
            .check("users", check(policy.healthy()).informative());
        let ops = ops().metrics(metrics.endpoint()).health(health.endpoint());

        let taken = metrics.counter("orders_total", "Orders taken.")?;
        let shop = Shop { users, policy: policy.clone(), orders: Orders::new(db, created), taken };
        let routes = routes(shop).layer(layers::standard(&meter).access_log(true));

        Ok(App::new("order-service")
            .with(misc::log::init(settings.log)?)
            .with(metrics)
            .with(health)
            .with(policy)
            .service("ops", Server::new(settings.ops, ops))
            .service("db", db_service)
            .service("notifications", worker)
            .service("http", Server::new(settings.http, routes)))
    })
}
