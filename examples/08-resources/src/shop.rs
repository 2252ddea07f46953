//! The shop as a whole: what it is made of, and in which order.

use misc::{
    App, Meter, Plugin,
    health::{Health, check_with},
    http::{Server, layers, ops},
    metrics::Registry,
    resource,
};
use sqlx::SqlitePool;

use crate::{client::Bank, database, routes::routes, settings::Settings};

/// Serves prices, from a database that is opened before and closed after.
pub fn shop(settings: Settings) -> impl Plugin {
    let metrics = Registry::new("shop");
    let (db, db_service) = resource(settings.db, database::open).on_close(SqlitePool::close);
    let (bank, client) = resource(settings.bank, Bank::open).split();
    database::measure(db.clone(), &metrics);
    // Without the bank there are still prices: that is worth a warning, and no reason to take no more requests.
    let health = Health::new()
        .check("db", check_with(db.clone(), database::ping))
        .check("bank", check_with(bank.clone(), Bank::ping).informative());
    let routes = routes(db, bank)
        .layer(layers::standard(&Meter::new(metrics.clone())).access_log(true))
        .merge(ops().metrics(metrics.endpoint()).health(health.endpoint()));
    let server = Server::new(settings.http, routes);
    move |app: App| {
        app.with(metrics).with(health).service("db", db_service).service("client", client).service("http", server)
    }
}
