//! A proxy for TCP that does to connections what networks do.

mod relay;

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use misc_core::{Address, BoxError, Context, Service};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::sleep,
};

use self::relay::relay;
use crate::clock::{Clock, in_time};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long the proxy rests when it cannot accept, for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(10);

/// Passes TCP connections on to an upstream, and spoils them as [`Faults`] says.
///
/// It is a service, on a port of its own on the loopback interface: in the app under test, in another one, or started
/// through [`Handle::start`](misc_core::Handle::start). As long as no fault is set it passes on bytes, the end of each
/// direction and resets as they come; a connection that the upstream refuses is reset.
///
/// Its sockets are real: on a paused clock it fails to start, and says so.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, Listener};
/// use misc_test::{FaultProxy, TestApp};
/// use std::io::ErrorKind;
/// use tokio::{io::AsyncReadExt, net::TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn idle(ctx: Context) -> Result<(), misc_core::BoxError> {
/// #     let mut incoming = ctx.listen(&"127.0.0.1:80".into()).await?;
/// #     let mut open = Vec::new();
/// #     ctx.ready();
/// #     while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
/// #         open.push(accepted?.0.await?);
/// #     }
/// #     Ok(())
/// # }
/// let app = TestApp::start(App::new("shop").service("db", idle)).await;
/// let (proxy, faults) = FaultProxy::new(app.address("db").await);
/// app.handle().start("proxy", proxy).await?;
///
/// let mut client = TcpStream::connect(faults.address()).await?;
/// faults.until_connections(1).await;
/// faults.cut();
/// assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
///
/// faults.refuse().await;
/// assert_eq!(TcpStream::connect(faults.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
/// app.stop().await.assert_ok();
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a proxy does nothing until it is registered"]
pub struct FaultProxy {
    upstream: Address,
    shared: Arc<Shared>,
}

/// What a [`FaultProxy`] does to its connections. Clones are the same.
///
/// A fault concerns every connection, and stays until [`heal`](Self::heal); [`cut`](Self::cut) and
/// [`half_close`](Self::half_close) happen once, to those that are open.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    /// Bound, and never listening: the port stays ours while connections are refused.
    _reserved: TcpSocket,
    weather: watch::Sender<Weather>,
    door: watch::Sender<Door>,
    connections: watch::Sender<usize>,
}

/// What to do to connections, at the moment.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    delay: Duration,
    /// So many bytes, once in this time.
    trickle: Option<(usize, Duration)>,
    refuses: bool,
    cuts: u64,
    half_closes: u64,
}

/// Whether clients can come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Refusing,
    /// The proxy does not run.
    Absent,
}

impl FaultProxy {
    /// Creates a proxy to an upstream `host:port`, with the handle on its faults.
    ///
    /// Its port is chosen now, so [`Faults::address`] is known before anything starts; connections are refused until the
    /// proxy runs.
    ///
    /// # Panics
    /// When the system has no port left.
    pub fn new(upstream: impl Into<Address>) -> (Self, Faults) {
        let (address, reserved) = reserve().expect("a port on the loopback interface");
        let shared = Arc::new(Shared {
            address,
            _reserved: reserved,
            weather: watch::Sender::default(),
            door: watch::Sender::new(Door::Absent),
            connections: watch::Sender::new(0),
        });
        (Self { upstream: upstream.into(), shared: Arc::clone(&shared) }, Faults { shared })
    }

    async fn serve(&self, listener: &TcpListener, ctx: &Context) {
        match listener.accept().await {
            Ok((client, _)) => {
                let (upstream, shared) = (self.upstream.clone(), Arc::clone(&self.shared));
                let weather = shared.weather.subscribe();
                // Before it is counted: whoever has seen the count may cut it.
                let before = *weather.borrow();
                let counted = Counted::new(shared);
                ctx.spawn_until_stopping(async move {
                    carry(client, &upstream, weather, before).await;
                    drop(counted);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the fault proxy cannot accept a connection; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

impl Service for FaultProxy {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        if Clock::now() == Clock::Paused {
            return Err("a fault proxy has real sockets, and with these a paused clock fires every deadline while bytes \
                        are on their way: use it in a test with the real clock (`#[tokio::test]` without `start_paused`)"
                .into());
        }
        let mut weather = self.shared.weather.subscribe();
        let mut listener = None;
        let _absent = AbsentOnDrop(&self.shared);
        loop {
            let refuses = weather.borrow_and_update().refuses;
            listener = match listener {
                _ if refuses => None,
                Some(open) => Some(open),
                None => Some(self.shared.listen()?),
            };
            let door = if refuses { Door::Refusing } else { Door::Open };
            if self.shared.door.send_replace(door) == Door::Absent {
                ctx.publish(self.shared.address.into());
                ctx.ready();
            }
            tokio::select! {
                biased;
                () = ctx.stopping() => return Ok(()),
                // Cannot fail: `self` holds the sender.
                _ = weather.changed() => {}
                () = async {
                    match &listener {
                        Some(listener) => self.serve(listener, &ctx).await,
                        None => pending().await,
                    }
                } => {}
            }
        }
    }
}

impl Faults {
    /// Returns the address of the proxy, for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Holds whatever comes, and the end of it, for this long before it is passed on, in both directions.
    ///
    /// What comes meanwhile waits for its turn, so this is a slow network rather than a far one.
    pub fn delay(&self, time: Duration) {
        self.change(|weather| weather.delay = time);
    }

    /// Passes on no more than so many bytes (at least 1) at a time, in both directions.
    pub fn trickle(&self, bytes: usize, every: Duration) {
        self.change(|weather| weather.trickle = Some((bytes.max(1), every)));
    }

    /// Resets all open connections, for the client and for the upstream.
    ///
    /// They are those that the proxy has accepted: let a client that has just connected wait for
    /// [`until_connections`](Self::until_connections), or for an answer, first.
    pub fn cut(&self) {
        self.change(|weather| weather.cuts += 1);
    }

    /// Ends what the upstream sends on all open connections: their clients read an end.
    ///
    /// What clients send still arrives, and what the upstream goes on to send is lost. Which connections are open is as
    /// for [`cut`](Self::cut).
    pub fn half_close(&self) {
        self.change(|weather| weather.half_closes += 1);
    }

    /// Refuses connections until [`heal`](Self::heal); those that are open go on. Returns once it is so.
    ///
    /// # Cancel safety
    /// Weak: dropped, the proxy may go on to refuse.
    pub async fn refuse(&self) {
        self.change(|weather| weather.refuses = true);
        self.until_door_is_not(Door::Open).await;
    }

    /// Ends every fault: connections are accepted, on the same port, and passed on as they are. Returns once it is so.
    ///
    /// What is held back by a delay goes on at once. A connection that was cut, or half of it, stays so.
    ///
    /// # Cancel safety
    /// Weak: dropped, the proxy may go on to heal.
    pub async fn heal(&self) {
        self.change(|weather| {
            *weather = Weather { cuts: weather.cuts, half_closes: weather.half_closes, ..Weather::default() }
        });
        self.until_door_is_not(Door::Refusing).await;
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Waits until so many connections are open, or more.
    ///
    /// # Panics
    /// When they are not after 10 s; and for 0, which waits for nothing: see [`until_idle`](Self::until_idle).
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until_connections(&self, count: usize) {
        assert!(count > 0, "0 connections are open at any time: to wait until none is, use `until_idle`");
        self.until(|open| open >= count, &count.to_string()).await;
    }

    /// Waits until no connection is open.
    ///
    /// # Panics
    /// When one still is after 10 s.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn until_idle(&self) {
        self.until(|open| open == 0, "none").await;
    }

    async fn until(&self, enough: impl Fn(usize) -> bool, wanted: &str) {
        let mut connections = self.shared.connections.subscribe();
        let patience = Clock::now().patience();
        let in_time = in_time(patience, connections.wait_for(|open| enough(*open))).await.is_some();
        assert!(
            in_time,
            "the fault proxy has {} open connections after {patience:?}, not {wanted}",
            self.connections()
        );
    }

    fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.shared.weather.send_modify(change);
    }

    async fn until_door_is_not(&self, other: Door) {
        // Cannot fail: `self` holds the sender.
        drop(self.shared.door.subscribe().wait_for(|door| *door != other).await);
    }
}

impl Shared {
    fn listen(&self) -> io::Result<TcpListener> {
        let socket = shared_socket()?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

/// Says that the proxy does not run any more.
struct AbsentOnDrop<'a>(&'a Shared);

impl Drop for AbsentOnDrop<'_> {
    fn drop(&mut self) {
        self.0.door.send_replace(Door::Absent);
    }
}

/// Counts a connection while it lives.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.connections.send_modify(|open| *open += 1);
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.send_modify(|open| *open -= 1);
    }
}

/// Carries one connection to its end, or until it is cut; `before` was when it came.
async fn carry(mut client: TcpStream, upstream: &Address, mut weather: watch::Receiver<Weather>, before: Weather) {
    let (relayed_by, mut connected) = (weather.clone(), None);
    let relayed = async {
        let upstream = TcpStream::connect(upstream.to_string()).await?;
        relay(&mut client, connected.insert(upstream), &relayed_by, before).await
    };
    let ended = tokio::select! {
        biased;
        _ = weather.wait_for(|weather| weather.cuts != before.cuts) => Err(io::ErrorKind::ConnectionReset.into()),
        ended = relayed => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %upstream, "the fault proxy resets a connection");
        for stream in std::iter::once(&client).chain(&connected) {
            // One that is gone already needs no reset.
            drop(stream.set_zero_linger());
        }
    }
}

/// Takes a port, in a way that a listener can share it.
fn reserve() -> io::Result<(SocketAddr, TcpSocket)> {
    let socket = shared_socket()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok((socket.local_addr()?, socket))
}

/// Makes a socket that may share its port with another one of this process.
fn shared_socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuseport(true)?;
    // What is called so on Windows does the same.
    #[cfg(windows)]
    socket.set_reuseaddr(true)?;
    Ok(socket)
}
