//! An app under test.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    panic::Location,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use misc_core::{Address, App, Exit, Handle, Report, Service};
use tokio::{runtime, sync::watch, task::AbortHandle};

use crate::{
    clock::{Clock, in_time},
    connection::Connection,
    doing::Doing,
    ended::Ended,
    loopback::Loopback,
    memory::MemorySockets,
    phases::Phases,
    signal::Signal,
};

/// An app that runs beside its test, without the signals of the process and in nobody's way.
///
/// The clock of the test decides on the network:
///
/// | | clock | sockets |
/// | --- | --- | --- |
/// | `#[tokio::test(start_paused = true)]` | paused: hours pass at once when nobody has anything to do | in memory ([`MemorySockets`]) |
/// | `#[tokio::test]` | real | real: every TCP and UDP port is moved to one of the system's choice on the loopback interface; Unix sockets are where their path says |
///
/// A paused clock and real sockets do not go together: the clock believes that nobody has anything to do, while bytes
/// are on their way, and every deadline fires at once. So on a paused clock [`address`](Self::address) refuses and
/// [`connect`](Self::connect) is the way in.
///
/// Whatever fails panics with what the app was doing. Dropped without being stopped, as by a test that fails, it drops
/// its services.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, Listener};
/// use misc_test::TestApp;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::new("shop").service("greeter", async |ctx: Context| {
///     let mut incoming = ctx.listen(&"0.0.0.0:80".into()).await?;
///     ctx.ready();
///     while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
///         let (handshake, _) = accepted?;
///         tokio::io::AsyncWriteExt::write_all(&mut handshake.await?, b"hello").await?;
///     }
///     Ok(())
/// });
/// let app = TestApp::start(app).await;
/// let mut text = String::new();
/// app.connect("greeter").await.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// app.stop().await.assert_clean().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "an app under test that is dropped drops its services"]
pub struct TestApp {
    name: String,
    handle: Handle,
    phases: Phases,
    clock: Clock,
    network: Network,
    patience: Duration,
    stop_requested: AtomicBool,
    killed: OnceLock<Signal>,
    outcome: watch::Receiver<Option<Report>>,
    run: AbortHandle,
    tasks_before: usize,
    launched_at: &'static Location<'static>,
}

/// How the services of the app are reached.
#[derive(Debug)]
enum Network {
    Memory(MemorySockets),
    Real(Loopback),
    /// By what the app has brought itself.
    AsItIs,
}

impl TestApp {
    /// Runs an app and waits until it is ready.
    ///
    /// It runs from the call on, also before the future is awaited.
    ///
    /// # Panics
    /// With the app's report when it fails to start; or with what each service is doing and what it waits for, when they
    /// are not ready within 50 s ([`launch`](Self::launch) and [`patience`](Self::patience) give more, or less). Outside
    /// of a tokio runtime.
    ///
    /// # Cancel safety
    /// Weak: dropped, it drops the app.
    #[track_caller]
    pub fn start(app: App) -> impl Future<Output = Self> {
        let app = Self::launch(app);
        async move {
            app.ready().await;
            app
        }
    }

    /// Runs one service, under the name `service` in an app `test`, and waits until it is ready.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    /// As [`start`](Self::start).
    #[track_caller]
    pub fn service(service: impl Service) -> impl Future<Output = Self> {
        Self::start(App::new("test").service("service", service))
    }

    /// Runs an app without waiting: for tests of what happens during the start, and of starts that fail.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    /// ```
    /// use misc_core::{App, Context};
    /// use misc_test::TestApp;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new("shop").service("db", async |_: Context| Err("no route to host".into()));
    /// let ended = TestApp::launch(app).ended().await;
    /// assert_eq!(ended.report().failures()[0].path(), "db");
    /// # }
    /// ```
    #[track_caller]
    pub fn launch(app: App) -> Self {
        match Clock::now() {
            Clock::Paused => {
                let memory = MemorySockets::new();
                Self::run(app.sockets(memory.clone()), Network::Memory(memory))
            }
            Clock::Real => {
                let loopback = Loopback::default();
                Self::run(app.sockets(loopback.clone()), Network::Real(loopback))
            }
        }
    }

    /// Runs an app with the sockets that it brings itself, or real ones at their own addresses; for the rest as
    /// [`launch`](Self::launch).
    ///
    /// Nobody objects to real ones on a paused clock here, where they do no good: bring [`MemorySockets`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn launch_as_is(app: App) -> Self {
        Self::run(app, Network::AsItIs)
    }

    #[track_caller]
    fn run(app: App, network: Network) -> Self {
        let runtime = runtime::Handle::current();
        let tasks_before = runtime.metrics().num_alive_tasks();
        let (handle, phases, clock) = (app.handle(), Phases::new(), Clock::now());
        let (ended, outcome) = watch::channel(None);
        let run = app.without_signals().observe(phases.clone()).run();
        // Owned by this value, whose drop aborts it.
        let run = runtime.spawn(async move {
            let report = run.await.err().unwrap_or_default();
            ended.send_replace(Some(report));
        });
        Self {
            name: handle.status().name,
            handle,
            phases,
            clock,
            network,
            patience: clock.patience_with_apps(),
            stop_requested: AtomicBool::new(false),
            killed: OnceLock::new(),
            outcome,
            run: run.abort_handle(),
            tasks_before,
            launched_at: Location::caller(),
        }
    }

    /// Sets how long the start, and the end, may take before the test fails (50 s; an hour of a paused clock).
    ///
    /// An app gives itself less, unless it is told otherwise, and its own report, which comes first then, knows more.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns the app's handle: its status, and services started and stopped at run time.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the phases that the app has gone through so far, and goes through from now on.
    #[must_use]
    pub fn phases(&self) -> Phases {
        self.phases.clone()
    }

    /// Waits until the app is ready; after [`launch`](Self::launch).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn ready(&self) {
        self.assert_unmixed();
        match in_time(self.patience, self.handle.ready()).await {
            Some(true) => {}
            Some(false) => {
                let report = self.end_in_time().await;
                panic!("{} ended before it was ready: {report}\n{}", self.this(), self.phases.history());
            }
            None => panic!("{}", self.late("was not ready")),
        }
    }

    /// Waits until a service listens; returns its real address.
    ///
    /// # Panics
    /// When it listens nowhere, or on a Unix socket; and on a paused clock, where there is no real address: use
    /// [`connect`](Self::connect) there.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn address(&self, name: &str) -> SocketAddr {
        assert!(
            self.clock == Clock::Real,
            "there is no real address of `{name}` on a paused clock: with real sockets such a clock fires every \
             deadline while bytes are on their way. Use `connect(\"{name}\")`, or a test with the real clock \
             (`#[tokio::test]` without `start_paused`)"
        );
        let address = self.published(name).await;
        address.ip().unwrap_or_else(|| panic!("`{name}` listens on {address}, which has no port: use `connect`"))
    }

    /// Connects to a service, once it listens: in memory on a paused clock, by TCP or a Unix socket otherwise.
    ///
    /// # Panics
    /// When it listens nowhere, or refuses.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn connect(&self, name: &str) -> Connection {
        let address = self.published(name).await;
        let connected = self.open(&address).await;
        connected.unwrap_or_else(|error| panic!("cannot connect to `{name}` of {} at {address}: {error}", self.this()))
    }

    /// Connects to an address that a service has asked for, or to the real one: for services with several listeners.
    ///
    /// It does not wait for the listener, which is there when the service is ready.
    ///
    /// # Panics
    /// When no service listens there, or it refuses.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn connect_to(&self, address: &Address) -> Connection {
        self.assert_unmixed();
        let connected = match &self.network {
            Network::Real(loopback) => async { self.open(&loopback.real(address)?).await }.await,
            Network::Memory(_) | Network::AsItIs => self.open(address).await,
        };
        connected.unwrap_or_else(|error| panic!("cannot connect to {address} in {}: {error}", self.this()))
    }

    async fn open(&self, address: &Address) -> io::Result<Connection> {
        match &self.network {
            Network::Memory(memory) => memory.connect(address).await,
            Network::AsItIs if self.clock == Clock::Paused => panic!(
                "this app was launched as it is, on a paused clock: connect to {address} through the sockets that it has \
                 brought"
            ),
            Network::Real(_) | Network::AsItIs => Connection::open(address).await,
        }
    }

    /// Sends a signal to the app, as if it were a process.
    ///
    /// The first SIGTERM or SIGINT stops it. A second one ends it at once: it is dropped, kept values too, and its exit
    /// code is 128 and the number of the signal; [`ended`](Self::ended) gives its tasks a second to be gone. SIGHUP
    /// reloads, or does as SIGTERM where nobody has asked for reloads.
    pub fn signal(&self, signal: Signal) {
        if signal == Signal::Hangup && self.handle.reload() {
            return;
        }
        if !self.stop_requested.swap(true, Ordering::Relaxed) {
            drop(self.handle.shutdown());
        } else if self.killed.set(signal).is_ok() {
            self.run.abort();
        }
    }

    /// Asks the app to stop, as SIGTERM does, and waits for its end.
    ///
    /// # Panics
    /// As [`ended`](Self::ended).
    ///
    /// # Cancel safety
    /// Weak: dropped, it drops the app.
    pub async fn stop(self) -> Ended {
        drop(self.handle.shutdown());
        self.ended().await
    }

    /// Waits for the end of the app.
    ///
    /// # Panics
    /// When it has not ended within 50 s ([`patience`](Self::patience)), with what each service is doing. The stop bounds
    /// of the app itself come first, unless they were raised, and then the report says who was late.
    ///
    /// # Cancel safety
    /// Weak: dropped, it drops the app.
    pub async fn ended(self) -> Ended {
        self.assert_unmixed();
        let report = self.end_in_time().await;
        let ended = Ended::new(self.this(), report, self.phases.clone(), self.tasks_before);
        if self.killed.get().is_some() {
            // What is dropped is dropped by whichever thread it was on.
            ended.tasks_left().await;
        }
        ended
    }

    async fn end_in_time(&self) -> Report {
        let report = in_time(self.patience, self.end()).await;
        report.unwrap_or_else(|| panic!("{}", self.late("had not ended")))
    }

    async fn end(&self) -> Report {
        let mut outcome = self.outcome.clone();
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|report| report.clone());
        match (ended, self.killed.get()) {
            (Some(report), _) => report,
            (None, Some(signal)) => {
                let text = format!("{signal:?}, after a stop was requested already: the app ended at once");
                Report::from(Exit::new(128 + signal.number(), text))
            }
            (None, None) => panic!("the run of {} panicked, see above", self.this()),
        }
    }

    async fn published(&self, name: &str) -> Address {
        self.assert_unmixed();
        match in_time(self.patience, self.handle.address(name)).await {
            Some(Ok(address)) => address,
            Some(Err(error)) => panic!("{}: {error}\n{}", self.this(), self.phases.history()),
            None => panic!("{}", self.late(&format!("did not listen with `{name}`"))),
        }
    }

    /// Panics when the clock was paused after the app was given real sockets.
    fn assert_unmixed(&self) {
        let mixed = self.clock == Clock::Real && Clock::now() == Clock::Paused;
        assert!(
            !mixed,
            "the clock was paused after {} was given real sockets: with these a paused clock fires every deadline while \
             bytes are on their way. Pause it from the start (`#[tokio::test(start_paused = true)]`), and the sockets \
             are in memory",
            self.this()
        );
    }

    fn late(&self, what: &str) -> String {
        let services = self.handle.status().children;
        let doing: String = services.iter().map(|service| Doing::new(service).to_string()).collect();
        format!("{} {what} within {:?}{doing}\n{}", self.this(), self.patience, self.phases.history())
    }

    fn this(&self) -> String {
        format!("app `{}` (launched at {})", self.name, self.launched_at)
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.run.abort();
    }
}
