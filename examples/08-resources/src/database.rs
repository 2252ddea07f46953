//! The database with the prices.

use futures_util::FutureExt as _;
use misc::{BoxError, Resource, metrics::Registry};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::settings::PoolConfig;

/// There is no pool.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database {url}")]
pub(crate) struct CannotOpen {
    url: String,
    source: sqlx::Error,
}

/// Opens the pool with `min` connections, and sees to it that there are prices.
pub(crate) async fn open(config: PoolConfig) -> Result<SqlitePool, CannotOpen> {
    connect(&config).await.map_err(|source| CannotOpen { url: config.url, source })
}

async fn connect(config: &PoolConfig) -> Result<SqlitePool, sqlx::Error> {
    let file = config.url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
    let pool = SqlitePoolOptions::new()
        .min_connections(config.min)
        .max_connections(config.max.get())
        .idle_timeout(config.idle)
        .max_lifetime(config.max_lifetime)
        .acquire_timeout(config.acquire_timeout)
        .connect_with(file)
        .await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS prices (item TEXT PRIMARY KEY, cents INTEGER NOT NULL);
        INSERT OR IGNORE INTO prices VALUES ('tea', 420), ('coffee', 650);",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}

/// Returns the price of an item in cents, if there is such an item.
pub(crate) async fn price(pool: &SqlitePool, item: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT cents FROM prices WHERE item = $1").bind(item).fetch_optional(pool).await
}

/// Asks whether the prices can be read.
///
/// While all connections are in use nothing is asked: load is no reason to take an instance out, since the others would
/// have to bear it.
pub(crate) async fn ping(db: Resource<SqlitePool>) -> Result<(), BoxError> {
    let pool = db.get().await?;
    let is_busy = pool.num_idle() == 0 && pool.size() == pool.options().get_max_connections();
    if !is_busy {
        sqlx::query("SELECT item FROM prices LIMIT 1").fetch_optional(&pool).await?;
    }
    Ok(())
}

/// Shows how many connections there are, and how many of them nobody uses.
pub(crate) fn measure(db: Resource<SqlitePool>, metrics: &Registry) {
    metrics.collect(move |collect| {
        // A scrape waits for nothing: without a pool there is nothing to tell.
        if let Some(Ok(pool)) = db.get().now_or_never() {
            collect.gauge("db_connections", "Connections to the database.", &[], f64::from(pool.size()));
            let idle = pool.num_idle() as f64;
            collect.gauge("db_connections_idle", "Those of them that nobody uses.", &[], idle);
        }
    });
}
