//! The test that the README shows is one that passes.

#![cfg(feature = "test")]

#[cfg(all(feature = "queue", feature = "scheduler"))]
mod cluster;
#[cfg(feature = "scheduler")]
mod guide;
#[cfg(feature = "scheduler-tokio-cron")]
mod hosted;
#[cfg(all(feature = "health", feature = "scheduler"))]
mod scheduler;

use std::time::Duration;

use misc::{Context, Listener, test::TestApp};
use tokio::{
    io::AsyncReadExt,
    time::{Instant, sleep},
};

#[tokio::test(start_paused = true)]
async fn the_greeter_waits_a_minute_and_stops_cleanly() {
    let greeter = async |ctx: Context| {
        let mut incoming = ctx.listen(&"0.0.0.0:80".into()).await?; // in memory: the clock is paused
        ctx.ready();
        let (_connection, _peer) = incoming.accept().await?;
        sleep(Duration::from_secs(60)).await;
        Ok(())
    };
    let app = TestApp::service(greeter).await; // it is ready
    let mut client = app.connect("service").await;
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 60); // and no time has passed
    app.ended().await.assert_clean().await; // in order, in time, and no task was left behind
}

#[test]
fn the_readme_shows_the_test_above() {
    let shown = include_str!("../../../../README.md").split_once("## Test your service\n\n```rust\n");
    let (shown, _) = shown.and_then(|(_, rest)| rest.split_once("\n```")).expect("a block of Rust");
    assert!(include_str!("main.rs").contains(shown), "not what is tested here:\n{shown}");
}
