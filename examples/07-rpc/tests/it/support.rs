//! A backend and a front under test, and who asks them.

use misc::{App, Meter, metrics::Registry, test::TestApp};
use rpc::Directory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Runs the service that has the users.
pub(crate) async fn backend() -> TestApp {
    let backend = rpc::backend("127.0.0.1:0".into(), Directory::default(), &Meter::default());
    TestApp::start(App::new("backend").with(backend.expect("methods"))).await
}

/// Runs the service that calls it.
pub(crate) async fn front(backend: &TestApp) -> TestApp {
    let metrics = Registry::new("front");
    let users = format!("http://{}/rpc", backend.address("users").await);
    let front = rpc::front("127.0.0.1:0".into(), &users, &metrics).expect("a URL");
    TestApp::start(App::new("front").with(metrics).with(front)).await
}

/// Gets a path of a service; returns the status and the body.
pub(crate) async fn get(app: &TestApp, service: &str, path: &str) -> (u16, String) {
    ask(app, service, &format!("GET {path} HTTP/1.1\r\n"), "").await
}

/// Posts JSON, or anything else that is not.
pub(crate) async fn post(app: &TestApp, service: &str, path: &str, body: &str) -> (u16, String) {
    let content_type = if body.starts_with(['{', '[']) { "application/json" } else { "text/plain" };
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n", body.len());
    ask(app, service, &head, body).await
}

async fn ask(app: &TestApp, service: &str, head: &str, body: &str) -> (u16, String) {
    let mut client = app.connect(service).await;
    let request = format!("{head}host: users\r\nconnection: close\r\n\r\n{body}");
    client.write_all(request.as_bytes()).await.expect("a connection");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
