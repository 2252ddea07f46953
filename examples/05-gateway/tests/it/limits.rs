//! What outsiders can make the gateway keep.

use crate::support::{Device, NO_BROKER, ask, check_metric, start, until_metric};

#[tokio::test]
async fn devices_past_the_cap_share_one_series() {
    let app = start(&[NO_BROKER, ("GATEWAY_SERIES", "10")]).await;
    let mut device = Device::connect(&app).await;
    for number in 0..1000 {
        assert_eq!(device.says(&format!("device-{number} temperature={number}")).await, "ok");
    }
    let page = ask(&app, "/metrics").await;
    assert_eq!(page.lines().filter(|line| line.starts_with("gateway_reading{device")).count(), 10);
    check_metric(&app, r#"gateway_reading{otel_metric_overflow="true"}"#, 999.0).await;
    check_metric(&app, r#"metrics_series_overflow_total{metric="gateway_reading"}"#, 990.0).await;
    check_metric(&app, r#"gateway_readings_total{transport="tcp",outcome="accepted"}"#, 1000.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn devices_that_are_gone_are_forgotten() {
    let app = start(&[NO_BROKER, ("GATEWAY_FORGET_AFTER", "1ms")]).await;
    let mut device = Device::connect(&app).await;
    device.says("kitchen temperature=21.5").await;
    let series = r#"gateway_reading{device="kitchen",kind="temperature"}"#;
    until_metric(&app, series, None).await;
    check_metric(&app, r#"gateway_readings_total{transport="tcp",outcome="accepted"}"#, 1.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn the_oldest_readings_make_room_while_the_broker_is_away() {
    let app = start(&[NO_BROKER, ("GATEWAY_BROKER_QUEUE", "3")]).await;
    let mut device = Device::connect(&app).await;
    for value in 0..10 {
        device.says(&format!("kitchen temperature={value}")).await;
    }
    // One of them is in the hands of the client, which waits for a connection.
    check_metric(&app, "gateway_broker_queue_length", 3.0).await;
    check_metric(&app, r#"gateway_broker_readings_total{outcome="dropped"}"#, 6.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
}
