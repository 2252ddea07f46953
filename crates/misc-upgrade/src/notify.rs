//! What the service manager is told: a plugin that follows the app.

mod board;
mod environment;
mod nudge;
mod pulse;

use std::{
    ffi::OsStr,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use misc_core::{App, Handle, Lifecycle, Phase, Plugin, Reload, Transition};
use tokio::sync::watch;
use tracing::error;

use self::{
    board::Board,
    pulse::{EXTENSION, Health, Pulse},
};
use crate::{
    error::Unusable,
    manager::{Manager, Message},
};

/// Under which name the part that keeps time is registered.
const SERVICE: &str = "systemd-notify";

/// Tells systemd how the app is, by the protocol of `sd_notify(3)`; without `NOTIFY_SOCKET` it does nothing.
///
/// | moment | message |
/// | --- | --- |
/// | a service moves on, or fails | `STATUS=`: how many are ready, who is waited for, who has failed and why |
/// | all services are ready | `READY=1` |
/// | a reload begins, while the app is ready | `RELOADING=1` with `MONOTONIC_USEC=` |
/// | every service that asked for reloads is done with it | `READY=1` |
/// | the app begins to stop, before any service is asked to | `STOPPING=1` |
/// | every 5 s from then on | `EXTEND_TIMEOUT_USEC=`, 10 s |
/// | at half the period of the watchdog, from the start until resources have closed | `WATCHDOG=1` |
///
/// Install it first, on the root app: then its pulse, a resource called `systemd-notify`, is the last to be closed. In a
/// group it could not tell when the app is ready, and logs an error instead. The pulse counts as a service, so an app
/// without another one is not refused where systemd is, but runs until it is stopped.
///
/// The pulse beats on the app's runtime, so that it stops when all workers are blocked, and systemd restarts the service.
/// One blocked worker of several does not stop it: long work belongs in `Context::blocking`.
///
/// Nothing here waits for the manager: a message that does not get through stays in line, and is sent before any other.
/// What is in line when the app has ended is lost, as is the oldest of more than 32 messages; each is logged as an error.
///
/// Children inherit the variables. With `NotifyAccess=main` systemd ignores what they say; where it must not, take
/// `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` away from them with `Command::env_remove`.
///
/// # Examples
/// ```
/// use misc_core::App;
/// use misc_upgrade::Notify;
///
/// # fn main() -> Result<(), misc_upgrade::Unusable> {
/// let app = App::new("shop").with(Notify::from_env()?);
/// # drop(app);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "install it: `App::with`"]
pub struct Notify {
    manager: Option<Manager>,
    watchdog: Option<Duration>,
    health: Option<Health>,
    extends: bool,
}

impl Notify {
    /// Reads from the environment where the manager listens, and the period of its watchdog.
    ///
    /// The period is `WATCHDOG_USEC`, unless `WATCHDOG_PID` says that it is another process's.
    ///
    /// # Errors
    /// [`Unusable`] when a variable makes no sense.
    pub fn from_env() -> Result<Self, Unusable> {
        environment::read(|name| std::env::var_os(name))
    }

    /// Tells the manager whose socket is at `/path` or, on Linux, at `@abstract-name`; without a watchdog.
    ///
    /// # Errors
    /// [`Unusable`] when no socket can be there, as nowhere on Windows.
    pub fn to(socket: impl AsRef<OsStr>) -> Result<Self, Unusable> {
        Ok(Self { manager: Some(Manager::at(socket.as_ref())?), ..Self::nobody() })
    }

    fn nobody() -> Self {
        Self { manager: None, watchdog: None, health: None, extends: true }
    }

    /// Sets the period of the watchdog: `WatchdogSec=` of the unit, or 0 for none.
    pub fn watchdog(self, period: Duration) -> Self {
        Self { watchdog: Some(period).filter(|period| !period.is_zero()), ..self }
    }

    /// Sets a check that withholds the watchdog's ping while it says `false` (none).
    ///
    /// `input` is cloned for each check, as in [`resource`](misc_core::resource()). The check is made at half the period
    /// while the app is ready; starting and stopping have bounds of their own. An answer that takes more than a quarter of
    /// the period, or a panic, counts as `false`. Each change is logged.
    ///
    /// systemd *kills* a service whose watchdog is not pinged. Check what a restart cures, such as a lock that is never
    /// released, and not whether a database can be reached.
    ///
    /// # Examples
    /// ```
    /// use misc_upgrade::Notify;
    ///
    /// #[derive(Clone)]
    /// struct Matcher;
    ///
    /// impl Matcher {
    ///     async fn answers(&self) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), misc_upgrade::Unusable> {
    /// let notify = Notify::from_env()?.healthy_while(Matcher, async |matcher: Matcher| matcher.answers().await);
    /// # drop(notify);
    /// # Ok(()) }
    /// ```
    pub fn healthy_while<C, Fut>(self, input: C, check: impl Fn(C) -> Fut + Send + Sync + 'static) -> Self
    where
        C: Clone + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self { health: Some(Health::new(input, check)), ..self }
    }

    /// Leaves `TimeoutStopSec=` of the unit to bound the stop alone.
    ///
    /// The app bounds its own stop ([`App::stop_within`], and a hard end 1 s past that), so the manager is asked for
    /// more time until then. It is asked from the beginning, since the app cannot know when `TimeoutStopSec=` is over,
    /// and asking does not shorten it.
    pub fn without_extensions(self) -> Self {
        Self { extends: false, ..self }
    }
}

impl Plugin for Notify {
    fn install(self, app: App) -> App {
        let Some(manager) = self.manager else {
            return app;
        };
        let manager = Arc::new(manager);
        let (phase, seen) = watch::channel(Phase::Waiting);
        let (extends, watchdog, health) = (self.extends, self.watchdog, self.health);
        let told = Mutex::new(Told { board: Board::default(), status: String::new(), app: Some(app.handle()) });
        let pulse = Pulse { manager: Arc::clone(&manager), phase: seen, watchdog, health, extends };
        app.observe(Observer { manager, phase, extends, told }).service(SERVICE, pulse.driver())
    }
}

/// Follows the app, and tells the manager.
struct Observer {
    manager: Arc<Manager>,
    phase: watch::Sender<Phase>,
    extends: bool,
    told: Mutex<Told>,
}

struct Told {
    board: Board,
    status: String,
    /// Says what there is to start; gone once that is known, since the app holds its observers.
    app: Option<Handle>,
}

impl Observer {
    fn tell(&self, told: &mut Told, entered: Option<Phase>) {
        let status = told.board.to_string();
        let message = match entered {
            Some(Phase::Ready) => Message::state("READY=1", &status),
            Some(Phase::Stopping) if self.extends => Message::state(&format!("STOPPING=1\n{EXTENSION}"), &status),
            Some(Phase::Stopping) => Message::state("STOPPING=1", &status),
            _ if status == told.status => return,
            _ => Message::status(&status),
        };
        self.manager.tell(message);
        told.status = status;
    }
}

impl Lifecycle for Observer {
    fn on_transition(&self, transition: &Transition) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(app) = told.app.take() {
            let services = app.list();
            if !services.iter().any(|path| path == SERVICE) {
                error!("the service manager will not be told that the app is ready: install `Notify` on the root app");
            }
            told.board.expect(services);
        }
        told.board.note(transition);
        let entered = transition.service().is_none().then(|| transition.to());
        self.tell(&mut told, entered);
        if let Some(phase) = entered {
            self.phase.send_replace(phase);
            if phase.is_ended() {
                self.manager.close();
            }
        }
    }

    fn on_reload(&self, reload: Reload) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.board.note_reload(reload) {
            return;
        }
        let status = told.board.to_string();
        self.manager.tell(match reload {
            Reload::Requested => Message::reloading(&status),
            _ => Message::state("READY=1", &status),
        });
        told.status = status;
    }
}
