//! Why a request was not done: what a client hears of it, and what the log.

use std::time::Duration;

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

/// When to ask again if nobody knows better.
pub(crate) const SOON: Duration = Duration::from_secs(1);

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
    /// A commit among them may have been done: who tries again then may order twice.
    #[error("the database has failed")]
    Database(#[from] sqlx::Error),
    #[error("the queue has failed")]
    Queue(#[from] queue::Error),
    #[error("the database is not open")]
    Gone(#[from] Gone),
}

impl Failure {
    /// Nothing was done, and that may be different after some time.
    fn unavailable(self, after: Duration) -> Response {
        let detail = self.to_string();
        Problem::unavailable(self).detail(detail).retry_after(after).into_response()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoUser(_) | Self::NoOrder(_) => {
                Problem::new(StatusCode::NOT_FOUND).detail(self.to_string()).into_response()
            }
            Self::Users(_, after) => self.unavailable(after),
            Self::Gone(_) | Self::Database(sqlx::Error::PoolTimedOut) => self.unavailable(SOON),
            Self::Queue(ref error) if error.is_unavailable() => self.unavailable(SOON),
            Self::Database(_) | Self::Queue(_) => Problem::internal(self).into_response(),
        }
    }
}
