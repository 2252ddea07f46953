//! Why a request was not done: what a client hears of it, and what the log.

use std::{error::Error, time::Duration};

use contract::UserError;
use misc::{
    Gone,
    http::{
        Problem,
        axum::{
            http::StatusCode,
            response::{IntoResponse, Response},
        },
    },
    queue, rpc,
};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    NoUser(UserError),
    #[error("there is no order {0}")]
    NoOrder(String),
    /// Beside the error, when to ask again.
    #[error("the user service is not to be had; ask again later")]
    Users(#[source] rpc::Error<UserError>, Duration),
    #[error("the database has failed")]
    Database(#[from] sqlx::Error),
    #[error("the queue has failed")]
    Queue(#[from] queue::Error),
    #[error("the database is not open")]
    Gone(#[from] Gone),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoUser(_) | Self::NoOrder(_) => {
                Problem::new(StatusCode::NOT_FOUND).detail(self.to_string()).into_response()
            }
            Self::Users(_, after) => {
                tracing::warn!(error = &self as &dyn Error, "no answer");
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(self.to_string());
                problem.retry_after(after).into_response()
            }
            Self::Database(_) | Self::Queue(_) | Self::Gone(_) => Problem::internal(self).into_response(),
        }
    }
}
