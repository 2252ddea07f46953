//! Settings that change while the app runs.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use misc_core::{App, BoxError, Context, Counter, Plugin, Service, spec};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    config::Config,
    loader::{Asked, Loader},
    plan::Settled,
    tree::Value,
    watch::Watch,
};

/// The settings as they are now, and as they will be after a reload.
///
/// A read takes no lock, and gives the whole of one version, never parts of two. Keep what [`get`](Self::get) returns
/// for one piece of work (a request, a job), not for longer. What a program reads only once, such as the address it
/// listens on, does not change until it is started again.
///
/// # Examples
/// ```
/// use misc_config::Config;
///
/// #[derive(Debug, serde::Deserialize, Config)]
/// struct Settings {
///     /// How many may wait.
///     #[config(default = 100)]
///     queue: u32,
/// }
///
/// let (settings, reloads) = Settings::loader().env_from([("QUEUE", "50")]).live()?;
/// let app = misc_core::App::new("shop").with(reloads); // reloads on SIGHUP
/// assert_eq!(settings.get().queue, 50);
/// # Ok::<(), misc_config::Error>(())
/// ```
pub struct Live<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    current: ArcSwap<T>,
    /// The same, for those who wait: its lock is nothing for a read.
    latest: watch::Sender<Arc<T>>,
}

impl<T> Live<T> {
    /// Creates settings that never change: for tests of what takes live ones.
    pub fn fixed(value: T) -> Self {
        let value = Arc::new(value);
        let current = ArcSwap::new(Arc::clone(&value));
        Self { shared: Arc::new(Shared { current, latest: watch::Sender::new(value) }) }
    }

    /// Returns the settings as they are now.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        self.shared.current.load_full()
    }

    /// Follows the settings from now on.
    #[must_use]
    pub fn changes(&self) -> Changes<T> {
        Changes { versions: self.shared.latest.subscribe(), _live: self.clone() }
    }

    /// Who waits is told last, and finds nothing older with [`get`](Self::get).
    fn replace(&self, value: T) {
        let value = Arc::new(value);
        self.shared.current.store(Arc::clone(&value));
        self.shared.latest.send_replace(value);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.get()).finish()
    }
}

/// The versions of live settings, one after the other; see [`Live::changes`].
pub struct Changes<T> {
    versions: watch::Receiver<Arc<T>>,
    /// Keeps the sender.
    _live: Live<T>,
}

impl<T> Changes<T> {
    /// Returns the version that came last, and counts it as seen.
    pub fn latest(&mut self) -> Arc<T> {
        Arc::clone(&self.versions.borrow_and_update())
    }

    /// Waits for the next version; of several that came meanwhile, it is the last. Without a reload it waits for
    /// ever: choose between it and the stop of the service.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn next(&mut self) -> Arc<T> {
        // Cannot fail: the sender is kept.
        drop(self.versions.changed().await);
        self.latest()
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

/// How long sources rest after a reload, so that one which always has something else does not keep the program busy.
const REST: Duration = Duration::from_secs(1);

/// Loads [`Live`] settings again on SIGHUP, when a source has something else, and, with the feature `watch`, when a
/// file of settings changes.
///
/// Add it to the app with [`App::with`]. Settings that are not valid are logged with everything that is wrong, and
/// those before stay. When they are valid, the log tells the names of the keys that have changed, and no value;
/// `config_reloads_total` counts both outcomes. What has changed in a `.env` file, or in a file that a variable
/// names, is seen at the next reload; the command line and the variables of the process stay as they are.
#[must_use = "the settings stay as they are until this is part of an app"]
pub struct Reloader<T: Config> {
    loader: Loader<T, ()>,
    asked: Asked,
    live: Live<T>,
    effective: Value,
    files: Vec<PathBuf>,
    watch: Watch,
}

/// Makes settings live.
pub(crate) fn start<T: Config>(
    loader: Loader<T, ()>,
    asked: Asked,
    value: T,
    settled: Settled,
) -> (Live<T>, Reloader<T>) {
    let live = Live::fixed(value);
    let Settled { effective, files, .. } = settled;
    // What changes before the app runs counts, too.
    let watch = Watch::after_reading(&files);
    (live.clone(), Reloader { loader, asked, live, effective, files, watch })
}

impl<T: Config + Send + Sync> Plugin for Reloader<T> {
    fn install(self, app: App) -> App {
        app.service("config", spec(self).background())
    }
}

impl<T: Config + Send + Sync> Service for Reloader<T> {
    async fn run(mut self, ctx: Context) -> Result<(), BoxError> {
        let mut requests = ctx.reloads();
        let outcomes = Outcomes::new(&ctx);
        let mut rested = Instant::now();
        ctx.ready();
        loop {
            // Whichever it is, everything is read again: what the others were about to say is not lost.
            tokio::select! {
                biased;
                () = ctx.stopping() => return Ok(()),
                () = requests.next() => {}
                () = self.source_changed(rested) => {}
                () = self.watch.changed() => {}
            }
            if let Some(used) = ctx.until_stopping(self.reload()).await {
                outcomes.count(used);
            }
            rested = Instant::now() + REST;
        }
    }
}

impl<T: Config> Reloader<T> {
    async fn source_changed(&self, rested: Instant) {
        sleep_until(rested).await;
        self.loader.changed().await;
    }

    /// Loads again; returns whether the settings were valid.
    ///
    /// Files are read on the runtime's own threads, as at the start: they are few and small, or refused.
    async fn reload(&mut self) -> bool {
        // Before they are read, so that what changes meanwhile is seen; and anew, for their directories may be others.
        self.watch = Watch::before_reading(&self.files);
        match self.loader.reload(&self.asked).await {
            Ok((value, settled)) => {
                self.take(value, settled);
                true
            }
            Err(error) => {
                tracing::error!("the new configuration is not used, the old one stays: {error}");
                false
            }
        }
    }

    fn take(&mut self, value: T, settled: Settled) {
        let changed = settled.changed_since(&self.effective);
        self.effective = settled.effective;
        // A `.env` file may name others than before.
        if self.files != settled.files {
            self.watch = Watch::after_reading(&settled.files);
            self.files = settled.files;
        }
        if changed.is_empty() {
            return tracing::info!("configuration reloaded, nothing has changed");
        }
        self.live.replace(value);
        tracing::info!(changed = changed.join(", "), "configuration reloaded");
    }
}

impl<T: Config> fmt::Debug for Reloader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Counts how reloads end.
struct Outcomes {
    used: Counter,
    refused: Counter,
}

impl Outcomes {
    fn new(ctx: &Context) -> Self {
        let counter = |outcome| {
            let meter = ctx.meter().label("outcome", outcome);
            meter.counter("config_reloads_total", "Reloads of the configuration.")
        };
        Self { used: counter("success"), refused: counter("failure") }
    }

    fn count(&self, used: bool) {
        if used { self.used.increment(1) } else { self.refused.increment(1) }
    }
}
