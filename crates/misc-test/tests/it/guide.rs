//! The tests that `docs/testing.md` shows: they are here to run, and the last one compares.

use std::time::Duration;

use misc_core::{App, BoxError, Context, Listener};
use misc_test::{FaultProxy, Logs, Metrics, Signal, TestApp};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tracing::{Level, info};

const SILENCE: Duration = Duration::from_secs(60);

/// Says each line back, and gives up on a client that is silent for a minute.
async fn echo(ctx: Context) -> Result<(), BoxError> {
    let lines = ctx.meter().counter("echo_lines_total", "Lines said back.");
    let mut incoming = ctx.listen(&"0.0.0.0:7000".into()).await?;
    ctx.ready();
    while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
        let (handshake, _) = accepted?;
        let lines = lines.clone();
        ctx.spawn_until_stopping(async move {
            let mut client = BufReader::new(handshake.await?);
            let mut line = String::new();
            while let Ok(read) = timeout(SILENCE, client.read_line(&mut line)).await {
                if read? == 0 {
                    return Ok(());
                }
                client.write_all(line.as_bytes()).await?;
                lines.increment(1);
                line.clear();
            }
            info!("client is silent");
            std::io::Result::Ok(())
        });
    }
    Ok(())
}

#[tokio::test]
async fn says_each_line_back() {
    let app = TestApp::service(echo).await;

    let mut client = app.connect("service").await;
    client.write_all(b"hello\n").await.unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello\n");

    app.stop().await.assert_clean().await;
}

fn shop() -> App {
    App::new("shop").service("first", echo).service("second", async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    })
}

#[tokio::test]
async fn starts_in_order_and_stops_in_reverse() {
    let app = TestApp::start(shop()).await;
    assert_eq!(app.handle().list(), ["first", "second"]);

    let ended = app.stop().await;
    ended.assert_ok();
    ended.phases().assert_order(["first ready", "second ready", "second stopped", "first stopped"]);
}

#[tokio::test]
async fn does_not_start_without_its_database() {
    let app = App::new("shop").service("db", async |_: Context| Err("no route to host".into()));

    let ended = TestApp::launch(app).ended().await;
    assert_eq!(ended.exit_code(), 1);
    assert!(ended.report().to_string().contains("no route to host"));
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_silent_client() {
    let logs = Logs::capture();
    let app = TestApp::service(echo).await;

    let mut client = app.connect("service").await;
    let began = tokio::time::Instant::now();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed(), SILENCE);

    logs.assert_logged("client is silent");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn outlives_a_client_that_is_cut_off() {
    let app = TestApp::service(echo).await;
    let (proxy, faults) = FaultProxy::new(app.address("service").await);
    app.handle().start("proxy", proxy).await.unwrap();

    let mut client = TcpStream::connect(faults.address()).await.unwrap();
    faults.until_connections(1).await;
    faults.cut();
    client.read(&mut [0]).await.unwrap_err();
    faults.until_idle().await;

    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn counts_its_lines() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let app = TestApp::start(App::new("shop").meter(metrics.meter()).service("echo", echo)).await;

    let mut client = app.connect("echo").await;
    client.write_all(b"one\ntwo\n").await.unwrap();
    metrics.until("echo_lines_total", &[], 2.0).await;

    app.stop().await.assert_ok();
    metrics.assert_metric("misc_service_failures_total", &[("service", "echo")], 0.0);
    assert!(logs.at_least(Level::WARN).is_empty());
}

#[tokio::test(start_paused = true)]
async fn ends_at_once_when_it_is_told_twice() {
    let stubborn = async |ctx: Context| {
        ctx.ready();
        std::future::pending().await
    };
    let app = TestApp::service(stubborn).await;

    app.signal(Signal::Terminate);
    app.phases().until("service stopping").await;
    app.signal(Signal::Terminate);
    assert_eq!(app.ended().await.exit_code(), 128 + 15);
}

/// A test of the guide that would be skipped here each time: it is compiled, and not run.
async fn keeps_rows() {
    let Some(address) = misc_test::server("REDIS", "127.0.0.1:6379") else {
        return;
    };
    let _client = TcpStream::connect(address).await.expect("it is there");
    // ..
}

#[test]
fn the_guide_shows_what_runs() {
    let guide = include_str!("../../../../docs/testing.md");
    let tests = [include_str!("guide.rs"), include_str!("../../../../examples/02-testing/tests/http.rs")];
    let blocks: Vec<_> = guide.split("```rust\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    assert!(blocks.len() > 5, "{} blocks", blocks.len());
    drop(keeps_rows());
    for block in blocks {
        assert!(tests.iter().any(|tests| tests.contains(block)), "this is not in `tests/it/guide.rs`:\n{block}");
    }
}
