//! Sockets in memory behave as real ones where services can tell.

use std::io::ErrorKind;

use misc_core::{Address, App, BoxError, Context, Listener};
use misc_test::{MemorySockets, TestApp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{check_echo, check_says, echo, idle, millis, never_ready};

/// Launches an app in this network.
async fn launch(network: &MemorySockets, app: App) -> TestApp {
    let app = TestApp::launch_as_is(app.sockets(network.clone()));
    app.ready().await;
    app
}

#[tokio::test(start_paused = true)]
async fn port_0_becomes_some_port() {
    let app =
        TestApp::start(App::new("shop").service("a", echo("127.0.0.1:0")).service("b", echo("127.0.0.1:0"))).await;
    let a = app.handle().address("a").await.unwrap();
    let b = app.handle().address("b").await.unwrap();
    assert_ne!(a, b);
    assert!(a.ip().unwrap().port() != 0);
    for name in ["a", "b"] {
        check_echo(&mut app.connect(name).await).await;
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_address_in_use_is_refused() {
    for (first, second) in [("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:80", "127.0.0.1:80"), ("unix:/a", "unix:/a")] {
        let app = App::new("shop").service("first", echo(first)).service("second", echo(second));
        let ended = TestApp::launch(app).ended().await;
        let cannot = format!("service `second` cannot listen on {second}");
        check_says(ended.report(), &[&cannot, "another process or service listens there"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_free_again_when_its_listener_is_closed() {
    let app = TestApp::start(App::new("shop").service("idle", idle).service("a", echo("127.0.0.1:80"))).await;
    app.handle().stop("a").await.unwrap();
    app.handle().start("b", echo("127.0.0.1:80")).await.unwrap();
    check_echo(&mut app.connect("b").await).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn who_listens_everywhere_is_reached_at_every_address() {
    let network = MemorySockets::new();
    let app = launch(&network, App::new("shop").service("a", echo("0.0.0.0:80"))).await;
    for address in ["127.0.0.1:80", "10.0.0.1:80", "[::1]:80", "localhost:80"] {
        check_echo(&mut network.connect(&Address::from(address)).await.unwrap()).await;
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_nobody_is_refused_and_told_who_is_there() {
    let network = MemorySockets::new();
    let error = network.connect(&Address::from("127.0.0.1:80")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    check_says(&error, &["nobody listens on 127.0.0.1:80 in memory, but nowhere"]);
    let app = launch(&network, App::new("shop").service("a", echo("127.0.0.1:81"))).await;
    let error = network.connect(&Address::from("127.0.0.1:80")).await.unwrap_err();
    check_says(&error, &["but on 127.0.0.1:81"]);
    app.stop().await.assert_ok();
    assert_eq!(
        network.connect(&Address::from("127.0.0.1:81")).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused,
        "its listener is closed"
    );
}

#[tokio::test(start_paused = true)]
async fn two_apps_share_a_network() {
    let network = MemorySockets::new();
    let one = launch(&network, App::new("one").service("echo", echo("127.0.0.1:1"))).await;
    let client = network.clone();
    let asks = async move |_: Context| {
        check_echo(&mut client.connect(&"127.0.0.1:1".into()).await?).await;
        Ok(())
    };
    launch(&network, App::new("two").service("asks", asks)).await.ended().await.assert_ok();
    one.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn one_half_of_a_connection_ends_alone() {
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    let mut client = app.connect("service").await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "last words");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_holds_up_the_writer() {
    let app = TestApp::service(async |ctx: Context| {
        let mut incoming = ctx.listen(&"127.0.0.1:80".into()).await?;
        ctx.ready();
        let _unread = incoming.accept().await?.0.await?;
        never_ready(ctx).await
    })
    .await;
    let mut client = app.connect("service").await;
    client.write_all(&[0; 64 * 1024]).await.unwrap();
    tokio::time::timeout(millis(1), client.write_all(b"more")).await.unwrap_err();
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_has_an_address_of_its_own() {
    let tells = async |ctx: Context| -> Result<(), BoxError> {
        let mut incoming = ctx.listen(&"127.0.0.1:80".into()).await?;
        ctx.ready();
        while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
            let (handshake, peer) = accepted?;
            handshake.await?.write_all(peer.to_string().as_bytes()).await?;
        }
        Ok(())
    };
    let app = TestApp::service(tells).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut text = String::new();
        app.connect("service").await.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("127.0.0.1:"), "{text}");
        told.push(text);
    }
    assert_ne!(told[0], told[1]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn datagrams_need_the_real_clock() {
    let udp = async |ctx: Context| {
        ctx.bind_udp(&"127.0.0.1:53".into()).await?;
        idle(ctx).await
    };
    let ended = TestApp::launch(App::new("shop").service("udp", udp)).ended().await;
    check_says(
        ended.report(),
        &["service `udp` cannot listen on 127.0.0.1:53", "no datagrams in memory", "real clock"],
    );
}
