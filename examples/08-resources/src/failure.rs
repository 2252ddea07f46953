//! Why there is no price: what a client hears of it, and what the log.

use std::time::Duration;

use misc::{
    BoxError, Gone,
    http::{
        Problem,
        axum::{
            http::StatusCode,
            response::{IntoResponse, Response},
        },
    },
};

/// Why there is no price.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no item `{0}`")]
    NoItem(String),
    #[error("the bank does not know the currency `{0}`")]
    NoCurrency(String),
    #[error("the shop is busy; ask again later")]
    Busy(#[source] sqlx::Error),
    #[error("the database has failed")]
    Database(#[source] sqlx::Error),
    #[error("the bank is not to be had; ask again later, or for the price in euros")]
    Bank(#[source] BoxError),
    #[error("the shop is not open")]
    Gone(#[from] Gone),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy(error),
            _ => Self::Database(error),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NoItem(_) | Self::NoCurrency(_) => {
                Problem::new(StatusCode::NOT_FOUND).detail(self.to_string()).into_response()
            }
            Self::Database(_) => Problem::internal(self).into_response(),
            Self::Busy(_) | Self::Bank(_) | Self::Gone(_) => {
                let detail = self.to_string();
                Problem::unavailable(self).detail(detail).retry_after(Duration::from_secs(1)).into_response()
            }
        }
    }
}
