//! Limits: of connections, of time, of the system.

use std::{future::Future, io, num::NonZeroUsize, time::Duration};

use misc_core::{Address, App, Handshake, Incoming, Listener};
use misc_net::tcp::{Config, Connection, Server};
use misc_test::{Logs, Metrics, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::support::{check, check_closed, echo};

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::from("127.0.0.1:80");
    change(&mut config);
    config
}

#[tokio::test(start_paused = true)]
async fn connections_over_the_limit_wait_until_one_is_closed() {
    let server = Server::new(config(|config| config.connections = NonZeroUsize::MIN), echo);
    let handle = server.handle();
    let app = TestApp::service(server).await;
    let mut first = app.connect("service").await;
    check(&mut first, "a", "a").await;
    let mut second = app.connect("service").await;
    second.write_all(b"b").await.unwrap();
    timeout(Duration::from_secs(1), second.read(&mut [0])).await.expect_err("nobody serves it");
    assert_eq!(handle.connections(), 1);
    drop(first);
    check(&mut second, "", "b").await;
    drop(second);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_too_many_connections_is_refused_more_until_it_closes_one() {
    let metrics = Metrics::new();
    let server = Server::new(config(|config| config.connections_per_peer = NonZeroUsize::new(2)), echo);
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let mut clients = [app.connect("service").await, app.connect("service").await];
    for client in &mut clients {
        check(client, "a", "a").await;
    }
    check_closed(&mut app.connect("service").await).await;
    metrics.assert_metric("net_server_connections_refused_total", &[("service", "service")], 1.0);
    let [first, mut second] = clients;
    drop(first);
    metrics.until("net_server_active_connections", &[], 1.0).await;
    check(&mut app.connect("service").await, "b", "b").await;
    check(&mut second, "a", "a").await;
    drop(second);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_ends_after_the_idle_timeout() {
    let logs = Logs::capture();
    let app = TestApp::service(Server::new("127.0.0.1:80", echo)).await;
    let mut client = app.connect("service").await;
    for _ in 0..4 {
        sleep(Duration::from_secs(4 * 60)).await;
        check(&mut client, "a", "a").await;
    }
    let since = Instant::now();
    check_closed(&mut client).await;
    assert_eq!(since.elapsed().as_secs(), 5 * 60);
    logs.assert_logged("no byte was received or sent for 300s");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_after_the_idle_timeout() {
    let handler = async |mut connection: Connection| {
        let error = connection.write_all(&[0; 1 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        tracing::info!("noticed");
        Ok(())
    };
    let logs = Logs::capture();
    let app = TestApp::service(Server::new("127.0.0.1:80", handler)).await;
    let _client = app.connect("service").await;
    logs.until("noticed").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn no_idle_timeout_means_none() {
    let app = TestApp::service(Server::new(config(|config| config.idle_timeout = None), echo)).await;
    let mut client = app.connect("service").await;
    timeout(Duration::from_secs(1_000_000), client.read(&mut [0])).await.expect_err("it stays open");
    check(&mut client, "a", "a").await;
    drop(client);
    app.stop().await.assert_clean().await;
}

/// A listener that has no descriptors for a while.
struct Exhausted {
    incoming: Incoming,
    failures: u32,
}

impl Listener for Exhausted {
    type Io = misc_core::Stream;
    type Handshake = Handshake;

    async fn accept(&mut self) -> io::Result<(Handshake, Address)> {
        if self.failures > 0 {
            self.failures -= 1;
            // EMFILE
            return Err(io::Error::from_raw_os_error(24));
        }
        self.incoming.accept().await
    }

    fn address(&self) -> Address {
        self.incoming.address()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_descriptors_is_waited_out_with_growing_pauses() {
    let logs = Logs::capture();
    let since = Instant::now();
    let server = Server::new("127.0.0.1:80", echo).over(|incoming| Exhausted { incoming, failures: 8 });
    let app = TestApp::service(server).await;
    let mut client = app.connect("service").await;
    check(&mut client, "a", "a").await;
    // 10, 20, 40, .. up to 500 ms.
    let (least, most) = (Duration::from_millis(10 + 20 + 40 + 80 + 160 + 320 + 500 + 500), Duration::from_secs(2));
    assert!((least..most).contains(&since.elapsed()), "{:?}", since.elapsed());
    logs.assert_logged("WARN misc_net::pause: cannot accept from the network; trying again");
    drop(client);
    app.stop().await.assert_clean().await;
}

/// A listener whose handshakes never end, but for the first.
struct Slow {
    incoming: Incoming,
    first: bool,
}

impl Listener for Slow {
    type Io = misc_core::Stream;
    type Handshake = std::pin::Pin<Box<dyn Future<Output = io::Result<misc_core::Stream>> + Send>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        let (handshake, peer) = self.incoming.accept().await?;
        let is_slow = !std::mem::take(&mut self.first);
        let handshake = async move {
            if is_slow {
                std::future::pending::<()>().await;
            }
            handshake.await
        };
        Ok((Box::pin(handshake), peer))
    }

    fn address(&self) -> Address {
        self.incoming.address()
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_takes_too_long_is_given_up() {
    let metrics = Metrics::new();
    let server = Server::new("127.0.0.1:80", echo).over(|incoming| Slow { incoming, first: true });
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let mut fine = app.connect("service").await;
    let mut slow = app.connect("service").await;
    check(&mut fine, "a", "a").await;
    let since = Instant::now();
    check_closed(&mut slow).await;
    assert_eq!(since.elapsed().as_secs(), 10);
    metrics.assert_metric("net_server_handshake_failures_total", &[], 1.0);
    check(&mut fine, "a", "a").await;
    let _slow = app.connect("service").await;
    metrics.until("net_server_active_connections", &[], 2.0).await;
    drop(fine);
    let since = Instant::now();
    app.stop().await.assert_clean().await;
    assert!(since.elapsed() < Duration::from_secs(1), "a handshake does not hold up the stop: {:?}", since.elapsed());
}
