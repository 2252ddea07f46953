//! A gateway under test, and who talks to it.

use std::time::Duration;

use gateway::Settings;
use misc::{
    App,
    config::Config as _,
    test::{Connection, TestApp},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    task::yield_now,
    time::Instant,
};

/// How long what happens soon may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where no broker answers: nobody listens on the first port of all.
pub(crate) const NO_BROKER: (&str, &str) = ("GATEWAY_BROKER_PORT", "1");

/// Runs a gateway whose settings come from these variables.
pub(crate) async fn start(variables: &[(&str, &str)]) -> TestApp {
    TestApp::start(app(variables)).await
}

pub(crate) fn app(variables: &[(&str, &str)]) -> App {
    App::new("gateway").with(gateway::plugin(settings(variables)).expect("a gateway"))
}

pub(crate) fn settings(variables: &[(&str, &str)]) -> Settings {
    Settings::loader().env_from(variables.iter().copied()).load().expect("settings")
}

/// A device that is connected.
pub(crate) struct Device(BufReader<Connection>);

impl Device {
    pub(crate) async fn connect(app: &TestApp) -> Self {
        Self(BufReader::new(app.connect("tcp").await))
    }

    /// Sends a line and returns the answer.
    pub(crate) async fn says(&mut self, line: &str) -> String {
        self.sends(line).await;
        self.hears().await
    }

    pub(crate) async fn sends(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).await.expect("a connection");
    }

    pub(crate) async fn hears(&mut self) -> String {
        let mut answer = String::new();
        self.0.read_line(&mut answer).await.expect("an answer");
        answer.trim_end().to_owned()
    }
}

/// Returns what an operator's endpoint answers.
pub(crate) async fn ask(app: &TestApp, path: &str) -> String {
    let mut client = app.connect("ops").await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("a connection");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// Returns the value of a series, as it is exposed.
pub(crate) async fn metric(app: &TestApp, series: &str) -> Option<f64> {
    let page = ask(app, "/metrics").await;
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}

pub(crate) async fn check_metric(app: &TestApp, series: &str, expected: impl Into<Option<f64>>) {
    assert_eq!(metric(app, series).await, expected.into(), "{series}");
}

/// Waits until a series has a value.
pub(crate) async fn until_metric(app: &TestApp, series: &str, expected: impl Into<Option<f64>>) {
    let expected = expected.into();
    until(series, async || metric(app, series).await == expected).await;
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "it is not so after {PATIENCE:?}: {what}");
        yield_now().await;
    }
}
