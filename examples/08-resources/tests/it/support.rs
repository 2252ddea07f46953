//! A bank and a shop under test, and who asks them.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use misc::{
    App,
    config::{Config as _, Format, Layer},
    test::TestApp,
};
use resources::{Settings, bank, shop};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::yield_now,
    time::Instant,
};

/// How long what happens soon may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory of one test, which does not outlive it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// The URL of a database in it.
    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.0.join("prices.db").display())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Runs a bank.
pub(crate) async fn start_bank() -> TestApp {
    TestApp::start(App::new("bank").service("bank", bank("127.0.0.1:0"))).await
}

/// A shop whose settings differ from the defaults in these lines.
pub(crate) fn shop_with(settings: &str) -> App {
    let settings = Layer::parse("test", Format::Yaml, settings).expect("YAML");
    let settings = Settings::loader().layer(settings).load().expect("settings");
    App::new("shop").with(shop(settings))
}

/// Runs a shop with a database of its own, and these lines about that; there is no bank.
pub(crate) async fn start_shop(directory: &Directory, db: &str) -> TestApp {
    let settings = format!("http: {{listen: '127.0.0.1:0'}}\ndb: {{url: '{}', {db}}}", directory.url());
    TestApp::start(shop_with(&settings)).await
}

/// Gets a path of a service; returns the status and all of the answer.
pub(crate) async fn get(app: &TestApp, service: &str, path: &str) -> (u16, String) {
    ask(app, service, &format!("GET {path} HTTP/1.1\r\n"), "").await
}

/// Posts a text, or a number as JSON.
pub(crate) async fn post(app: &TestApp, service: &str, path: &str, body: &str) -> (u16, String) {
    let content_type = if body.parse::<u32>().is_ok() { "application/json" } else { "text/plain" };
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n", body.len());
    ask(app, service, &head, body).await
}

/// Asks until the answer contains a text.
pub(crate) async fn until(app: &TestApp, path: &str, text: &str) {
    let since = Instant::now();
    loop {
        let (_, answer) = get(app, "http", path).await;
        if answer.contains(text) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "`{text}` is not in {answer}");
        yield_now().await;
    }
}

async fn ask(app: &TestApp, service: &str, head: &str, body: &str) -> (u16, String) {
    let mut client = app.connect(service).await;
    let request = format!("{head}host: shop\r\nconnection: close\r\n\r\n{body}");
    client.write_all(request.as_bytes()).await.expect("a connection");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer)
}
