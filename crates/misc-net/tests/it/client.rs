//! The client that reconnects.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::{App, Phase, spec};
use misc_net::tcp::{Client, ClientConfig, Connection, Server};
use misc_test::{FaultProxy, Logs, Metrics, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use crate::support::{echo, stubborn};

/// Says hello at each connection, and reads until its end.
async fn greet(mut connection: Connection) -> Result<(), misc_core::BoxError> {
    connection.write_all(b"hello").await?;
    let mut text = String::new();
    connection.read_to_string(&mut text).await?;
    Ok(())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("a listener");
    (listener, address)
}

#[tokio::test]
async fn connects_again_when_the_server_drops_it() {
    let (listener, address) = listen().await;
    let metrics = Metrics::new();
    let client = Client::new(address, greet);
    let handle = client.handle();
    assert!(!handle.is_connected());
    let app = TestApp::launch(App::new("test").meter(metrics.meter()).service("service", client));
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        handle.connected().await;
        app.ready().await;
        drop(stream);
        handle.disconnected().await;
    }
    let _last = listener.accept().await.unwrap();
    handle.connected().await;
    assert_eq!(handle.reconnects(), 3);
    metrics.assert_metric("net_client_reconnects_total", &[("service", "service")], 3.0);
    metrics.assert_metric("net_client_connected", &[], 1.0);
    metrics.until("net_client_io_bytes_total", &[("direction", "transmit")], 20.0).await;
    let since = Instant::now();
    drop(_last);
    app.stop().await.assert_clean().await;
    assert!(since.elapsed() < Duration::from_secs(5));
    assert!(!handle.is_connected());
}

#[tokio::test]
async fn survives_a_network_that_resets_and_refuses() {
    let app = TestApp::start(App::new("test").service("server", Server::new("127.0.0.1:0", echo))).await;
    let (proxy, faults) = FaultProxy::new(app.address("server").await);
    app.handle().start("proxy", proxy).await.unwrap();
    let client = Client::new(faults.address(), greet);
    let handle = client.handle();
    app.handle().start("client", spec(client).stop_within(Duration::from_millis(200))).await.unwrap();
    handle.connected().await;
    faults.refuse().await;
    faults.cut();
    handle.disconnected().await;
    faults.heal().await;
    handle.connected().await;
    assert!(handle.reconnects() >= 1);
    app.handle().stop("client").await.unwrap();
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn gives_up_after_as_many_attempts_as_there_may_be() {
    let (listener, address) = listen().await;
    drop(listener);
    let logs = Logs::capture();
    let mut config = ClientConfig::from(address);
    config.max_attempts = NonZeroU32::new(3);
    let ended = TestApp::launch(App::new("test").service("service", Client::new(config, greet))).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains(&format!("cannot connect to {address} in 3 attempts")), "{report}");
    assert!(report.to_lowercase().contains("refused"), "{report}");
    let warnings = logs.at_least(tracing::Level::WARN);
    assert_eq!(warnings.iter().filter(|line| line.message().starts_with("cannot connect")).count(), 1);
}

#[tokio::test]
async fn what_is_no_address_is_refused_at_once() {
    for address in ["nowhere", "unix:/run/shop.sock", ":7000", "localhost:99999"] {
        let client = Client::new(address, greet).lazy();
        let ended = TestApp::launch(App::new("test").service("service", client)).ended().await;
        let report = ended.report().to_string();
        assert!(report.contains(&format!("`{address}` cannot be connected to: write `host:port`")), "{report}");
    }
}

#[tokio::test]
async fn a_lazy_one_is_ready_without_a_server() {
    let (listener, address) = listen().await;
    drop(listener);
    let client = Client::new(address, greet).lazy();
    let handle = client.handle();
    let app = TestApp::service(client).await;
    assert!(!handle.is_connected());
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_connection_only() {
    let (listener, address) = listen().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let client = Client::new(address, move |connection: Connection| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            assert!(!first, "in the handler");
            greet(connection).await
        }
    });
    let app = TestApp::launch(App::new("test").service("service", client));
    let _first = listener.accept().await.unwrap();
    let (mut second, _) = listener.accept().await.unwrap();
    second.read_exact(&mut [0; 5]).await.unwrap();
    app.ready().await;
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    drop(second);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_handler_is_told_of_the_stop_and_may_say_good_bye() {
    let (listener, address) = listen().await;
    let client = Client::new(address, crate::support::polite);
    let app = TestApp::launch(App::new("test").service("service", client));
    let (mut stream, _) = listener.accept().await.unwrap();
    app.ready().await;
    app.stop().await.assert_clean().await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_cut() {
    let (listener, address) = listen().await;
    let logs = Logs::capture();
    let service = spec(Client::new(address, stubborn)).stop_within(Duration::from_millis(500));
    let app = TestApp::launch(App::new("test").service("service", service));
    let _stream = listener.accept().await.unwrap();
    app.ready().await;
    app.stop().await.assert_clean().await;
    logs.assert_logged("the connection did not end in time for the stop and was cut");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_has_failed() {
    // Its backlog is full: nothing answers any more.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _queued = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut config = ClientConfig::from(address);
    config.connect_timeout = Duration::from_millis(50);
    config.max_attempts = Some(NonZeroU32::MIN);
    let ended = TestApp::launch(App::new("test").service("service", Client::new(config, greet))).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains("it took longer than `connect_timeout`"), "{report}");
}

#[tokio::test]
async fn any_keepalive_will_do() {
    for keepalive in [Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(3600 * 24), Duration::MAX] {
        let (listener, address) = listen().await;
        let mut config = ClientConfig::from(address);
        config.keepalive = Some(keepalive);
        let app = TestApp::launch(App::new("test").service("service", Client::new(config, greet)));
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap_or_else(|error| panic!("{keepalive:?}: {error}"));
        drop(stream);
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn what_the_system_refuses_is_tried_again() {
    // A link-local address without the interface that it belongs to.
    let mut config = ClientConfig::from("[fe80::1]:7000");
    config.max_attempts = NonZeroU32::new(2);
    let ended = TestApp::launch(App::new("test").service("service", Client::new(config, greet))).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains("in 2 attempts"), "{report}");
}

#[tokio::test]
async fn clones_are_connected_while_one_of_them_is() {
    let (listener, address) = listen().await;
    let client = Client::new(address, greet);
    let handle = client.handle();
    let metrics = Metrics::new();
    let app = App::new("test").meter(metrics.meter()).service("first", client.clone()).service("second", client);
    let app = TestApp::launch(app);
    let (first, _) = listener.accept().await.unwrap();
    let (second, _) = listener.accept().await.unwrap();
    metrics.until("net_client_connected", &[], 2.0).await;
    drop(listener);
    drop(first);
    metrics.until("net_client_connected", &[], 1.0).await;
    assert!(handle.is_connected());
    drop(second);
    handle.disconnected().await;
    app.stop().await.assert_clean().await;
}
