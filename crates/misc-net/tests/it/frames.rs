//! Connections of frames.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use misc_core::{App, Phase};
use misc_net::{
    codec::{Decoder, Encoder, LinesCodec, LinesCodecError},
    tcp::{Peer, Server},
};
use misc_test::{Logs, Metrics, TestApp};
use proptest::prelude::*;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    sync::Semaphore,
    time::sleep,
};

use crate::support::{check, check_closed, check_comes};

#[tokio::test(start_paused = true)]
async fn frames_are_handled_and_answered_in_order() {
    // The earlier, the slower.
    let handler = async |line: String, _: Peer| {
        let number: u64 = line.parse()?;
        sleep(Duration::from_millis(100 - number)).await;
        Ok((!number.is_multiple_of(3)).then_some(line))
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    let lines: String = (0..100).map(|number| format!("{number}\n")).collect();
    let answers: String = (0..100).filter(|number| number % 3 != 0).map(|number| format!("{number}\n")).collect();
    check(&mut client, &lines, &answers).await;
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_frame_does_not_hold_up_the_replies_before_it() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let handler = move |line: String, _: Peer| {
        let held = Arc::clone(&held);
        async move {
            if line == "slow" {
                held.acquire().await?.forget();
            }
            Ok(Some(line))
        }
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    check(&mut client, "fast\nslow\nlast\n", "fast\n").await;
    gate.add_permits(1);
    check_comes(&mut client, "slow\nlast\n").await;
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_replies_has_no_more_frames_handled() {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let handler = move |_: String, _: Peer| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(Some("a".repeat(10_000))) }
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    client.write_all("\n".repeat(100).as_bytes()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let before = handled.load(Ordering::Relaxed);
    assert!((1..20).contains(&before), "{before} frames were handled for 64 KiB of room");
    let mut lines = BufReader::new(&mut client).lines();
    for _ in 0..100 {
        assert_eq!(lines.next_line().await.unwrap().unwrap().len(), 10_000);
    }
    assert_eq!(handled.load(Ordering::Relaxed), 100);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decoded_ends_its_connection_only() {
    let logs = Logs::capture();
    let codec = LinesCodec::new_with_max_length(8);
    let app =
        TestApp::service(Server::framed("127.0.0.1:80", codec, async |line: String, _: Peer| Ok(Some(line)))).await;
    let mut fine = app.connect("service").await;
    let mut wrong = app.connect("service").await;
    wrong.write_all(b"good\nmuch too long\n").await.unwrap();
    let mut answer = String::new();
    wrong.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "good\n", "replies before it are sent");
    logs.assert_logged("DEBUG misc_net::stream::framed{connection}: a connection ends: its next frame cannot be read");
    assert!(logs.at_least(tracing::Level::WARN).is_empty());
    check(&mut fine, "fine\n", "fine\n").await;
    drop(fine);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_ends_its_connection_after_the_replies_before() {
    let logs = Logs::capture();
    let handler = async |line: String, _: Peer| match &*line {
        "fail" => Err("it fails".into()),
        "panic" => panic!("in the handler"),
        _ => Ok(Some(line)),
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    check(&mut client, "good\nfail\ngood\n", "good\n").await;
    check_closed(&mut client).await;
    logs.assert_logged("it fails");
    let mut client = app.connect("service").await;
    check(&mut client, "good\n", "good\n").await;
    client.write_all(b"panic\n").await.unwrap();
    check_closed(&mut client).await;
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_before_its_replies_are_sent_is_no_failure() {
    // It is noticed at the end; while a frame is in hand; and when there is no more room.
    for (frames, reply) in [("slow\n", 1), ("slow\nslow\n", 1), ("slow\nfast\n", 100_000)] {
        let (logs, metrics) = (Logs::capture(), Metrics::new());
        let handler = move |line: String, _: Peer| async move {
            if line == "slow" {
                sleep(Duration::from_secs(1)).await;
            }
            Ok(Some("a".repeat(reply)))
        };
        let server = Server::framed("127.0.0.1:80", LinesCodec::new(), handler);
        let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
        let mut client = app.connect("service").await;
        client.write_all(frames.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        drop(client);
        logs.until("DEBUG misc_net::stream::framed{connection}: the peer is gone").await;
        app.stop().await.assert_clean().await;
        metrics.assert_metric("net_server_handler_failures_total", &[], 0.0);
        assert!(logs.at_least(tracing::Level::WARN).is_empty());
    }
}

/// Lines of which none can be sent.
#[derive(Clone)]
struct Speechless(LinesCodec);

impl Decoder for Speechless {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        self.0.decode(bytes)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        self.0.decode_eof(bytes)
    }
}

impl Encoder<String> for Speechless {
    type Error = LinesCodecError;

    fn encode(&mut self, _: String, _: &mut BytesMut) -> Result<(), LinesCodecError> {
        Err(LinesCodecError::MaxLineLengthExceeded)
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_cannot_be_encoded_is_a_failure_though_its_peer_sends_no_more() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let codec = Speechless(LinesCodec::new());
    let server = Server::framed("127.0.0.1:80", codec, async |line: String, _: Peer| Ok(Some(line)));
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let mut client = app.connect("service").await;
    client.write_all(b"the last").await.unwrap();
    client.shutdown().await.unwrap();
    check_closed(&mut client).await;
    metrics.until("net_server_handler_failures_total", &[], 1.0).await;
    logs.assert_logged("a handler failed");
    app.stop().await.assert_clean().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn replies_do_not_depend_on_how_the_bytes_arrive(
        lines in prop::collection::vec("[a-z]{0,40}", 1..40),
        pieces in prop::collection::vec((1usize..60, any::<bool>()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let sent: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let received = runtime.block_on(exchange(sent.clone(), pieces));
        prop_assert_eq!(received, sent);
    }
}

/// Sends a text in pieces, some after a pause, to a server that echoes lines, some of them late; returns what comes
/// back.
async fn exchange(text: String, pieces: Vec<(usize, bool)>) -> String {
    let handler = async |line: String, _: Peer| {
        if line.len() % 2 == 1 {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(Some(line))
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let (mut receive, mut send) = tokio::io::split(app.connect("service").await);
    let length = text.len();
    let sender = async {
        let mut rest = text.as_bytes();
        for (size, pauses) in pieces.into_iter().cycle() {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            send.write_all(piece).await.expect("the server reads");
            rest = after;
            if rest.is_empty() {
                break;
            }
            if pauses {
                sleep(Duration::from_millis(3)).await;
            }
        }
    };
    let mut received = vec![0; length];
    let (_, came) = tokio::join!(sender, receive.read_exact(&mut received));
    came.expect("the server answers");
    app.stop().await.assert_clean().await;
    String::from_utf8(received).expect("text")
}

#[tokio::test(start_paused = true)]
async fn a_frame_in_hand_is_finished_while_the_peer_does_not_read_the_replies_before() {
    let lock = Arc::new(Semaphore::new(1));
    let shared = Arc::clone(&lock);
    let handler = move |line: String, _: Peer| {
        let lock = Arc::clone(&shared);
        async move {
            if line == "lock" {
                let _permit = lock.acquire().await?;
                sleep(Duration::from_millis(10)).await;
            }
            // More than there is room for on the way.
            Ok(Some("a".repeat(100_000)))
        }
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    client.write_all(b"first\nlock\n").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(lock.available_permits(), 1, "what a handler holds does not depend on who reads");
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_many_frames_leaves_others_their_turn() {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    let handler = move |_: String, _: Peer| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(None::<String>) }
    };
    let app = TestApp::service(Server::framed("127.0.0.1:80", LinesCodec::new(), handler)).await;
    let mut client = app.connect("service").await;
    client.write_all("\n".repeat(60_000).as_bytes()).await.unwrap();
    let (mut before, mut most) = (0, 0);
    while before < 60_000 {
        tokio::task::yield_now().await;
        let now = handled.load(Ordering::Relaxed);
        most = most.max(now - before);
        before = now;
    }
    assert!(most <= 1000, "{most} frames were handled in a row");
    drop(client);
    app.stop().await.assert_clean().await;
}
