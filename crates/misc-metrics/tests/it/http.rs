//! The endpoint, as a scraper sees it.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::HeaderMap};
use http_body::Body as _;
use misc_metrics::{Body, Endpoint, Registry};
use tokio::sync::Notify;
use tower_service::Service as _;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What Prometheus 3 sends.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;\
                          q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

fn shop() -> Registry {
    let metrics = Registry::new("shop");
    metrics.counter("orders", "Orders.").unwrap();
    metrics
}

async fn ask(endpoint: &Endpoint, method: Method, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri("/any/path");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    endpoint.clone().call(request.body("any body").unwrap()).await.unwrap()
}

async fn get(registry: &Registry, headers: &[(&str, &str)]) -> (HeaderMap, Bytes) {
    let response = ask(&registry.endpoint(), Method::GET, headers).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (head, body) = response.into_parts();
    let bytes = read(body).await;
    assert_eq!(head.headers["content-length"], bytes.len().to_string());
    (head.headers, bytes)
}

async fn read(mut body: Body) -> Bytes {
    assert!(body.size_hint().exact().is_some());
    let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
    let bytes = frame.map_or_else(Bytes::new, |frame| frame.unwrap().into_data().unwrap());
    assert!(body.is_end_stream());
    bytes
}

#[tokio::test]
async fn the_format_follows_accept() {
    let cases: &[(&[&str], &str)] = &[
        (&[], TEXT),
        (&["*/*"], TEXT),
        (&["text/plain"], TEXT),
        (&["Application/OpenMetrics-Text; version=1.0.0"], OPEN_METRICS),
        (&["application/openmetrics-text;q=0.5, Text/Plain"], TEXT),
        (&["text/html, image/png"], TEXT),
        (&[PROMETHEUS], OPEN_METRICS),
        (&["application/openmetrics-text"], OPEN_METRICS),
        (&["application/openmetrics-text; version=1.0.0; charset=utf-8"], OPEN_METRICS),
        (&["application/openmetrics-text; version=\"1.0.0\""], OPEN_METRICS),
        (&["application/openmetrics-text; version=0.0.1"], TEXT),
        (&["application/openmetrics-text; version=2.0.0"], TEXT),
        (&["application/openmetrics-text;q=0.5, text/plain;q=0.9"], TEXT),
        (&["text/plain;q=0.5, application/openmetrics-text;q=0.9"], OPEN_METRICS),
        (&["text/plain;q=0.5", "application/openmetrics-text;q=0.9"], OPEN_METRICS),
        (&["application/openmetrics-text, */*"], OPEN_METRICS),
        (&["application/openmetrics-text;q=0.2, */*;q=0.8"], TEXT),
        (&["application/openmetrics-text;q=0.5, text/*;q=0.4, */*;q=0.9"], OPEN_METRICS),
        (&["application/openmetrics-text;q=0"], TEXT),
        (&["application/openmetrics-text;q=0, text/plain;q=0"], TEXT),
        (&["application/openmetrics-text;q=much"], TEXT),
        (&[";;=,,q="], TEXT),
    ];
    for (accept, expected) in cases {
        let headers: Vec<_> = accept.iter().map(|value| ("accept", *value)).collect();
        let (headers, body) = get(&shop(), &headers).await;
        assert_eq!(headers["content-type"], *expected, "{accept:?}");
        assert_eq!(body.ends_with(b"# EOF\n"), *expected == OPEN_METRICS, "{accept:?}");
        assert_eq!(headers["vary"], "accept, accept-encoding");
    }
}

#[tokio::test]
async fn a_long_body_is_compressed_where_that_is_welcome() {
    let metrics = shop();
    let sent = metrics.labels(["channel"]).counter("sent", "Sent.").unwrap();
    (0..100).for_each(|channel| sent.with([channel.to_string()]).inc());
    let (headers, plain) = get(&metrics, &[]).await;
    assert!(!headers.contains_key("content-encoding"));
    for welcome in ["gzip", "deflate, gzip;q=0.5", "x-gzip", "*", "GZIP", "identity;q=0.5, gzip;q=0.5"] {
        let (headers, body) = get(&metrics, &[("accept-encoding", welcome)]).await;
        assert_eq!(headers["content-encoding"], "gzip", "{welcome}");
        assert!(body.len() < plain.len() / 2);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain, "{welcome}");
    }
    for unwelcome in ["", "deflate", "gzip;q=0", "*, gzip;q=0", "identity, gzip;q=0.5"] {
        let (headers, body) = get(&metrics, &[("accept-encoding", unwelcome)]).await;
        assert!(!headers.contains_key("content-encoding"), "{unwelcome}");
        assert_eq!(body, plain);
    }
}

#[tokio::test]
async fn a_short_body_is_not_compressed() {
    let (headers, _) = get(&shop(), &[("accept-encoding", "gzip")]).await;
    assert!(!headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn head_has_the_head_of_get() {
    let metrics = shop();
    let (expected, _) = get(&metrics, &[("accept", PROMETHEUS)]).await;
    let response = ask(&metrics.endpoint(), Method::HEAD, &[("accept", PROMETHEUS)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*response.headers(), expected);
    assert_eq!(read(response.into_body()).await, "");
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&shop().endpoint(), method, &[]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        assert_eq!(read(response.into_body()).await, "");
    }
}

#[tokio::test]
async fn many_series_are_written_on_another_thread() {
    let metrics = Registry::new("shop");
    let ids = metrics.labels(["id"]).gauge("level", "Level.").unwrap();
    let here = std::thread::current().id();
    metrics.collect(move |out| {
        out.gauge("elsewhere", "Elsewhere.", &[], f64::from(u8::from(std::thread::current().id() != here)));
    });
    let elsewhere = async |metrics: &Registry| {
        let (_, body) = get(metrics, &[]).await;
        String::from_utf8(body.to_vec()).unwrap().contains("shop_elsewhere 1\n")
    };
    assert!(!elsewhere(&metrics).await);
    // With the one that is collected they are 2,000.
    (1..2_000).for_each(|id| ids.with([id.to_string()]).set(1.0));
    assert!(!elsewhere(&metrics).await);
    ids.with(["2000"]).set(1.0);
    assert!(elsewhere(&metrics).await);
}

#[tokio::test]
async fn what_callbacks_give_counts_from_the_second_scrape_on() {
    let metrics = Registry::new("shop");
    let here = std::thread::current().id();
    let elsewhere = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&elsewhere);
    metrics.collect(move |out| {
        seen.store(std::thread::current().id() != here, Relaxed);
        (0..2_001).for_each(|id: u32| out.gauge("level", "Level.", &[("id", &id.to_string())], 1.0));
    });
    for expected in [false, true, true] {
        let (_, body) = get(&metrics, &[]).await;
        assert_eq!(elsewhere.load(Relaxed), expected);
        assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 2 + 2_001, "all of it is written");
    }
}

#[tokio::test]
async fn scrapes_that_come_at_once_share_a_page_that_is_begun_after_them() {
    let metrics = large();
    let (begun, scrapes) = (Arc::new(Notify::new()), Arc::new(std::sync::Mutex::new(0)));
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(receiver);
    let (tell, count) = (Arc::clone(&begun), Arc::clone(&scrapes));
    metrics.collect(move |_| {
        *count.lock().unwrap() += 1;
        tell.notify_one();
        gate.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
    });
    let endpoint = metrics.endpoint();
    let ask = |endpoint: &Endpoint| {
        let endpoint = endpoint.clone();
        async move { read(ask(&endpoint, Method::GET, &[]).await.into_body()).await }
    };
    let first = ask(&endpoint);
    let rest = async {
        begun.notified().await;
        let all = (0..50).map(|_| ask(&endpoint));
        let mut all: Vec<_> = all.map(Box::pin).collect();
        // Each is in the line before the first page is done.
        for one in &mut all {
            assert!(futures_poll(one.as_mut()).await.is_none());
        }
        sender.send(()).unwrap();
        sender.send(()).unwrap();
        for one in all {
            assert!(one.await.len() > 1_000);
        }
    };
    tokio::join!(first, rest);
    assert_eq!(*scrapes.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_scrape_that_is_given_up_does_not_run_beside_the_next() {
    let metrics = large();
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(receiver);
    let running = std::sync::Mutex::new(());
    metrics.collect(move |_| {
        let _alone = running.try_lock().unwrap();
        tell.notify_one();
        gate.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
    });
    let endpoint = metrics.endpoint();
    let mut given_up = Box::pin(ask(&endpoint, Method::GET, &[]));
    assert!(futures_poll(given_up.as_mut()).await.is_none());
    begun.notified().await;
    drop(given_up);
    let mut next = Box::pin(ask(&endpoint, Method::GET, &[]));
    assert!(futures_poll(next.as_mut()).await.is_none());
    sender.send(()).unwrap();
    sender.send(()).unwrap();
    assert_eq!(next.await.status(), StatusCode::OK);
}

/// A registry that is written on another thread, so that a callback that waits does not hold up the test.
fn large() -> Registry {
    let metrics = Registry::new("shop");
    let ids = metrics.labels(["id"]).gauge("level", "Level.").unwrap();
    let others = metrics.labels(["id"]).gauge("other", "Other.").unwrap();
    (0..1_500).for_each(|id: u32| {
        ids.with([id.to_string()]).set(1.0);
        others.with([id.to_string()]).set(1.0);
    });
    metrics
}

/// Polls once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
