//! One connection, as its handlers see it, and what its server knows of it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use misc_core::{Address, Context};
use tokio::{sync::Notify, time::Instant};

tokio::task_local! {
    static CURRENT: Connection;
}

/// The connection that a request came on.
///
/// A handler gets it as an extractor of axum (feature `axum`), or from [`current`](Self::current). It costs a request
/// nothing until it is asked for.
///
/// # Examples
/// ```
/// use misc_http::Connection;
///
/// async fn whoami() -> String {
///     match Connection::current() {
///         Some(connection) => connection.peer().to_string(),
///         None => "no server".to_owned(),
///     }
/// }
/// # drop(whoami());
/// ```
#[derive(Clone)]
pub struct Connection(Arc<State>);

impl Connection {
    pub(crate) fn new(peer: Address, ctx: Context) -> Self {
        Self(Arc::new(State {
            peer,
            peer_text: OnceLock::new(),
            ctx,
            request: AtomicU8::new(GO_ON),
            in_flight: AtomicU32::new(0),
            ended: AtomicU64::new(0),
            ended_at: AtomicU64::new(0),
            began: Instant::now(),
            is_http2: AtomicBool::new(false),
            streams: AtomicU32::new(0),
            owed: AtomicU32::new(0),
            is_upgraded: AtomicBool::new(false),
            has_read: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            written: AtomicU64::new(0),
            waker: Mutex::default(),
            writer: Mutex::default(),
            cut: Notify::new(),
        }))
    }

    /// Returns the connection that the current request came on; `None` outside of a handler, and in a task that a
    /// handler has spawned.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns the address of the client, or of the proxy in front of it.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.0.peer
    }

    /// The IP address of the peer, as it is logged.
    pub(crate) fn peer_text(&self) -> Option<&str> {
        let text = || Some(self.0.peer.ip()?.ip().to_string().into());
        self.0.peer_text.get_or_init(text).as_deref()
    }

    /// Waits until the server shall stop: for responses without an end, such as events, and for upgraded connections, which
    /// should end soon after. What does not is cut at the server's stop bound.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn draining(&self) {
        self.0.ctx.stopping().await;
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.ctx
    }

    pub(crate) fn state(&self) -> &State {
        &self.0
    }

    pub(crate) fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

const GO_ON: u8 = 0;
const DRAIN: u8 = 1;
const CUT: u8 = 2;

/// What the parts of one connection tell each other. They run in one task, but for HTTP/2 and what was upgraded.
pub(crate) struct State {
    peer: Address,
    /// Its IP address as text, once somebody has asked.
    peer_text: OnceLock<Option<Box<str>>>,
    ctx: Context,
    /// What the server wants of the connection.
    request: AtomicU8,
    in_flight: AtomicU32,
    /// How many requests have been answered.
    ended: AtomicU64,
    /// When the last one was, in nanoseconds after the connection began.
    ended_at: AtomicU64,
    began: Instant,
    is_http2: AtomicBool,
    /// How many tasks HTTP/2 has: one for each request, and one for each stream that was upgraded.
    streams: AtomicU32,
    /// How many parts of responses HTTP/2 holds, until their client makes room for them.
    owed: AtomicU32,
    is_upgraded: AtomicBool,
    /// Bytes have come that belong to no request so far.
    has_read: AtomicBool,
    /// The client takes nothing at the moment.
    is_blocked: AtomicBool,
    /// Grows when the client takes something that it was waited for.
    written: AtomicU64,
    /// The task that looks after the connection; of an upgraded one, the task that reads.
    waker: Mutex<Option<Waker>>,
    /// The task that writes to an upgraded connection, which may be another one.
    writer: Mutex<Option<Waker>>,
    /// Wakes the handlers that outlive their client.
    cut: Notify,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A handler, or the next part of a body.
    Work,
    /// The head of a request, which has begun, or is the first.
    Head,
    /// The next request.
    Idle,
    /// The client, which has to take what is there.
    Write,
}

impl State {
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.has_read.store(false, Relaxed);
    }

    pub(crate) fn end(&self, now: Instant) {
        let at = now.saturating_duration_since(self.began).as_nanos();
        self.ended_at.fetch_max(u64::try_from(at).unwrap_or(u64::MAX), Relaxed);
        self.ended.fetch_add(1, Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
        self.settle();
    }

    pub(crate) fn open_stream(&self) {
        self.streams.fetch_add(1, Relaxed);
    }

    pub(crate) fn close_stream(&self) {
        self.streams.fetch_sub(1, Relaxed);
        self.settle();
    }

    /// Has the connection looked at once nothing goes on any more: on HTTP/2 that happens in other tasks.
    fn settle(&self) {
        if self.is_http2() && !self.is_at_work() {
            self.wake();
        }
    }

    fn is_at_work(&self) -> bool {
        self.in_flight() > 0 || self.streams.load(Relaxed) > 0
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Returns when the last request was answered.
    pub(crate) fn ended_at(&self) -> Instant {
        self.began + Duration::from_nanos(self.ended_at.load(Relaxed))
    }

    pub(crate) fn set_http2(&self) {
        self.is_http2.store(true, Relaxed);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// Notes that HTTP/2 has one more part of a response to send.
    pub(crate) fn owe(&self) {
        self.owed.fetch_add(1, Relaxed);
    }

    /// Notes that such a part has gone, or is not wanted any more.
    pub(crate) fn owe_no_more(&self) {
        self.owed.fetch_sub(1, Relaxed);
    }

    pub(crate) fn is_owing(&self) -> bool {
        self.owed.load(Relaxed) > 0
    }

    /// Notes that so many bytes of such a part have gone.
    pub(crate) fn note_sent(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes that bytes have come.
    pub(crate) fn note_read(&self) {
        if self.in_flight() == 0 {
            self.has_read.store(true, Relaxed);
        }
    }

    /// Notes that so many bytes have gone; `None` if the client takes nothing.
    pub(crate) fn note_written(&self, bytes: Option<usize>) {
        match bytes {
            None => self.is_blocked.store(true, Relaxed),
            Some(bytes) if self.is_blocked.load(Relaxed) => {
                self.is_blocked.store(false, Relaxed);
                self.written.fetch_add(bytes as u64, Relaxed);
            }
            Some(_) => {}
        }
    }

    /// Returns what the connection waits for, with a number that changes when it was something else in between.
    pub(crate) fn wait(&self) -> (Wait, u64) {
        let ended = self.ended.load(Relaxed);
        if self.is_blocked.load(Relaxed) || self.is_owing() {
            (Wait::Write, self.written.load(Relaxed))
        } else if self.is_at_work() {
            (Wait::Work, ended)
        } else if !self.is_http2() && (ended == 0 || self.has_read.load(Relaxed)) {
            (Wait::Head, ended)
        } else {
            (Wait::Idle, ended)
        }
    }

    pub(crate) fn set_upgraded(&self) {
        self.is_upgraded.store(true, Relaxed);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.is_upgraded.load(Relaxed)
    }

    /// Asks the connection to end after what is in flight.
    pub(crate) fn drain(&self) {
        self.ask(DRAIN);
    }

    /// Asks the connection to end at once.
    pub(crate) fn cut(&self) {
        self.ask(CUT);
        self.cut.notify_waiters();
    }

    /// Waits until the connection shall end at once.
    pub(crate) async fn when_cut(&self) {
        loop {
            let cut = self.cut.notified();
            if self.is_cut() {
                return;
            }
            cut.await;
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.request.load(Relaxed) >= DRAIN
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.request.load(Relaxed) == CUT
    }

    /// Has the task woken that looks after the connection, when the server asks something of it.
    pub(crate) fn register(&self, waker: &Waker) {
        keep(&self.waker, waker);
    }

    /// Does the same for the task that writes to an upgraded connection.
    pub(crate) fn register_writer(&self, waker: &Waker) {
        keep(&self.writer, waker);
    }

    /// Has the connection looked at.
    pub(crate) fn wake(&self) {
        wake(&self.waker);
    }

    fn ask(&self, request: u8) {
        self.request.fetch_max(request, Relaxed);
        self.wake();
        wake(&self.writer);
    }
}

fn keep(slot: &Mutex<Option<Waker>>, waker: &Waker) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *slot {
        Some(known) => known.clone_from(waker),
        none => *none = Some(waker.clone()),
    }
}

fn wake(slot: &Mutex<Option<Waker>>) {
    // The lock orders this after a registration that has not seen what there is to see.
    let waker = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(waker) = waker {
        waker.wake();
    }
}
