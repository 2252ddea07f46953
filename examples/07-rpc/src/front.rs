//! The service that calls the one with the users, and goes on when that fails.

use std::{num::NonZeroU32, time::Duration};

use misc::{
    Address, App, BoxError, Meter, Plugin,
    health::{Health, check},
    http::{
        Problem, Server,
        axum::{
            Json, Router,
            extract::{Path, State},
            http::StatusCode,
            routing::get,
        },
        layers, ops,
    },
    metrics::Registry,
    resilience::{BreakerConfig, Policy, PolicyConfig},
    rpc,
};

use crate::users::{User, UserError, UsersClient};

/// Serves what browsers see of the users who are at a URL.
///
/// # Errors
/// The URL cannot be called.
pub fn front(listen: Address, users: &str, metrics: &Registry) -> Result<impl Plugin + use<>, BoxError> {
    let meter = Meter::new(metrics.clone());
    let policy = Policy::with_config("users", careful())?;
    // It asks nobody, so it may be asked each time.
    let health = Health::new().check("users", check(policy.healthy()).cached_for(Duration::ZERO));
    let client = UsersClient::builder(users).layer(policy.clone()).meter(&meter).build()?;
    let routes = Router::new()
        .route("/users/{id}", get(find))
        .with_state(client)
        .route("/breaker", get(breaker))
        .with_state(policy.clone())
        .layer(layers::standard(&meter).access_log(true))
        .merge(ops().metrics(metrics.endpoint()).health(health.endpoint()));
    let server = Server::new(listen, routes);
    Ok(move |app: App| app.with(health).with(policy).service("front", server))
}

/// Somebody waits, so a call is made twice at most; and after four failures in a row there is none for two seconds.
fn careful() -> PolicyConfig {
    let mut breaker = BreakerConfig::default();
    breaker.consecutive_failures = NonZeroU32::new(4);
    breaker.open_duration = Duration::from_secs(2);
    breaker.half_open_calls = NonZeroU32::MIN;
    let mut policy = PolicyConfig::interactive();
    policy.breaker = Some(breaker);
    policy
}

async fn find(State(users): State<UsersClient>, Path(id): Path<u64>) -> Result<Json<User>, Problem> {
    users.get_user(id).await.map(Json).map_err(explain)
}

async fn breaker(State(policy): State<Policy>) -> &'static str {
    policy.breaker().map_or("none", |breaker| breaker.state().as_str())
}

/// Tells a browser apart what is its fault and what is ours; the log has what it was.
fn explain(error: rpc::Error<UserError>) -> Problem {
    match error.into_fault() {
        Ok(fault @ UserError::NotFound { .. }) => Problem::new(StatusCode::NOT_FOUND).detail(fault.to_string()),
        Ok(fault) => Problem::new(StatusCode::CONFLICT).detail(fault.to_string()),
        Err(error) => Problem::unavailable(error).detail("the users are not to be had; ask again later"),
    }
}
