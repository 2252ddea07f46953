//! Datagrams.

use std::{
    num::{NonZeroU16, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use misc_core::{App, Phase, spec};
use misc_net::udp::{Config, Datagram, Overflow, Server};
use misc_test::{Logs, Metrics, TestApp};
use tokio::{net::UdpSocket, sync::Semaphore, time::timeout};

/// A client of the service.
async fn client(app: &TestApp) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    client.connect(app.address("service").await).await.expect("a socket");
    client
}

async fn check(client: &UdpSocket, text: &str) {
    client.send(text.as_bytes()).await.expect("a socket");
    check_comes(client, text).await;
}

async fn check_comes(client: &UdpSocket, text: &str) {
    let mut buffer = [0; 100];
    let received =
        timeout(Duration::from_secs(10), client.recv(&mut buffer)).await.expect("a reply").expect("a socket");
    assert_eq!(String::from_utf8_lossy(&buffer[..received]), text);
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::from("127.0.0.1:0");
    change(&mut config);
    config
}

/// Replies to each datagram once there is a permit.
fn gated(config: Config, gate: &Arc<Semaphore>) -> impl misc_core::Service + use<> {
    let gate = Arc::clone(gate);
    Server::new(config, move |datagram: Datagram| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await?.forget();
            datagram.reply(&datagram).await?;
            Ok(())
        }
    })
}

async fn start(metrics: &Metrics, service: impl misc_core::Service) -> TestApp {
    TestApp::start(App::new("test").meter(metrics.meter()).service("service", service)).await
}

#[tokio::test]
async fn a_handler_replies_to_the_peer() {
    let metrics = Metrics::new();
    let handler = async |datagram: Datagram| {
        assert!(datagram.peer().ip().is_loopback());
        datagram.reply(datagram.bytes()).await?;
        Ok(())
    };
    let app = start(&metrics, Server::new("127.0.0.1:0", handler)).await;
    let clients = [client(&app).await, client(&app).await];
    for client in &clients {
        check(client, "hello").await;
    }
    let labels = [("service", "service"), ("transport", "udp"), ("direction", "transmit")];
    metrics.until("net_server_io_bytes_total", &labels, 10.0).await;
    metrics.assert_metric("net_server_datagrams_total", &labels[..2], 2.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_comes_over_the_limit_is_dropped_and_counted() {
    let (metrics, gate) = (Metrics::new(), Arc::new(Semaphore::new(0)));
    let app = start(&metrics, gated(config(|config| config.in_flight = NonZeroUsize::MIN), &gate)).await;
    let client = client(&app).await;
    for text in ["first", "second", "third"] {
        client.send(text.as_bytes()).await.unwrap();
    }
    metrics.until("net_server_datagrams_dropped_total", &[("reason", "overflow")], 2.0).await;
    metrics.assert_metric("net_server_active_datagrams", &[], 1.0);
    gate.add_permits(2);
    check_comes(&client, "first").await;
    metrics.until("net_server_active_datagrams", &[], 0.0).await;
    check(&client, "fourth").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_comes_over_the_limit_may_wait() {
    let (metrics, gate) = (Metrics::new(), Arc::new(Semaphore::new(0)));
    let config = config(|config| {
        config.in_flight = NonZeroUsize::MIN;
        config.overflow = Overflow::Wait;
        config.receive_buffer = NonZeroUsize::new(100_000);
    });
    let app = start(&metrics, gated(config, &gate)).await;
    let client = client(&app).await;
    for text in ["first", "second", "third"] {
        client.send(text.as_bytes()).await.unwrap();
    }
    metrics.until("net_server_active_datagrams", &[], 1.0).await;
    gate.add_permits(3);
    for text in ["first", "second", "third"] {
        check_comes(&client, text).await;
    }
    metrics.assert_metric("net_server_datagrams_dropped_total", &[], 0.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_is_too_long_is_dropped_and_counted() {
    let metrics = Metrics::new();
    let echo = async |datagram: Datagram| Ok(datagram.reply(&datagram).await?);
    let server = Server::new(config(|config| config.max_datagram = NonZeroU16::new(5).unwrap()), echo);
    let app = start(&metrics, server).await;
    let client = client(&app).await;
    client.send(b"too long").await.unwrap();
    check(&client, "fitts").await;
    check(&client, "").await;
    metrics.assert_metric("net_server_datagrams_dropped_total", &[("reason", "too_long")], 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_panic_or_a_failure_ends_nothing_else() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let handler = async |datagram: Datagram| match &**datagram.bytes() {
        b"panic" => panic!("in the handler"),
        b"fail" => Err("it fails".into()),
        _ => Ok(datagram.reply(&datagram).await?),
    };
    let app = start(&metrics, Server::new("127.0.0.1:0", handler)).await;
    let client = client(&app).await;
    for text in ["panic", "fail"] {
        client.send(text.as_bytes()).await.unwrap();
    }
    check(&client, "fine").await;
    metrics.until("net_server_handler_failures_total", &[], 2.0).await;
    logs.assert_logged("it fails");
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_peer_that_is_gone_does_not_end_the_server() {
    let (metrics, gate) = (Metrics::new(), Arc::new(Semaphore::new(0)));
    let app = start(&metrics, gated(config(|_| ()), &gate)).await;
    let gone = client(&app).await;
    gone.send(b"a").await.unwrap();
    metrics.until("net_server_active_datagrams", &[], 1.0).await;
    drop(gone);
    gate.add_permits(2);
    metrics.until("net_server_active_datagrams", &[], 0.0).await;
    check(&client(&app).await, "b").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_handled() {
    let (metrics, gate) = (Metrics::new(), Arc::new(Semaphore::new(0)));
    let app = start(&metrics, gated(config(|_| ()), &gate)).await;
    let client = client(&app).await;
    client.send(b"work").await.unwrap();
    metrics.until("net_server_active_datagrams", &[], 1.0).await;
    let phases = app.phases();
    let finish = async {
        phases.until("service stopping").await;
        gate.add_permits(1);
        check_comes(&client, "work").await;
    };
    let stop = async { app.stop().await.assert_clean().await };
    tokio::join!(stop, finish);
}

#[tokio::test]
async fn what_does_not_finish_is_cut_and_counted() {
    let (logs, metrics, gate) = (Logs::capture(), Metrics::new(), Arc::new(Semaphore::new(0)));
    let service = spec(gated(config(|_| ()), &gate)).stop_within(Duration::from_millis(500));
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", service)).await;
    let client = client(&app).await;
    client.send(b"work").await.unwrap();
    metrics.until("net_server_active_datagrams", &[], 1.0).await;
    app.stop().await.assert_clean().await;
    logs.assert_logged("datagrams were not handled in time for the stop and were cut service=service datagrams=1");
    metrics.assert_metric("net_server_datagrams_cut_total", &[], 1.0);
}

#[tokio::test]
async fn a_large_receive_buffer_is_what_the_system_allows() {
    let (metrics, gate) = (Metrics::new(), Arc::new(Semaphore::new(0)));
    let config = config(|config| {
        config.in_flight = NonZeroUsize::MIN;
        config.overflow = Overflow::Wait;
        // As a number of 32 bits it is 0.
        config.receive_buffer = NonZeroUsize::new(1 << 32);
    });
    let app = start(&metrics, gated(config, &gate)).await;
    let client = client(&app).await;
    for number in 0..20 {
        client.send(format!("{number}").as_bytes()).await.unwrap();
    }
    gate.add_permits(20);
    for number in 0..20 {
        check_comes(&client, &number.to_string()).await;
    }
    app.stop().await.assert_clean().await;
}
