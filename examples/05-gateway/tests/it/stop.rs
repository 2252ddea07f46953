//! The end of the gateway.

use std::time::Duration;

use misc::test::{Logs, Signal};
use tokio::time::Instant;

use crate::support::{Device, NO_BROKER, start};

#[tokio::test]
async fn takes_no_more_readings_before_it_ceases_to_publish() {
    let app = start(&[NO_BROKER]).await;
    app.signal(Signal::Terminate);
    let ended = app.ended().await;
    ended.assert_clean().await;
    assert_eq!(ended.exit_code(), 0);
    for devices in ["tcp stopped", "udp stopped"] {
        ended.phases().assert_order([devices, "broker stopping", "broker stopped", "ops stopping"]);
    }
}

#[tokio::test]
async fn does_not_wait_for_a_broker_that_is_away() {
    let logs = Logs::capture();
    let app = start(&[NO_BROKER]).await;
    let mut device = Device::connect(&app).await;
    device.says("kitchen temperature=21.5 humidity=40").await;
    drop(device);
    let since = Instant::now();
    app.stop().await.assert_clean().await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    logs.assert_logged("readings were not published, for the broker does not answer readings=2");
}
