//! The service that has the users, and serves them by JSON-RPC.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc::{
    Address, App, BoxError, Meter, Plugin,
    http::{
        Server,
        axum::{
            Router,
            extract::{Request, State},
            http::StatusCode,
            middleware::{Next, from_fn_with_state},
            response::{IntoResponse, Response},
            routing::post,
        },
        layers,
    },
    rpc,
};

use crate::{directory::Directory, users::Users};

/// Serves a directory by JSON-RPC, with a switch for who wants to see it fail.
///
/// # Errors
/// Two methods have one name.
pub fn backend(listen: Address, directory: Directory, meter: &Meter) -> Result<impl Plugin + use<>, BoxError> {
    let users = rpc::Server::new(directory.into_rpc())?.meter(meter).title("users", "1.0.0");
    let switch = Switch::default();
    let routes = Router::new()
        .route_service("/rpc", users)
        .layer(from_fn_with_state(switch.clone(), pass))
        .route("/backend", post(turn))
        .with_state(switch)
        .layer(layers::standard(meter).access_log(true));
    let server = Server::new(listen, routes);
    Ok(move |app: App| app.service("users", server))
}

/// Whether the backend is off.
#[derive(Clone, Default)]
struct Switch(Arc<AtomicBool>);

async fn turn(State(Switch(is_off)): State<Switch>, to: String) -> String {
    is_off.store(to == "off", Ordering::Relaxed);
    format!("The backend is {to}.")
}

async fn pass(State(Switch(is_off)): State<Switch>, request: Request, next: Next) -> Response {
    if is_off.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the backend is off").into_response();
    }
    next.run(request).await
}
