//! The tasks of a server: so many at most, waited for at its stop, cut when they take too long.

use std::{
    future::pending,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use misc_core::{Context, Task};
use tokio::time::{Instant, timeout_at};

/// How long before its stop bound a server cuts what still runs, so that it ends in time itself.
const MARGIN: Duration = Duration::from_millis(500);

/// The tasks of a server, each with a tag that tells at its end what it was for.
pub(crate) struct Crew<T> {
    members: FuturesUnordered<Member<T>>,
    limit: usize,
}

impl<T: Copy + Unpin> Crew<T> {
    pub(crate) fn new(limit: NonZeroUsize) -> Self {
        Self { members: FuturesUnordered::new(), limit: limit.get() }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.members.len() < self.limit
    }

    pub(crate) fn add(&mut self, task: Task<()>, tag: T) {
        self.members.push(Member { task, tag });
    }

    /// Waits until a task has ended; for ever while there is none.
    ///
    /// # Cancel safety
    /// Strict.
    pub(crate) async fn ended(&mut self) -> T {
        match self.members.next().await {
            Some(tag) => tag,
            None => pending().await,
        }
    }

    /// Waits until all have ended, or the service is about to be dropped; returns how many were cut.
    pub(crate) async fn drain(mut self, ctx: &Context) -> usize {
        let all = async { while self.members.next().await.is_some() {} };
        if timeout_at(cut_at(ctx), all).await.is_ok() {
            return 0;
        }
        for member in &self.members {
            member.task.abort();
        }
        self.members.len()
    }
}

/// Returns when a service that shall stop cuts what still runs: shortly before its stop bound.
pub(crate) fn cut_at(ctx: &Context) -> Instant {
    let now = Instant::now();
    let deadline = ctx.stop_deadline().unwrap_or(now);
    let left = deadline.saturating_duration_since(now);
    deadline - MARGIN.min(left / 10)
}

struct Member<T> {
    task: Task<()>,
    tag: T,
}

impl<T: Copy + Unpin> Future for Member<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        // Whether it has failed is its own business: it catches what a handler does.
        drop(ready!(Pin::new(&mut self.task).poll(cx)));
        Poll::Ready(self.tag)
    }
}
