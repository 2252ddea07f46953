//! HTTP over TLS: the listener of one crate under the server of another.

use std::{net::SocketAddr, process::Output};

use misc::{
    App,
    http::{
        Server,
        axum::{Router, routing::get},
    },
    net::tls::{Config, Tls},
    test::{TestApp, tool},
};
use tokio::process::Command;

use crate::authority::Authority;

async fn curl(authority: &Authority, server: SocketAddr, version: &str) -> Output {
    let port = server.port();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "10", version, "--write-out", " by HTTP/%{http_version}"]);
    curl.args(["--cacert", &authority.path("ca.crt"), "--resolve", &format!("localhost:{port}:127.0.0.1")]);
    curl.arg(format!("https://localhost:{port}/")).kill_on_drop(true).output().await.expect("curl runs")
}

#[tokio::test]
async fn a_client_agrees_on_the_version_of_http() {
    if !tool("curl") {
        return;
    }
    let authority = Authority::new();
    authority.certify("server");
    let [certificate, key] = ["server.crt", "server.key"].map(|name| authority.path(name));
    let tls = Tls::new(Config::new(certificate, key)).expect("a certificate");
    let routes = Router::new().route("/", get(async || "Hello"));
    let server = Server::new("127.0.0.1:0", routes).over(tls.for_http().listener());
    let app = TestApp::start(App::new("test").service("https", server)).await;
    let address = app.address("https").await;
    for (version, expected) in [("--http1.1", "Hello by HTTP/1.1"), ("--http2", "Hello by HTTP/2")] {
        let output = curl(&authority, address, version).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
    app.stop().await.assert_ok();
}
