//! The tests of the tally server, one for each thing that `misc::test` can do.

use std::{io, time::Duration};

use misc::{
    Phase,
    test::{Connection, FaultProxy, Logs, Metrics, Signal, TestApp},
};
use testing::SILENCE;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::Instant,
};

/// The address of the real thing. Each test has one of its own instead: a real port, or one in memory.
const LISTEN: &str = "127.0.0.1:7070";

/// Sends a word and returns the answer.
async fn ask(client: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>, word: &str) -> io::Result<String> {
    client.write_all(format!("{word}\n").as_bytes()).await?;
    let mut answer = String::new();
    client.read_line(&mut answer).await?;
    Ok(answer)
}

async fn connect(app: &TestApp) -> BufReader<Connection> {
    BufReader::new(app.connect("tally").await)
}

#[tokio::test]
async fn counts_for_all_clients_together() {
    let app = TestApp::start(testing::app(LISTEN)).await;
    let (mut one, mut other) = (connect(&app).await, connect(&app).await);
    assert_eq!(ask(&mut one, "apples").await.unwrap(), "apples 1\n");
    assert_eq!(ask(&mut other, "apples").await.unwrap(), "apples 2\n");
    assert_eq!(ask(&mut one, "pears").await.unwrap(), "pears 1\n");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_told_bye_after_a_minute() {
    let logs = Logs::capture();
    let app = TestApp::start(testing::app(LISTEN)).await;
    let mut client = connect(&app).await;
    ask(&mut client, "apples").await.unwrap();

    let began = Instant::now();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!((rest.as_str(), began.elapsed()), ("bye\n", SILENCE));

    logs.assert_logged("client is silent peer=127.0.0.1");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_lost_connection_is_logged_and_no_longer_counted() {
    let (logs, metrics) = (Logs::capture(), Metrics::new());
    let app = TestApp::start(testing::app(LISTEN).meter(metrics.meter())).await;
    let (proxy, faults) = FaultProxy::new(app.address("tally").await);
    app.handle().start("proxy", proxy).await.expect("the proxy starts");

    let mut client = BufReader::new(TcpStream::connect(faults.address()).await.unwrap());
    ask(&mut client, "apples").await.unwrap();
    metrics.assert_metric("tally_words_total", &[], 1.0);
    metrics.assert_metric("tally_connections", &[], 1.0);

    faults.cut();
    assert_eq!(ask(&mut client, "pears").await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    metrics.until("tally_connections", &[], 0.0).await;
    logs.until("connection lost").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_word_that_comes_byte_by_byte_is_one_word() {
    let app = TestApp::start(testing::app(LISTEN)).await;
    let (proxy, faults) = FaultProxy::new(app.address("tally").await);
    app.handle().start("proxy", proxy).await.expect("the proxy starts");

    faults.trickle(1, Duration::from_millis(1));
    let mut client = BufReader::new(TcpStream::connect(faults.address()).await.unwrap());
    assert_eq!(ask(&mut client, "apples").await.unwrap(), "apples 1\n");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn sigterm_says_bye_to_everybody() {
    let app = TestApp::start(testing::app(LISTEN)).await;
    let mut client = connect(&app).await;
    ask(&mut client, "apples").await.unwrap();

    app.signal(Signal::Terminate);
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "bye\n");

    let ended = app.ended().await;
    ended.assert_clean().await;
    assert_eq!(ended.exit_code(), 0);
    assert_eq!(ended.phases().of("tally"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
}
