//! The database that orders are in, and their jobs.

use std::time::Duration;

use misc::{BoxError, Resource, queue::Url};
use sqlx::{
    AnyConnection, AnyPool, Connection as _,
    any::{AnyPoolOptions, install_default_drivers},
};

/// How long anybody waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// There are no connections to the database.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database of orders")]
pub struct CannotOpen(#[from] sqlx::Error);

/// Connects to the database, and sees to it that there is a table.
///
/// # Errors
/// The database does not answer, or refuses.
pub async fn open(url: Url) -> Result<AnyPool, CannotOpen> {
    install_default_drivers();
    // A pool tries again until its time is over, and then does not say what was wrong.
    AnyConnection::connect(url.expose()).await?.close().await?;
    let pool = AnyPoolOptions::new().acquire_timeout(PATIENCE).connect(url.expose()).await?;
    // No two databases have one type for what is true or false.
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS orders (
            id TEXT PRIMARY KEY, user_id BIGINT NOT NULL, item TEXT NOT NULL, notified BIGINT NOT NULL
        )",
    )
    .execute(&pool)
    .await?;
    Ok(pool)
}

/// Asks whether the orders can be read.
///
/// # Errors
/// They cannot.
pub async fn ping(db: Resource<AnyPool>) -> Result<(), BoxError> {
    sqlx::query("SELECT id FROM orders LIMIT 1").fetch_optional(&db.get().await?).await?;
    Ok(())
}
