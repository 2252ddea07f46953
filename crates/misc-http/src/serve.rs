//! A connection from its handshake to its end, within its limits.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::rt::Executor;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use misc_core::{BoxError, Handshake, Stream};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tower_service::Service;
use tracing::{debug, error};

use crate::{
    body::Body,
    config::Config,
    connection::{Connection, State, Wait},
    exchange::{Exchanges, forget},
    io::Io,
    live::{Lease, Why},
    time::{FAR, later, poll_alarm},
};

/// Serves a connection until its end.
pub(crate) async fn serve<S, B>(
    handshake: Handshake,
    service: S,
    connection: Connection,
    config: Arc<Config>,
    lease: Lease,
) where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let Some(stream) = shake_hands(handshake, &connection, &config, &lease).await else {
        return;
    };
    let lease = Arc::new(lease);
    let io = TokioIo::new(Io::new(stream, connection.clone(), Arc::clone(&lease)));
    let exchanges = Exchanges::new(service, connection.clone(), Arc::clone(&config), Arc::clone(&lease));
    let protocol = protocol(&config, Streams(connection.clone()));
    let mut watch = Watch::new(connection.state(), &config);
    let mut requests = pin!(protocol.serve_connection_with_upgrades(io, exchanges));
    // Why it was told to go, unless the reason of its end is another one.
    let mut told = None;
    let note = |why| {
        if let Some(why) = why {
            lease.closed(why);
        }
    };
    let serving = connection.scope(poll_fn(|cx| {
        watch.register(cx.waker());
        loop {
            if let Poll::Ready(ended) = requests.as_mut().poll(cx) {
                note(told);
                return Poll::Ready(ended);
            }
            match watch.look(cx) {
                Verdict::GoOn => return Poll::Pending,
                Verdict::ShutDown(why) => {
                    told = why;
                    requests.as_mut().graceful_shutdown();
                }
                Verdict::Over(why) => {
                    note(why.or(told));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }));
    if let Err(error) = serving.await {
        debug!(peer = %connection.peer(), error, "a connection ended with an error");
    }
}

/// Lets a panic end the connection in which it happens, and nothing else: a task's panic is its service's failure, but
/// one request must not stop a server. What a handler panics with is caught earlier, so this is the body of a response.
pub(crate) async fn spare_others(connection: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    let caught = poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| connection.as_mut().poll(cx)));
        poll.map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
    });
    if let Err(panic) = caught.await {
        // The panic hook has told what and where.
        error!("a response panicked; its connection is closed, the others go on");
        forget(panic);
    }
}

fn protocol(config: &Config, streams: Streams) -> Builder<Streams> {
    /// The least that hyper takes.
    const LEAST: usize = 8 << 10;
    /// What hyper keeps room for without being told; anything else costs each request an allocation.
    const USUAL: usize = 100;
    let mut builder = Builder::new(streams);
    let head = config.header_size.get().max(LEAST);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder.http1().max_buf_size(head);
    if config.header_count.get() != USUAL {
        builder.http1().max_headers(config.header_count.get());
    }
    let http2 = &config.http2;
    builder.http2().timer(TokioTimer::new()).max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    builder.http2().max_concurrent_streams(http2.streams.get());
    builder.http2().max_pending_accept_reset_streams(http2.pending_resets.get());
    let every = http2.ping_interval.map(|every| every.min(FAR));
    builder.http2().keep_alive_interval(every).keep_alive_timeout(http2.ping_timeout.min(FAR));
    builder.http2().enable_connect_protocol();
    builder
}

/// Makes a connection ready to be served; a client that fails in this is gone.
async fn shake_hands(handshake: Handshake, connection: &Connection, config: &Config, lease: &Lease) -> Option<Stream> {
    let too_late = async {
        connection.draining().await;
        sleep(config.drain_idle).await;
    };
    let stream = tokio::select! {
        biased;
        stream = timeout(config.header_timeout, handshake) => stream,
        () = too_late => return None,
    };
    let stream = match stream {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(peer = %connection.peer(), %error, "a connection failed in its handshake");
            return None;
        }
        Err(_) => {
            lease.closed(Why::HeaderTimeout);
            return None;
        }
    };
    if let Some(tcp) = stream.tcp() {
        // Without it the last bytes of a response may wait for an acknowledgement; a failure costs only that.
        drop(tcp.set_nodelay(true));
    }
    Some(stream)
}

/// Runs what the requests of an HTTP/2 connection need, as tasks of the server.
#[derive(Clone)]
struct Streams(Connection);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let open = OpenStream::new(self.0.clone());
        let stream = self.0.scope(stream);
        let stream = async move {
            let state = open.0.state();
            let mut stream = pin!(stream);
            poll_fn(|cx| {
                let poll = stream.as_mut().poll(cx).map(drop);
                if poll.is_pending() && state.is_owing() {
                    // What waits for room in this stream alone is not seen by the connection.
                    state.wake();
                }
                poll
            })
            .await;
        };
        // Dropping the handle leaves the task running.
        drop(self.0.context().spawn(spare_others(stream)));
    }
}

/// Keeps a connection from being idle until it is dropped.
struct OpenStream(Connection);

impl OpenStream {
    fn new(connection: Connection) -> Self {
        connection.state().open_stream();
        Self(connection)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.state().close_stream();
    }
}

/// Watches how long a connection waits, and what its server asks of it.
///
/// It reads the clock, and sets a timer, only when none is set that goes off early enough: a request costs neither.
struct Watch<'a> {
    state: &'a State,
    config: &'a Config,
    wait: (Wait, u64),
    since: Instant,
    /// When it was told to go, or would have been.
    leaving_since: Option<Instant>,
    was_shut_down: bool,
    alarm: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

enum Verdict {
    GoOn,
    /// Ends after what is in flight; if that is worth a note, for this reason.
    ShutDown(Option<Why>),
    /// Ends at once, likewise.
    Over(Option<Why>),
}

impl<'a> Watch<'a> {
    fn new(state: &'a State, config: &'a Config) -> Self {
        let (wait, since) = (state.wait(), Instant::now());
        Self { state, config, wait, since, leaving_since: None, was_shut_down: false, alarm: None, waker: None }
    }

    /// Comes before the connection is looked at, so that no request of the server is missed.
    fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.state.register(waker);
            self.waker = Some(waker.clone());
        }
    }

    fn look(&mut self, cx: &mut TaskContext<'_>) -> Verdict {
        let wait = self.state.wait();
        if self.state.is_cut() {
            return Verdict::Over(matches!(wait.0, Wait::Work | Wait::Write).then_some(Why::Drain));
        }
        if self.state.is_draining() {
            self.leaving_since.get_or_insert_with(Instant::now);
            if self.state.is_http2() && !self.was_shut_down {
                self.was_shut_down = true;
                return Verdict::ShutDown(None);
            }
        }
        if wait != self.wait {
            (self.wait, self.since) = (wait, self.begun(wait.0));
        }
        let Some((end, why)) = self.end() else {
            return Verdict::GoOn;
        };
        // What is to be done when it goes off is seen then.
        if self.alarm.as_ref().is_some_and(|alarm| alarm.deadline() <= end && !alarm.is_elapsed()) {
            return Verdict::GoOn;
        }
        let now = Instant::now();
        if now < end {
            self.set_alarm(end, cx);
            return Verdict::GoOn;
        }
        if why == Some(Why::IdleTimeout) && self.state.is_http2() && !self.was_shut_down {
            // Its client may be about to ask, and is told what was processed (RFC 9113, 9.1).
            self.was_shut_down = true;
            (self.since, self.leaving_since) = (now, Some(now));
            return Verdict::ShutDown(why);
        }
        Verdict::Over(why)
    }

    /// Returns when a wait began that is another one than so far.
    fn begun(&self, wait: Wait) -> Instant {
        // A request ends when the connection has its response; a client that took it late is idle only since it has it.
        if wait == Wait::Idle && self.wait.0 != Wait::Write {
            return self.state.ended_at().max(self.since);
        }
        Instant::now()
    }

    /// Returns when the connection has waited for too long.
    fn end(&self) -> Option<(Instant, Option<Why>)> {
        let (limit, why) = match self.wait.0 {
            Wait::Work => return None,
            Wait::Write => return Some((later(self.since, self.config.write_timeout), Some(Why::WriteTimeout))),
            Wait::Head => (self.config.header_timeout, Why::HeaderTimeout),
            Wait::Idle => (self.config.idle_timeout, Why::IdleTimeout),
        };
        let end = (later(self.since, limit), Some(why));
        // A client whose response has ended just now was not told to close, and may be about to ask.
        let last = self.leaving_since.map(|since| (later(since.max(self.since), self.config.drain_idle), None));
        Some(last.filter(|last| last.0 < end.0).unwrap_or(end))
    }

    fn set_alarm(&mut self, end: Instant, cx: &mut TaskContext<'_>) {
        let alarm = match &mut self.alarm {
            Some(alarm) => {
                alarm.as_mut().reset(end);
                alarm
            }
            none => none.insert(Box::pin(sleep_until(end))),
        };
        if poll_alarm(alarm.as_mut(), cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
