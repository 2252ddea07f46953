//! The supervisor's mailbox, and a lock that outlives a panic.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Locks a mutex whose data holds at each statement, so that a panic elsewhere does not spoil it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Many senders, one receiver, taken in batches.
///
/// A channel with a bound would make `Context::ready` wait; the bound here is the senders' own: a service has at most
/// a handful of events on their way, and a command's caller waits for its answer.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    filled: Notify,
}

#[derive(Debug)]
struct Queue<T> {
    events: Vec<T>,
    closed: bool,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self { queue: Mutex::new(Queue { events: Vec::new(), closed: false }), filled: Notify::new() }
    }

    /// Posts an event; gives it back when nobody will read it any more.
    pub(crate) fn post(&self, event: T) -> Result<(), T> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(event);
        }
        queue.events.push(event);
        let first = queue.events.len() == 1;
        drop(queue);
        if first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for events and swaps them into `batch`, which must be empty.
    ///
    /// # Cancel safety
    /// Strict: nothing is taken unless it returns.
    pub(crate) async fn take(&self, batch: &mut Vec<T>) {
        loop {
            let filled = self.filled.notified();
            mem::swap(&mut lock(&self.queue).events, batch);
            if !batch.is_empty() {
                return;
            }
            filled.await;
        }
    }

    /// Refuses further events and drops those unread.
    pub(crate) fn close(&self) {
        let unread = {
            let mut queue = lock(&self.queue);
            queue.closed = true;
            mem::take(&mut queue.events)
        };
        drop(unread);
    }
}
