//! The endpoint that Prometheus scrapes.

mod negotiate;

use std::{
    convert::Infallible,
    fmt,
    io::Write as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY},
};
use http_body::{Frame, SizeHint};
use tokio::{runtime::Handle, sync::Mutex};

use crate::{
    encode::Format,
    registry::{Inner, Registry},
};

/// Up to how many lines are written on the worker thread that serves the request: some 40 us as plain text, and 600 us
/// as compressed `OpenMetrics`.
const INLINE_LINES: usize = 2_000;
/// From how many bytes on it is worth to compress.
const GZIP_FROM: usize = 1_024;

/// Answers scrapes: a tower service for HTTP requests on any path, by [`Registry::endpoint`].
///
/// It answers GET and HEAD, in the text format of Prometheus or in `OpenMetrics`, as `Accept` asks for, and compresses
/// more than 1 KiB where `Accept-Encoding` has gzip. More than 2,000 lines are written on a thread for blocking work;
/// of what callbacks give ([`Registry::collect`]), as many count as there were at the last scrape. One page is made at a
/// time, for all who asked for its kind before it was begun; so however many come at once, at most two are made of each
/// kind.
///
/// # Examples
/// ```
/// use http::Request;
/// use misc_metrics::Registry;
/// use tower_service::Service as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let metrics = Registry::new("shop");
/// metrics.counter("orders_total", "Orders taken.")?;
/// let response = metrics.endpoint().call(Request::get("/metrics").body(())?).await?;
/// assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Endpoint {
    scrapes: Arc<Scrapes>,
}

impl Endpoint {
    pub(crate) fn new(registry: &Registry) -> Self {
        let registry = Arc::clone(&registry.0);
        let scrapes = Scrapes { registry, clock: 0.into(), waiting: 0.into(), turn: Arc::default() };
        Self { scrapes: Arc::new(scrapes) }
    }
}

impl<B> tower_service::Service<Request<B>> for Endpoint {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let is_head = *request.method() == Method::HEAD;
        if !is_head && *request.method() != Method::GET {
            return ResponseFuture(Box::pin(std::future::ready(not_allowed())));
        }
        let scrapes = Arc::clone(&self.scrapes);
        let wanted = Wanted::of(request.headers());
        ResponseFuture(Box::pin(async move {
            scrapes.page(wanted).await.map_or_else(unavailable, |page| response(page, wanted.format, is_head))
        }))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// The answer of an [`Endpoint`].
///
/// # Cancel safety
/// Strict.
#[must_use = "futures do nothing unless they are polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<Body>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// The body of an [`Endpoint`]'s response: bytes that are all there.
#[derive(Debug, Clone, Default)]
pub struct Body(Bytes);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }
}

fn not_allowed() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn unavailable() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

fn response(page: Page, format: Format, is_head: bool) -> Response<Body> {
    let length = HeaderValue::from(page.bytes.len());
    let mut response = Response::new(Body(if is_head { Bytes::new() } else { page.bytes }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if page.is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    format: Format,
    gzip: bool,
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Self {
        Self { format: negotiate::format(headers), gzip: negotiate::gzip(headers) }
    }
}

/// Makes one page at a time, each for all who wait for it.
struct Scrapes {
    registry: Arc<Inner>,
    /// Orders arrivals and beginnings.
    clock: AtomicU64,
    waiting: AtomicUsize,
    turn: Arc<Mutex<Vec<Made>>>,
}

/// The latest page of its kind, kept while somebody waits.
struct Made {
    wanted: Wanted,
    began: u64,
    page: Page,
}

/// What is sent.
#[derive(Clone)]
struct Page {
    bytes: Bytes,
    is_gzip: bool,
}

impl Scrapes {
    /// Returns a page that was begun after now; none when the runtime shuts down and takes no work any more.
    async fn page(self: Arc<Self>, wanted: Wanted) -> Option<Page> {
        let waiting = Waiting::new(&self);
        let arrived = self.clock.fetch_add(1, SeqCst);
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(made) = turn.iter().find(|made| made.wanted == wanted && made.began > arrived) {
            return Some(made.page.clone());
        }
        let began = self.clock.fetch_add(1, SeqCst);
        let registry = Arc::clone(&self.registry);
        let is_large = registry.lines() > INLINE_LINES;
        // It takes its turn along: should nobody wait for it any more, the next one still does. And it waits itself, so
        // that what it has made goes with the last of all.
        let make = move || {
            let page = Page::new(&registry, wanted);
            turn.retain(|made| made.wanted != wanted);
            turn.push(Made { wanted, began, page: page.clone() });
            drop(turn);
            drop(waiting);
            page
        };
        if is_large && Handle::try_current().is_ok() {
            tokio::task::spawn_blocking(make).await.ok()
        } else {
            Some(make())
        }
    }
}

/// Counts who waits for a page. The last one to go lets go of what was made.
struct Waiting(Arc<Scrapes>);

impl Waiting {
    fn new(scrapes: &Arc<Scrapes>) -> Self {
        scrapes.waiting.fetch_add(1, SeqCst);
        Self(Arc::clone(scrapes))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let was_last = self.0.waiting.fetch_sub(1, SeqCst) == 1;
        if was_last && let Ok(mut made) = self.0.turn.try_lock() {
            made.clear();
        }
    }
}

impl Page {
    fn new(registry: &Inner, wanted: Wanted) -> Self {
        let text = registry.encode(wanted.format);
        let gzip = || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
            encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).ok()
        };
        match (wanted.gzip && text.len() > GZIP_FROM).then(gzip).flatten() {
            Some(bytes) => Self { bytes: bytes.into(), is_gzip: true },
            None => Self { bytes: text.into(), is_gzip: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_page_that_nobody_takes_is_not_kept() {
        let registry = Registry::new("shop").series_limit(NonZeroUsize::new(2 * INLINE_LINES).unwrap());
        let ids = registry.labels(["id"]).gauge("level", "Level.").unwrap();
        (0..=INLINE_LINES).for_each(|id| ids.with([id.to_string()]).set(1.0));
        let (go, gate) = mpsc::channel();
        let gate = std::sync::Mutex::new(gate);
        registry.collect(move |_| gate.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap());
        let scrapes = registry.endpoint().scrapes;
        {
            let mut given_up = Box::pin(Arc::clone(&scrapes).page(Wanted { format: Format::Text, gzip: false }));
            let poll = std::future::poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_ready())).await;
            assert!(!poll, "it is made on another thread");
        }
        go.send(()).unwrap();
        // Whoever makes the page has a share in them until all is done.
        while Arc::strong_count(&scrapes) > 1 {
            tokio::task::yield_now().await;
        }
        assert!(scrapes.turn.lock().await.is_empty());
    }
}
