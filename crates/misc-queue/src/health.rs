//! Whether a store is well.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::{Error, Store, error::one_line};

/// Why a store is not well: it does not answer, or jobs have been due for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhealthy(String);

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unhealthy {}

/// Returns a check: the store answers, and when jobs were last counted, no queue that is not paused had a job that had
/// been due for longer than `limit`.
pub(crate) fn healthy(
    store: Store,
    limit: Duration,
) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send>> + Clone + Send + Sync + 'static {
    move || {
        let store = store.clone();
        Box::pin(async move { check(&store, limit).await })
    }
}

async fn check(store: &Store, limit: Duration) -> Result<(), Unhealthy> {
    let away = |error: Error| Unhealthy(one_line(&error));
    let open = store.now_open().ok_or_else(|| Unhealthy(format!("the store {} is not open", store.url())))?;
    open.engine.ping().await.map_err(away)?;
    let Some(queues) = store.shared.last_count() else {
        return Err(Unhealthy(format!("the jobs of the store {} cannot be counted", store.url())));
    };
    let late = queues.into_iter().filter(|queue| !queue.is_paused);
    let late = late.filter_map(|queue| Some((queue.oldest.filter(|age| *age > limit)?, queue.name)));
    let late = late.map(|(age, name)| format!("a job of `{name}` has been due for {} s", age.as_secs()));
    let late = late.collect::<Vec<_>>().join("; ");
    if late.is_empty() { Ok(()) } else { Err(Unhealthy(late)) }
}
