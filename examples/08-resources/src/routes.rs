//! The routes of the shop.

use std::sync::{Arc, Mutex, PoisonError};

use misc::{
    Resource,
    http::axum::{
        Json, Router,
        extract::{Path, Query, State},
        routing::{get, post},
    },
};
use serde::{Deserialize, Serialize};
use sqlx::{Sqlite, SqlitePool, pool::PoolConnection};

use crate::{client::Bank, database, failure::Failure};

/// What the handlers share: handles, which have no connection by themselves.
#[derive(Clone)]
struct Shop {
    db: Resource<SqlitePool>,
    bank: Resource<Bank>,
    held: Arc<Mutex<Vec<PoolConnection<Sqlite>>>>,
}

pub(crate) fn routes(db: Resource<SqlitePool>, bank: Resource<Bank>) -> Router {
    Router::new().route("/prices/{item}", get(price)).route("/held", post(hold)).with_state(Shop {
        db,
        bank,
        held: Arc::default(),
    })
}

#[derive(Deserialize)]
struct Wanted {
    currency: Option<String>,
}

#[derive(Serialize)]
struct Price {
    item: String,
    price: String,
    currency: String,
}

async fn price(
    State(shop): State<Shop>,
    Path(item): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Price>, Failure> {
    let cents = database::price(&shop.db.get().await?, &item).await?;
    let cents = cents.ok_or_else(|| Failure::NoItem(item.clone()))?;
    let currency = wanted.currency.unwrap_or_else(|| "EUR".to_owned());
    let rate = match &*currency {
        "EUR" => Some(1.0),
        _ => shop.bank.get().await?.rate(&currency).await.map_err(Failure::Bank)?,
    };
    let rate = rate.ok_or_else(|| Failure::NoCurrency(currency.clone()))?;
    let price = format!("{:.2}", cents as f64 * rate / 100.0);
    Ok(Json(Price { item, price, currency }))
}

/// Holds so many connections until it is told another number, as slow queries would.
async fn hold(State(shop): State<Shop>, Json(count): Json<usize>) -> Result<String, Failure> {
    let db = shop.db.get().await?;
    let mut connections = std::mem::take(&mut *shop.held.lock().unwrap_or_else(PoisonError::into_inner));
    connections.truncate(count);
    while connections.len() < count {
        connections.push(db.acquire().await?);
    }
    *shop.held.lock().unwrap_or_else(PoisonError::into_inner) = connections;
    Ok(format!("{count} connections are held."))
}
