//! What a service is given to run with.

use std::{future::Future, io, panic::Location, sync::Arc};

use serde::Serialize;
use tokio::{net::UdpSocket, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    handle::{Handle, Started},
    listener::{Incoming, Listener as _},
    meter::Meter,
    reload::Reloads,
    resource::{Gone, Resource},
    run::Run,
    scope::{NotProvided, Place},
    service::Service,
    sockets::{Address, ListenError, Request, Socket, SocketKind, resolve},
    status::Inspection,
    task::{self, Task},
};

/// A service's side of its app: its signals, its tasks, its sockets. Cheap to clone.
///
/// # Examples
/// ```
/// use misc_core::{BoxError, Context};
///
/// async fn consume(ctx: Context) -> Result<(), BoxError> {
///     let mut inbox = connect().await?;
///     ctx.ready();
///     while let Some(message) = ctx.until_stopping(inbox.next()).await {
///         ctx.spawn(async move { handle(message).await });
///     }
///     Ok(()) // the spawned tasks are waited for
/// }
/// # struct Inbox;
/// # impl Inbox { async fn next(&mut self) -> u8 { 0 } }
/// # async fn connect() -> Result<Inbox, BoxError> { Ok(Inbox) }
/// # async fn handle(_: u8) {}
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    run: Arc<Run>,
}

impl Context {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run }
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Says that the service is up: what waits for it starts. Saying it again changes nothing.
    pub fn ready(&self) {
        self.run.ready();
    }

    /// Waits until the service shall stop.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn stopping(&self) {
        self.run.stopping.cancelled().await;
    }

    /// Tells whether the service shall stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.run.stopping.is_cancelled()
    }

    /// Returns a token that is cancelled when the service shall stop, for libraries that take one.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.run.stopping.child_token()
    }

    /// Runs `future` until the service shall stop; returns `None`, and drops it, when that comes first.
    ///
    /// # Cancel safety
    /// As cancel safe as `future`, which may be dropped at any await.
    pub async fn until_stopping<F: Future>(&self, future: F) -> Option<F::Output> {
        self.run.stopping.run_until_cancelled(future).await
    }

    /// Returns the moment at which the service will be dropped; `None` while it need not stop.
    #[must_use]
    pub fn stop_deadline(&self) -> Option<Instant> {
        self.run.stop_deadline()
    }

    /// Returns the service's path: its name, after that of its group.
    #[must_use]
    pub fn name(&self) -> &str {
        self.run.node.path()
    }

    /// Spawns a task of this service. When the service stops, the task is waited for.
    ///
    /// At the service's stop bound it is dropped and reported with the place of this call. Its panic is the service's
    /// failure. After the service's end a task is refused: it is dropped, logged, and its result is an error.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(&self.run, Location::caller(), future)
    }

    /// Spawns a task of this service that is dropped as soon as the service shall stop.
    ///
    /// For the rest it is as [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_until_stopping<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_until_stopping(&self.run, Location::caller(), future)
    }

    /// Runs a closure that blocks, or computes for long, on the runtime's threads for that.
    ///
    /// It counts as a task of the service, but nothing can drop it: when it runs past the service's stop bound, it is
    /// reported as one that did not yield. [`Runtime::blocking_threads`](crate::Runtime::blocking_threads) bounds how
    /// many run at once.
    ///
    /// # Errors
    /// [`TaskError`](crate::TaskError) when the closure has panicked, which is the service's failure too, or the service has ended.
    ///
    /// # Cancel safety
    /// Weak: dropped, the closure still runs to its end.
    ///
    /// # Examples
    /// ```
    /// # async fn hash(ctx: misc_core::Context, password: String) -> Result<u64, misc_core::TaskError> {
    /// let hash = ctx.blocking(move || slow_hash(&password)).await?;
    /// # Ok(hash) }
    /// # fn slow_hash(_: &str) -> u64 { 0 }
    /// ```
    #[track_caller]
    pub fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        task::blocking(&self.run, Location::caller(), work)
    }

    /// Returns the one resource of type `T`, waiting while it is not open yet.
    ///
    /// A group looks into its own services first, then into the apps around it. Where two resources have one type,
    /// pass a [`Resource`] instead.
    ///
    /// # Errors
    /// [`GetError`] at once when no service provides `T` or more than one does; else when the resource is gone.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn get<T: Clone + Send + Sync + 'static>(&self) -> Result<T, GetError> {
        let cell = self.run.scope.provider::<T>().map_err(GetError::not_provided)?;
        // Cannot fail: the type is the key under which it was found.
        let Some(resource) = Resource::<T>::of(cell) else {
            return Err(GetError::not_provided(NotProvided { type_name: std::any::type_name::<T>(), paths: vec![] }));
        };
        self.run.within(async move { resource.get().await }).await.map_err(|gone| GetError(GetErrorKind::Gone(gone)))
    }

    /// Listens for connections and publishes the real address as this service's.
    ///
    /// # Errors
    /// [`ListenError`], which names the service and the address.
    ///
    /// # Cancel safety
    /// Strict: a socket that is not returned is closed.
    pub async fn listen(&self, address: &Address) -> Result<Incoming, ListenError> {
        let listen = async {
            let incoming = Incoming::open(self.open(SocketKind::Stream, address).await?)?;
            self.publish(incoming.address());
            Ok(incoming)
        };
        listen.await.map_err(|error| self.cannot_listen(address, error))
    }

    /// Opens a UDP socket and publishes the real address as this service's.
    ///
    /// # Errors
    /// [`ListenError`], which names the service and the address.
    ///
    /// # Cancel safety
    /// Strict: a socket that is not returned is closed.
    pub async fn bind_udp(&self, address: &Address) -> Result<UdpSocket, ListenError> {
        let bind = async {
            let Socket::Udp(socket) = self.open(SocketKind::Datagram, address).await? else {
                let wrong = "the provider of sockets gave a listener where a datagram socket was asked for";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
            };
            socket.set_nonblocking(true)?;
            let socket = UdpSocket::from_std(socket)?;
            self.publish(socket.local_addr()?.into());
            Ok(socket)
        };
        bind.await.map_err(|error| self.cannot_listen(address, error))
    }

    async fn open(&self, kind: SocketKind, address: &Address) -> io::Result<Socket> {
        let resolved = resolve(address).await?;
        let request = Request { service: self.name(), kind, address, resolved: &resolved };
        self.place().sockets.open(&request)
    }

    /// Publishes an address on which this service can be reached.
    ///
    /// [`listen`](Self::listen) and [`bind_udp`](Self::bind_udp) do it for their sockets.
    pub fn publish(&self, address: Address) {
        tracing::info!(service = %self.name(), %address, "listening");
        self.run.node.publish(&self.run, address);
        self.place().shared.notify_changed();
    }

    fn cannot_listen(&self, address: &Address, error: io::Error) -> ListenError {
        ListenError::new(self.run.node.path(), address, error)
    }

    /// Returns the app's meter.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.place().meter
    }

    /// Adds a value to the service's [`Status`](crate::Status), looked at whenever somebody asks for the status.
    pub fn inspect<T>(&self, name: impl Into<String>, look: impl Fn() -> T + Send + Sync + 'static)
    where
        T: Serialize + Send + Sync + 'static,
    {
        self.run.node.inspect(&self.run, Inspection::new(name.into(), look));
    }

    /// Returns the requests to reload (SIGHUP) that come from now on.
    ///
    /// Once a service has asked for them, SIGHUP no longer stops the process.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        Reloads::new(self.app().root().scope)
    }

    /// Returns a handle on the app, or the group, that this service is in.
    #[must_use]
    pub fn app(&self) -> Handle {
        Handle::new(Arc::clone(&self.run.scope))
    }

    /// Starts a service as a child of this one: named `parent/child`, stopped before its parent's end.
    ///
    /// For the rest it is as [`Handle::start`].
    pub fn start(&self, name: impl Into<String>, service: impl Service) -> Started {
        Handle::new(Arc::clone(&self.run.scope)).start_child(Some(self.run.key), name.into(), service)
    }

    fn place(&self) -> &Place {
        self.run.scope.place().expect("a context exists only while its app runs")
    }
}

/// [`Context::get`] has no answer.
#[derive(Debug)]
pub struct GetError(GetErrorKind);

#[derive(Debug)]
enum GetErrorKind {
    NotProvided(NotProvided),
    Gone(Gone),
}

impl GetError {
    fn not_provided(error: NotProvided) -> Self {
        Self(GetErrorKind::NotProvided(error))
    }

    /// Tells whether no service provides the type.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(&self.0, GetErrorKind::NotProvided(error) if error.paths.is_empty())
    }

    /// Tells whether more than one service provides the type.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(&self.0, GetErrorKind::NotProvided(error) if !error.paths.is_empty())
    }

    /// Tells whether the resource has stopped or failed.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.0, GetErrorKind::Gone(_))
    }
}

impl std::error::Error for GetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            GetErrorKind::NotProvided(_) => None,
            GetErrorKind::Gone(gone) => Some(gone),
        }
    }
}

impl std::fmt::Display for GetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            GetErrorKind::Gone(_) => f.write_str("the resource of this type cannot be had"),
            GetErrorKind::NotProvided(NotProvided { type_name, paths }) if paths.is_empty() => {
                write!(f, "no service provides a `{type_name}`; register the driver of a `resource(..)` of that type")
            }
            GetErrorKind::NotProvided(NotProvided { type_name, paths }) => write!(
                f,
                "{} services provide a `{type_name}` ({}); pass the `Resource` handle of the one you mean",
                paths.len(),
                paths.join(", ")
            ),
        }
    }
}
