//! How a process hears of what others change.

use std::time::Duration;

use sqlx::{
    Executor as _,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use crate::engine::Wake;

/// How long it is until a lost connection is made again; from there on it doubles.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// How often it is asked whether the connection still is one: a network can swallow everything without a word.
const ASK: Duration = Duration::from_secs(30);

/// Tells `wake` of each notification, and after each gap between connections that there may have been some.
pub(super) async fn watch(options: &PgConnectOptions, channel: &str, within: Duration, place: &str, wake: &dyn Wake) {
    let mut delay = FIRST_DELAY;
    loop {
        let lost = match timeout(within, listen(options, channel)).await {
            Ok(Ok(mut listener)) => {
                delay = FIRST_DELAY;
                wake.everything();
                tell(&mut listener, within, wake).await
            }
            Ok(Err(error)) => error,
            Err(_) => late(),
        };
        // Part of it is left to chance, so that replicas do not come back together.
        let delayed = delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        tracing::warn!(error = %lost, again_after = ?delayed, "no notifications from {place}; jobs are found by looking");
        sleep(delayed).await;
        delay = (delay * 2).min(MAX_DELAY);
    }
}

async fn listen(options: &PgConnectOptions, channel: &str) -> Result<PgListener, sqlx::Error> {
    // A pool of its own, as whoever listens keeps the connection.
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}

/// Returns why it cannot go on.
async fn tell(listener: &mut PgListener, within: Duration, wake: &dyn Wake) -> sqlx::Error {
    loop {
        match timeout(ASK, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => match notification.payload().strip_prefix("q:") {
                Some(queue) => wake.queue(queue),
                None => wake.everything(),
            },
            Ok(Ok(None)) => return sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into()),
            Ok(Err(error)) => return error,
            Err(_) => match timeout(within, listener.execute("SELECT 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return late(),
            },
        }
    }
}

fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}
