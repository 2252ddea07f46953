//! Request ids.

use std::{collections::HashSet, thread};

use http::{HeaderMap, HeaderValue, Response};
use misc_http::{RequestId, trace::inject};

use super::{ask, get, header, plain};

/// Sends a request with an id; returns what the handler and the client got.
async fn exchange(id: Option<HeaderValue>) -> (String, String) {
    let mut request = get("/");
    if let Some(id) = id {
        request.headers_mut().insert("x-request-id", id);
    }
    let response =
        ask(plain(), request, async |_| Response::new(RequestId::current().expect("an id").to_string())).await;
    let returned = header(&response, "x-request-id").to_owned();
    (super::text(response).await, returned)
}

#[tokio::test]
async fn a_request_without_an_id_gets_one() {
    let (seen, returned) = exchange(None).await;
    assert_eq!(seen, returned);
    assert_eq!(seen.len(), 24, "{seen}");
    assert!(seen.bytes().all(|byte| byte.is_ascii_hexdigit()), "{seen}");
    assert_ne!(seen, exchange(None).await.0);
}

#[tokio::test]
async fn a_sane_id_is_kept() {
    for id in ["a", "b9f0-4711", "!#$%&'*+-.^_`|~\"{}", &"x".repeat(128)] {
        let (seen, returned) = exchange(Some(HeaderValue::from_str(id).expect("valid"))).await;
        assert_eq!((&*seen, &*returned), (id, id));
    }
}

#[tokio::test]
async fn a_hostile_id_is_replaced() {
    for id in [b"".as_slice(), b"two words", b"tab\there", b"caf\xc3\xa9", b"\xff", &[b'x'; 129]] {
        let (seen, returned) = exchange(Some(HeaderValue::from_bytes(id).expect("valid"))).await;
        assert_eq!(seen, returned);
        assert_ne!(seen.as_bytes(), id);
        assert_eq!(seen.len(), 24, "{seen}");
    }
}

#[tokio::test]
async fn the_id_that_a_handler_sets_does_not_hide_that_of_the_request() {
    let response = ask(plain(), get("/"), async |_| {
        let mut response = Response::new(String::new());
        response.headers_mut().append("x-request-id", HeaderValue::from_static("one"));
        response.headers_mut().append("x-request-id", HeaderValue::from_static("two"));
        response
    })
    .await;
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
    assert_eq!(header(&response, "x-request-id").len(), 24);
}

#[tokio::test]
async fn an_id_is_sent_on() {
    let mut request = get("/");
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("abc"));
    let mut sent = HeaderMap::new();
    ask(plain(), request, async |_| {
        inject(&mut sent);
        Response::new(String::new())
    })
    .await;
    assert_eq!(sent["x-request-id"], "abc");
}

#[tokio::test]
async fn a_request_within_a_request_has_an_id_of_its_own() {
    let inner = async |_| Response::new(RequestId::current().expect("an id").to_string());
    let response = ask(plain(), get("/"), async |_| {
        let before = RequestId::current();
        let response = ask(plain(), get("/"), inner).await;
        assert_eq!(RequestId::current(), before);
        assert_ne!(super::text(response).await, before.expect("an id").as_str());
        Response::new(String::new())
    })
    .await;
    assert_eq!(response.status(), 200);
    assert_eq!(RequestId::current(), None);
}

#[test]
fn ids_of_many_threads_differ() {
    let many = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut ids = Vec::new();
            for _ in 0..1_000 {
                ids.push(exchange(None).await.0);
            }
            ids
        })
    };
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(many)).collect();
    let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(ids.len(), 8_000);
}
