//! A paused clock and real sockets are not mixed.

use misc_core::App;
use misc_test::TestApp;

use crate::support::{check_echo, check_says, echo, panic_of};

#[tokio::test(start_paused = true)]
async fn there_is_no_real_address_on_a_paused_clock() {
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    let text = panic_of(app.address("service")).await;
    check_says(
        &text,
        &["no real address of `service` on a paused clock", "`connect(\"service\")`", "`#[tokio::test]`"],
    );
    check_echo(&mut app.connect("service").await).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_clock_that_is_paused_later_is_noticed() {
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    tokio::time::pause();
    let parts = ["the clock was paused after app `test`", "`#[tokio::test(start_paused = true)]`"];
    check_says(&panic_of(app.connect("service")).await, &parts);
    check_says(&panic_of(app.address("service")).await, &parts);
    check_says(&panic_of(app.stop()).await, &parts);
}

#[tokio::test]
async fn a_clock_that_runs_again_does_no_harm() {
    tokio::time::pause();
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    tokio::time::resume();
    check_echo(&mut app.connect("service").await).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_app_launched_as_it_is_on_a_paused_clock_is_reached_its_own_way() {
    let app = TestApp::launch_as_is(App::new("shop").service("echo", echo("127.0.0.1:0")));
    check_says(&panic_of(app.connect("echo")).await, &["launched as it is", "through the sockets that it has brought"]);
    app.stop().await.assert_ok();
}
