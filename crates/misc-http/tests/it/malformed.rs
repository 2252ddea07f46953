//! What no client should send: it is refused or ends the connection, and the server goes on.

use std::time::Duration;

use misc_http::Server;
use misc_test::TestApp;
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use tokio::runtime;

use crate::support::{Client, echo, start};

/// Sends bytes and the end of them; returns what has come back, and fails when that takes long.
async fn sends(app: &TestApp, bytes: &[u8]) -> String {
    let mut client = Client::connect(app).await;
    client.finish(bytes).await;
    let rest = tokio::time::timeout(Duration::from_secs(10), client.rest()).await;
    let rest = rest.unwrap_or_else(|_| panic!("the server hangs at {:?}", String::from_utf8_lossy(bytes)));
    String::from_utf8_lossy(&rest).into_owned()
}

/// Returns the status of each answer.
fn statuses(answers: &str) -> Vec<u16> {
    // A body has no line end, so that the next answer begins anywhere.
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head[2..5].parse().expect("a status")).collect()
}

#[tokio::test]
async fn nonsense_is_a_4xx_or_the_end() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000));
    let cases: &[&[u8]] = &[
        b"\0",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GE\0T / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"G ET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"(GET) / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nho\0st: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\0y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\rx: y\r\n\r\n",
        b"GET / HTTP/3.0\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.11\r\nhost: x\r\n\r\n",
        b"GET / http/1.1\r\nhost: x\r\n\r\n",
        b"GET /\r\n",
        b"GET /\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nbody!",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        // The hello of TLS 1.2, in front.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
        long.as_bytes(),
    ];
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    for bytes in cases {
        let answers = sends(&app, bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(statuses(&answers).iter().all(|status| (400..500).contains(status)), "{shown:?}: {answers}");
    }
    assert_eq!(Client::connect(&app).await.get("/fine").await.text(), "/fine");
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn bytes_behind_two_lengths_are_no_request() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    // RFC 9112, 6.1 and 6.3: with both of them, it is refused or the connection ends after it.
    let smuggled = "POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\ntransfer-encoding: chunked\r\n\r\n\
                    0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let answers = sends(&app, smuggled.as_bytes()).await;
    assert!(!answers.contains("/smuggled"), "{answers}");
    let garbage = "GET /one HTTP/1.1\r\nhost: x\r\n\r\ngarbage\r\n\r\n";
    assert_eq!(statuses(&sends(&app, garbage.as_bytes()).await), [200, 400]);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_chunk_that_is_too_large_or_none_fails_the_reading_of_a_body() {
    let read = async |request: http::Request<misc_http::Body>| {
        let body = http_body_util::BodyExt::collect(request.into_body()).await;
        http::Response::new(if body.is_ok() { "read".to_owned() } else { "failed".to_owned() })
    };
    let (app, _) = start(Server::new("127.0.0.1:0", read)).await;
    for chunks in
        ["ffffffffffffffffff\r\n", "fffffffffffffff0\r\nxx", "-1\r\n", "zz\r\n", "5\r\nhello", "5\r\nhelloXX0\r\n\r\n"]
    {
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        let answers = sends(&app, request.as_bytes()).await;
        assert!(!answers.contains("read"), "{chunks:?}: {answers}");
        assert!(statuses(&answers).iter().all(|status| *status < 500), "{chunks:?}: {answers}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_is_unusual_but_allowed_is_answered() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let cases = [
        ("\r\n\r\nGET /blank HTTP/1.1\r\nhost: x\r\n\r\n", vec![200]),
        ("GET http://x/absolute HTTP/1.1\r\nhost: x\r\n\r\n", vec![200]),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", vec![200]),
        ("GET /old HTTP/1.0\r\n\r\n", vec![200]),
        (
            "GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\nGET /c HTTP/1.1\r\nhost: x\r\n\r\n",
            vec![200; 3],
        ),
        (
            "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbodyGET /b HTTP/1.1\r\nhost: x\r\n\r\n",
            vec![200; 2],
        ),
        ("M-SEARCH / HTTP/1.1\r\nhost: x\r\n\r\n", vec![200]),
    ];
    for (request, expected) in cases {
        let answers = sends(&app, request.as_bytes()).await;
        assert_eq!(statuses(&answers), expected, "{request:?}: {answers}");
    }
    app.stop().await.assert_clean().await;
}

/// Something that was changed on its way.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let seeds = prop::sample::select(vec![
        &b"GET /a?b=c HTTP/1.1\r\nhost: x\r\naccept: */*\r\nconnection: keep-alive\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ntrailer: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01x",
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ]);
    let changes = prop::collection::vec((any::<Index>(), 0_u8..4, any::<u8>()), 0..8);
    (seeds, changes).prop_map(|(seed, changes)| {
        let mut bytes = seed.to_vec();
        for (at, what, byte) in changes {
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    })
}

#[test]
fn no_change_of_a_request_hangs_or_breaks_the_server() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (app, handle) = runtime.block_on(start(Server::new("127.0.0.1:0", echo)));
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&mutated(), |bytes| {
        let answers = runtime.block_on(sends(&app, &bytes));
        prop_assert!(statuses(&answers).iter().all(|status| *status < 500), "{}", answers);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        crate::support::until(|| handle.connections() == 0).await;
        app.stop().await.assert_ok();
    });
}
