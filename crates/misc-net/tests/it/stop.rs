//! What a stop does to connections.

use std::{sync::Arc, time::Duration};

use misc_core::{App, BoxError, spec};
use misc_net::{
    codec::LinesCodec,
    tcp::{Peer, Server},
};
use misc_test::{Logs, Metrics, TestApp};
use tokio::{io::AsyncWriteExt, sync::Semaphore, time::Instant};

use crate::support::{check, check_closed, check_comes, polite, stubborn};

#[tokio::test(start_paused = true)]
async fn handlers_are_told_and_may_say_good_bye() {
    let app = TestApp::service(Server::new("127.0.0.1:80", polite)).await;
    let mut clients = [app.connect("service").await, app.connect("service").await];
    tokio::task::yield_now().await;
    let since = Instant::now();
    let stop = async { app.stop().await.assert_clean().await };
    let good_bye = async {
        for client in &mut clients {
            check_comes(client, "bye").await;
            check_closed(client).await;
        }
    };
    tokio::join!(stop, good_bye);
    assert!(since.elapsed() < Duration::from_millis(10), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_shortly_before_the_stop_bound_and_counted() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let server = Server::new("127.0.0.1:80", stubborn);
    let handle = server.handle();
    let app = App::new("test").meter(metrics.meter()).service("service", spec(server));
    let app = TestApp::start(app).await;
    let _clients = [app.connect("service").await, app.connect("service").await];
    metrics.until("net_server_active_connections", &[], 2.0).await;
    let since = Instant::now();
    app.stop().await.assert_clean().await;
    let took = since.elapsed();
    assert!(took >= Duration::from_secs(14) && took < Duration::from_secs(15), "{took:?}");
    logs.assert_logged("connections did not end in time for the stop and were cut service=service connections=2");
    metrics.assert_metric("net_server_connections_cut_total", &[], 2.0);
    metrics.assert_metric("net_server_active_connections", &[], 0.0);
    assert_eq!(handle.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_short_stop_bound_still_leaves_nine_tenths_of_it() {
    let app = App::new("test")
        .service("service", spec(Server::new("127.0.0.1:80", stubborn)).stop_within(Duration::from_millis(200)));
    let app = TestApp::start(app).await;
    let _client = app.connect("service").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let since = Instant::now();
    app.stop().await.assert_clean().await;
    let took = since.elapsed().as_millis();
    assert!((175..200).contains(&took), "{took} ms");
}

/// Answers a line once there is a permit.
async fn answer(line: String, gate: Arc<Semaphore>) -> Result<Option<String>, BoxError> {
    gate.acquire().await?.forget();
    Ok(Some(line))
}

#[tokio::test(start_paused = true)]
async fn idle_framed_connections_close_at_once_and_a_frame_in_hand_is_finished() {
    let gate = Arc::new(Semaphore::new(0));
    let (metrics, handler_gate) = (Metrics::new(), Arc::clone(&gate));
    let handler = move |line: String, _: Peer| answer(line, Arc::clone(&handler_gate));
    let server = Server::framed("127.0.0.1:80", LinesCodec::new(), handler);
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let mut idle = app.connect("service").await;
    let mut busy = app.connect("service").await;
    gate.add_permits(1);
    check(&mut idle, "first\n", "first\n").await;
    busy.write_all(b"work\nmore\n").await.unwrap();
    metrics.until("net_server_frames_total", &[], 2.0).await;
    let since = Instant::now();
    let check = async {
        check_closed(&mut idle).await;
        assert!(since.elapsed() < Duration::from_millis(10), "{:?}", since.elapsed());
        gate.add_permits(1);
        check_comes(&mut busy, "work\n").await;
        check_closed(&mut busy).await;
    };
    let stop = async { app.stop().await.assert_clean().await };
    tokio::join!(stop, check);
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
}
