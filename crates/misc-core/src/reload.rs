//! Reloads: asked for by a signal or a handle, carried out by every service that asked for them.

use std::sync::{Arc, Mutex};

use slab::Slab;
use tokio::sync::watch;

use crate::{scope::Scope, supervisor::Event, sync::lock};

/// How far a reload has come; see [`Lifecycle::on_reload`](crate::Lifecycle::on_reload).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// A signal, or somebody with a handle, has asked for it.
    Requested,
    /// Every service that asked for reloads has carried out all requests so far, or has ended.
    Done,
}

/// Requests to reload the configuration, for one service.
///
/// A service has carried out a request once it waits for the next one, or has dropped this. That is how
/// [`Lifecycle::on_reload`](crate::Lifecycle::on_reload), and through it a service manager, learns that a reload is done.
#[derive(Debug)]
pub struct Reloads {
    requests: watch::Receiver<u64>,
    root: Arc<Scope>,
    id: usize,
    taken: u64,
}

impl Reloads {
    pub(crate) fn new(root: Arc<Scope>) -> Self {
        let requests = board(&root).requests.subscribe();
        let taken = *requests.borrow();
        let mut state = lock(&board(&root).state);
        state.asked = true;
        let id = state.carried_out.insert(taken);
        drop(state);
        Self { requests, root, id, taken }
    }

    /// Waits for the next request; those that came meanwhile count as one.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn next(&mut self) {
        update(&self.root, |state| state.carried_out[self.id] = self.taken);
        // Cannot fail: the root has the sender.
        drop(self.requests.changed().await);
        self.taken = *self.requests.borrow_and_update();
    }
}

impl Drop for Reloads {
    fn drop(&mut self) {
        update(&self.root, |state| state.carried_out.remove(self.id));
    }
}

/// The requests to an app, and how far each service is with them.
#[derive(Debug, Default)]
pub(crate) struct Board {
    requests: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Some service has asked for reloads, now or earlier.
    asked: bool,
    /// For each service that asks for reloads, the last request that it has carried out.
    carried_out: Slab<u64>,
    /// The last request whose end was told.
    told: u64,
}

/// Makes a request; returns whether any service has asked for them so far.
pub(crate) fn request(root: &Scope) -> bool {
    update(root, |state| {
        if state.asked {
            tell(root, Reload::Requested);
            board(root).requests.send_modify(|count| *count += 1);
        }
        state.asked
    })
}

/// Changes what is known of the services, and tells when that was the last to be done.
fn update<T>(root: &Scope, change: impl FnOnce(&mut State) -> T) -> T {
    let board = board(root);
    let mut state = lock(&board.state);
    let result = change(&mut state);
    let requested = *board.requests.borrow();
    if state.told < requested && state.carried_out.iter().all(|(_, last)| *last >= requested) {
        state.told = requested;
        tell(root, Reload::Done);
    }
    result
}

fn tell(root: &Scope, reload: Reload) {
    // Refused only when the app has ended.
    drop(root.mailbox.post(Event::Reload(reload)));
}

fn board(root: &Scope) -> &Board {
    &root.place().expect("reloads are for apps that run").shared.reloads
}
