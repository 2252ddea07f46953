//! What handlers get from the app around them.

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use tracing::error;

use crate::{connection::Connection, layers::RequestId, problem::Problem};

/// Gives a handler the app's one resource of type `T`, as [`Context::get`](misc_core::Context::get) does: waiting while
/// it is not open.
///
/// The answer is a 503 when the resource is gone, and a 500 when no service provides it or several do, or when the
/// router is not served by a [`Server`](crate::Server). Where two resources have one type, put the
/// [`Resource`](misc_core::Resource) you mean into the router's state.
///
/// # Examples
/// ```
/// use misc_core::{App, BoxError, resource};
/// use misc_http::{Inject, Server, axum::{Router, routing::get}};
///
/// #[derive(Clone)]
/// struct Pool;
/// # impl Pool { async fn open(_: ()) -> Result<Self, BoxError> { Ok(Self) } fn size(&self) -> usize { 1 } }
///
/// async fn size(Inject(pool): Inject<Pool>) -> String {
///     pool.size().to_string()
/// }
///
/// let (_, pool) = resource((), Pool::open).split();
/// let app = App::new("shop")
///     .service("pool", pool)
///     .service("http", Server::new("127.0.0.1:8080", Router::new().route("/size", get(size))));
/// # drop(app);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Inject<T>(pub T);

impl<T: Clone + Send + Sync + 'static, S: Sync> FromRequestParts<S> for Inject<T> {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        let connection = of_server()?;
        connection.context().get().await.map(Self).map_err(|error| {
            let status =
                if error.is_gone() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
            error!(error = &error as &(dyn std::error::Error + 'static), "a handler did not get its resource");
            Problem::new(status)
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Connection {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        of_server()
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::current().ok_or_else(|| not_there("there is no `misc_http::layers::standard` around the handler"))
    }
}

fn of_server() -> Result<Connection, Problem> {
    Connection::current().ok_or_else(|| not_there("the router is not served by `misc_http::Server`"))
}

fn not_there(why: &str) -> Problem {
    error!(error = why, "a handler did not get what it asks for");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
}
