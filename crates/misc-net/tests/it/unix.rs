//! Connections over Unix sockets.

use misc_net::{
    codec::LinesCodec,
    unix::{Peer, Server},
};
use misc_test::TestApp;

use crate::support::check;

#[tokio::test]
async fn serves_frames_at_a_path() {
    let path = std::env::temp_dir().join(format!("misc-net-{}.sock", std::process::id()));
    let address = format!("unix:{}", path.display());
    let who = async |line: String, peer: Peer| Ok(Some(format!("{line} {peer}")));
    let app = TestApp::service(Server::framed(&*address, LinesCodec::new(), who)).await;
    check(&mut app.connect("service").await, "hello\n", "hello unix:\n").await;
    app.stop().await.assert_clean().await;
    drop(std::fs::remove_file(path));
}

#[tokio::test]
async fn an_address_without_its_scheme_is_refused_with_the_right_form() {
    let app = TestApp::launch(misc_core::App::new("shop").service(
        "server",
        Server::framed("/run/shop.sock", LinesCodec::new(), async |line: String, _: Peer| Ok(Some(line))),
    ));
    let ended = app.ended().await;
    let report = ended.report().to_string();
    assert!(report.contains("unix:/path"), "{report}");
}
