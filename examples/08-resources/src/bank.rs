//! What stands for a bank of somebody else's, with a switch for who wants to see it fail.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc::{
    Service,
    http::{
        Config, Server,
        axum::{
            Router,
            extract::{Path, State},
            http::StatusCode,
            routing::{get, post},
        },
    },
};

/// Serves the rates of exchange, at `/rates/{currency}`.
pub fn bank(listen: impl Into<Config>) -> impl Service {
    let routes = Router::new().route("/rates/{currency}", get(rate)).route("/bank", post(turn));
    Server::new(listen, routes.with_state(Switch::default()))
}

/// Whether the bank is off.
#[derive(Clone, Default)]
struct Switch(Arc<AtomicBool>);

async fn turn(State(Switch(is_off)): State<Switch>, to: String) -> String {
    is_off.store(to == "off", Ordering::Relaxed);
    format!("The bank is {to}.")
}

async fn rate(State(Switch(is_off)): State<Switch>, Path(currency): Path<String>) -> Result<&'static str, StatusCode> {
    if is_off.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    match &*currency {
        "EUR" => Ok("1"),
        "GBP" => Ok("0.85"),
        "JPY" => Ok("160"),
        _ => Err(StatusCode::NOT_FOUND),
    }
}
