//! Other people's clients against the server: curl, h2load and wrk, each where it is installed.
#![cfg(all(unix, feature = "axum"))]

use std::{path::PathBuf, process::Output, time::Duration};

use misc_core::{Address, App};
use misc_http::{
    Server,
    axum::{
        Router,
        routing::{get, post},
    },
};
use misc_test::{TestApp, tool};
use tokio::{process::Command, time::timeout};

/// No client takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What curl prints after an answer: its status, and the version of HTTP.
const SUMMARY: &str = "\n%{http_code} %{http_version}";

/// Starts an app whose server listens there.
async fn serve(listen: impl Into<Address>) -> TestApp {
    let routes = Router::new()
        .route("/", get(async || "Hello!"))
        .route("/upload", post(async |body: String| format!("{} bytes", body.len())));
    TestApp::start(App::new("test").service("http", Server::new(listen.into(), routes))).await
}

async fn run(program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it ends in time");
    output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"))
}

/// Returns what a program has printed, which must succeed.
async fn succeed(program: &str, args: &[&str]) -> String {
    let output = run(program, args).await;
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{program} {args:?}: {}\n{}", output.status, printed.concat());
    printed.concat()
}

/// Returns the body, the status and the version of what curl gets.
async fn curl(args: &[&str]) -> String {
    succeed("curl", &[&["--silent", "--show-error", "--max-time", "30", "--write-out", SUMMARY], args].concat()).await
}

#[tokio::test]
async fn curl_gets_what_it_asks_for_over_both_versions() {
    if !tool("curl") {
        return;
    }
    let app = serve("127.0.0.1:0").await;
    let root = format!("http://{}", app.address("http").await);
    let [upload, nowhere] = ["/upload", "/nowhere"].map(|path| format!("{root}{path}"));
    for (how, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let check = async |args: &[&str], body: &str, status: u16| {
            let expected = format!("{body}\n{status} {version}");
            assert_eq!(curl(&[&[how], args].concat()).await, expected, "{how} {args:?}");
        };
        check(&[&root], "Hello!", 200).await;
        check(&["--data", "12345", &upload], "5 bytes", 200).await;
        let long = "x".repeat(100_000);
        check(&["--data", &long, &upload], "100000 bytes", 200).await;
        check(&[&nowhere], "", 404).await;
        check(&[&upload], "", 405).await;
    }
    // A body that nobody reads; over HTTP/2 it may end with a reset without an error (RFC 9113, section 8.1), for which some
    // versions of curl throw the answer away.
    assert_eq!(curl(&["--http1.1", "--data", "12345", &root]).await, "\n405 1.1");
    // Two on one connection; curl before 8.0 cannot do this with prior knowledge of HTTP/2 (curl/curl#10634).
    let twice = curl(&["--http1.1", &root, &root]).await;
    assert_eq!(twice, "Hello!\n200 1.1".repeat(2));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn curl_gets_the_head_alone() {
    if !tool("curl") {
        return;
    }
    let app = serve("127.0.0.1:0").await;
    let root = format!("http://{}", app.address("http").await);
    for how in ["--http1.1", "--http2-prior-knowledge"] {
        let head = curl(&[how, "--head", &root]).await.to_ascii_lowercase();
        assert!(head.contains("\r\ncontent-length: 6\r\n"), "{how}: {head}");
        assert!(head.contains("\r\n\r\n\n200 "), "{how}: there is a body: {head}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn curl_waits_until_its_body_is_wanted() {
    if !tool("curl") {
        return;
    }
    let app = serve("127.0.0.1:0").await;
    let upload = format!("http://{}/upload", app.address("http").await);
    let talk = curl(&["--http1.1", "--verbose", "--header", "expect: 100-continue", "--data", "12345", &upload]).await;
    assert!(talk.contains("< HTTP/1.1 100 Continue") && talk.contains("5 bytes\n200 1.1"), "{talk}");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn curl_is_served_over_a_unix_socket() {
    if !tool("curl") {
        return;
    }
    let socket = Socket(std::env::temp_dir().join(format!("misc-http-foreign-{}.sock", std::process::id())));
    let path = socket.0.to_str().expect("a path of letters");
    let app = serve(&*format!("unix:{path}")).await;
    for (how, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let got = curl(&[how, "--unix-socket", path, "http://local/"]).await;
        assert_eq!(got, format!("Hello!\n200 {version}"));
    }
    app.stop().await.assert_clean().await;
}

/// The path of a socket, which is not left behind.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // The app has removed it if it came so far.
        drop(std::fs::remove_file(&self.0));
    }
}

#[tokio::test]
async fn h2load_loses_no_request_over_both_versions() {
    if !tool("h2load") {
        return;
    }
    let app = serve("127.0.0.1:0").await;
    let root = format!("http://{}/", app.address("http").await);
    for version in [&["--h1"][..], &["-m", "10"]] {
        let said = succeed("h2load", &[version, &["-n", "1000", "-c", "10", &root]].concat()).await;
        assert!(said.contains("1000 succeeded, 0 failed, 0 errored, 0 timeout"), "{version:?}: {said}");
        assert!(said.contains("status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{version:?}: {said}");
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn wrk_sees_no_error() {
    if !tool("wrk") {
        return;
    }
    let app = serve("127.0.0.1:0").await;
    let root = format!("http://{}/", app.address("http").await);
    let said = succeed("wrk", &["--threads", "2", "--connections", "20", "--duration", "1s", &root]).await;
    assert!(said.contains(" requests in "), "{said}");
    // It says these only when there are some.
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    app.stop().await.assert_clean().await;
}
