//! The routes: orders come in, and can be looked at.

use std::time::Duration;

use contract::UsersClient;
use misc::{
    http::axum::{
        Json, Router,
        extract::{Path, State},
        http::StatusCode,
        routing::{get, post},
    },
    metrics::Counter,
    resilience::Policy,
};
use serde::Deserialize;

use crate::{
    failure::{Failure, SOON},
    orders::{Order, Orders},
};

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The user service.
    pub users: UsersClient,
    /// What stands around calls to it.
    pub policy: Policy,
    /// The orders.
    pub orders: Orders,
    /// How many orders were taken.
    pub taken: Counter,
}

/// Serves `POST /orders` and `GET /orders/{id}`.
pub fn routes(shop: Shop) -> Router {
    Router::new().route("/orders", post(create)).route("/orders/{id}", get(find)).with_state(shop)
}

#[derive(Deserialize)]
struct NewOrder {
    user: i64,
    item: String,
}

async fn create(State(shop): State<Shop>, Json(new): Json<NewOrder>) -> Result<(StatusCode, Json<Order>), Failure> {
    let user = shop.users.get_user(new.user).await;
    let user = user.map_err(|error| match error.into_fault() {
        Ok(fault) => Failure::NoUser(fault),
        Err(error) => Failure::Users(error, retry_after(&shop.policy)),
    })?;
    let order = shop.orders.create(&user, new.item).await?;
    shop.taken.inc();
    Ok((StatusCode::CREATED, Json(order)))
}

async fn find(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Json<Order>, Failure> {
    shop.orders.find(&id).await.map(Json)
}

/// Returns when to ask again: while the breaker is open, not before it lets calls through.
fn retry_after(policy: &Policy) -> Duration {
    let open_for = policy.breaker().and_then(|breaker| breaker.status().retry_after);
    open_for.unwrap_or(SOON)
}
