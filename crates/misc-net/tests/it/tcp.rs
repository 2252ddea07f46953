//! Connections over TCP.

use misc_core::{App, Phase};
use misc_net::tcp::{Connection, Server};
use misc_test::{Logs, Metrics, TestApp};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::support::{check, check_closed, echo};

#[tokio::test]
async fn serves_connections_side_by_side_on_a_port_of_the_systems_choice() {
    let app = TestApp::service(Server::new("127.0.0.1:0", echo)).await;
    let address = app.address("service").await;
    assert_ne!(address.port(), 0);
    let mut clients = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    for text in ["one", "two"] {
        for client in &mut clients {
            check(client, text, text).await;
        }
    }
    drop(clients);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_handler_knows_its_peer() {
    let handler = async |mut connection: Connection| {
        let peer = connection.peer().to_string();
        tokio::io::AsyncWriteExt::write_all(&mut connection, peer.as_bytes()).await?;
        Ok(())
    };
    let app = TestApp::service(Server::new("127.0.0.1:0", handler)).await;
    let mut client = TcpStream::connect(app.address("service").await).await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, client.local_addr().unwrap().to_string());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_handler_costs_its_own_connection_only() {
    let logs = Logs::capture();
    let handler = async |mut connection: Connection| {
        let mut byte = [0];
        connection.read_exact(&mut byte).await?;
        assert_ne!(byte, *b"!", "in the handler");
        echo(connection).await
    };
    let app = TestApp::service(Server::new("127.0.0.1:80", handler)).await;
    let mut innocent = app.connect("service").await;
    check(&mut innocent, "-a", "a").await;
    let mut guilty = app.connect("service").await;
    tokio::io::AsyncWriteExt::write_all(&mut guilty, b"!").await.unwrap();
    check_closed(&mut guilty).await;
    logs.until("a handler panicked").await;
    check(&mut innocent, "b", "b").await;
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    drop((innocent, guilty));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_is_logged_with_its_peer() {
    let logs = Logs::capture();
    let app = TestApp::service(Server::new("127.0.0.1:80", async |_: Connection| Err("no such user".into()))).await;
    check_closed(&mut app.connect("service").await).await;
    logs.until("a handler failed").await;
    let line = logs.at_least(tracing::Level::WARN).pop().unwrap();
    assert!(line.field("peer").unwrap().starts_with("127.0.0.1:"), "{line}");
    assert_eq!(line.spans().last(), Some(&"connection"));
    assert_eq!(line.field("error"), Some("no such user"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_left_is_not_a_failure_to_warn_of() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let handler = async |mut connection: Connection| {
        connection.read_exact(&mut [0; 10]).await?;
        Ok(())
    };
    let server = Server::new("127.0.0.1:80", handler);
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    drop(app.connect("service").await);
    logs.until("DEBUG misc_net::outcome{connection}: the peer is gone").await;
    assert!(logs.at_least(tracing::Level::WARN).is_empty());
    metrics.assert_metric("net_server_handler_failures_total", &[], 0.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_tells_how_many_connections_it_has() {
    let server = Server::new("127.0.0.1:80", echo);
    let handle = server.handle();
    assert_eq!(handle.connections(), 0);
    let app = TestApp::service(server).await;
    let mut clients = [app.connect("service").await, app.connect("service").await];
    for client in &mut clients {
        check(client, "a", "a").await;
    }
    assert_eq!(handle.connections(), 2);
    let status = app.handle().status().children.remove(0);
    let inspected = serde_json::to_value(&status.inspected).unwrap();
    assert_eq!(inspected[0]["name"], "connections", "{inspected}");
    assert_eq!(inspected[0]["value"], 2, "{inspected}");
    drop(clients);
    app.stop().await.assert_clean().await;
    assert_eq!(handle.connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_and_go_on_many_threads_are_all_served_and_counted() {
    let metrics = Metrics::new();
    let server = Server::new("127.0.0.1:0", echo);
    let handle = server.handle();
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let address = app.address("service").await;
    let clients = (0..20).map(async |_| {
        for _ in 0..10 {
            check(&mut TcpStream::connect(address).await.expect("the server accepts"), "hello", "hello").await;
        }
    });
    futures_util::future::join_all(clients).await;
    metrics.until("net_server_active_connections", &[], 0.0).await;
    metrics.assert_metric("net_server_connections_total", &[], 200.0);
    assert_eq!(handle.connections(), 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_meets_elsewhere_is_its_failure_while_the_peer_is_there() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let handler = async |_: Connection| Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
    let server = Server::new("127.0.0.1:80", handler);
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    check_closed(&mut app.connect("service").await).await;
    metrics.until("net_server_active_connections", &[], 0.0).await;
    logs.assert_logged("WARN misc_net::outcome{connection}: a handler failed");
    metrics.assert_metric("net_server_handler_failures_total", &[], 1.0);
    app.stop().await.assert_clean().await;
}
