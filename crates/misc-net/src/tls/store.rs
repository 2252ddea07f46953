//! What was made of files, and is made again when they have changed.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use misc_core::current_service;
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{Span, dispatcher, info, warn};

use crate::tls::{error::Error, files::Stamp};

/// How often the files are looked at, at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads files and makes something of them.
pub(super) trait Load: Send + Sync + 'static {
    type Loaded: Send + Sync;

    fn files(&self) -> impl Iterator<Item = &PathBuf>;
    fn load(&self) -> Result<Self::Loaded, Error>;
}

/// What was loaded last without an error.
#[derive(Debug)]
pub(super) struct Store<L: Load> {
    load: L,
    current: Mutex<Arc<L::Loaded>>,
    /// The files as they were when they were read last; locked while they are read again.
    stamps: Mutex<Vec<Option<Stamp>>>,
    due: Mutex<Due>,
}

/// When the files are looked at again.
#[derive(Debug)]
struct Due {
    at: Instant,
    /// Somebody looks at them right now, which may take long where they are on a network.
    taken: bool,
}

impl<L: Load> Store<L> {
    pub(super) fn new(load: L) -> Result<Self, Error> {
        // Before the files are read, so that a change in between is seen.
        let stamps = Stamp::of_all(load.files());
        let current = Arc::new(load.load()?);
        let due = Due { at: Instant::now() + INTERVAL, taken: false };
        Ok(Self { load, current: Mutex::new(current), stamps: Mutex::new(stamps), due: Mutex::new(due) })
    }

    pub(super) fn load(&self) -> &L {
        &self.load
    }

    fn current(&self) -> Arc<L::Loaded> {
        Arc::clone(&lock(&self.current))
    }

    /// Returns what is in force, after a look at the files if there was none for a while.
    pub(super) async fn fresh(self: &Arc<Self>) -> Arc<L::Loaded> {
        if let Some(turn) = Turn::take(self) {
            let (dispatch, span) = (dispatcher::get_default(Clone::clone), Span::current());
            let service = current_service();
            // Logged over there, since whoever waits here may be dropped, and each change is seen once.
            let look = move || {
                if let Some(reloaded) = turn.store.reload_if_changed() {
                    let log = || turn.store.log(&reloaded, service.as_deref());
                    dispatcher::with_default(&dispatch, || span.in_scope(log));
                }
            };
            // It is not aborted, and has no panics but those of a library: what is in force stays so then.
            spawn_blocking(look).await.unwrap_or_default();
        }
        self.current()
    }

    /// Reads the files again if they have changed since they were read last, with success or without: each change is
    /// tried once.
    fn reload_if_changed(&self) -> Option<Result<(), Error>> {
        let mut stamps = lock(&self.stamps);
        let now = Stamp::of_all(self.load.files());
        if *stamps == now {
            return None;
        }
        *stamps = now;
        Some(self.replace())
    }

    /// Reads the files again.
    pub(super) fn reload(&self) -> Result<(), Error> {
        let mut stamps = lock(&self.stamps);
        *stamps = Stamp::of_all(self.load.files());
        self.replace()
    }

    /// Logs how it went to read the files again, for a service.
    pub(super) fn log(&self, reloaded: &Result<(), Error>, service: Option<&str>) {
        let files: Vec<_> = self.load.files().collect();
        match reloaded {
            Ok(()) => info!(service, ?files, "the files of TLS were read again"),
            Err(error) => warn!(service, ?files, %error, "new files of TLS cannot be used; what was in force stays so"),
        }
    }

    fn replace(&self) -> Result<(), Error> {
        let loaded = Arc::new(self.load.load()?);
        *lock(&self.current) = loaded;
        Ok(())
    }
}

/// The right to look at the files, which one has at a time.
struct Turn<L: Load> {
    store: Arc<Store<L>>,
}

impl<L: Load> Turn<L> {
    fn take(store: &Arc<Store<L>>) -> Option<Self> {
        let mut due = lock(&store.due);
        let now = Instant::now();
        if due.taken || now < due.at {
            return None;
        }
        *due = Due { at: now + INTERVAL, taken: true };
        Some(Self { store: Arc::clone(store) })
    }
}

impl<L: Load> Drop for Turn<L> {
    fn drop(&mut self) {
        lock(&self.store.due).taken = false;
    }
}

/// Locks a mutex whose data holds at each statement, so that a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
