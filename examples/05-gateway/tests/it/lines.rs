//! Devices on plain TCP.

use misc::test::FaultProxy;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Device, NO_BROKER, ask, check_metric, start, until_metric};

const ACCEPTED: &str = r#"gateway_readings_total{transport="tcp",outcome="accepted"}"#;
const MALFORMED: &str = r#"gateway_readings_total{transport="tcp",outcome="malformed"}"#;

#[tokio::test]
async fn readings_are_answered_counted_and_kept() {
    let app = start(&[NO_BROKER]).await;
    let mut kitchen = Device::connect(&app).await;
    assert_eq!(kitchen.says("kitchen temperature=21.5 humidity=40").await, "ok");
    assert_eq!(kitchen.says("kitchen temperature=-0.5").await, "ok");
    assert_eq!(Device::connect(&app).await.says("cellar temperature=1e1").await, "ok");
    check_metric(&app, ACCEPTED, 4.0).await;
    for (device, kind, value) in
        [("kitchen", "temperature", -0.5), ("kitchen", "humidity", 40.0), ("cellar", "temperature", 10.0)]
    {
        check_metric(&app, &format!("gateway_reading{{device=\"{device}\",kind=\"{kind}\"}}"), value).await;
    }
    drop(kitchen);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_is_malformed_is_told_why_and_changes_nothing() {
    let app = start(&[NO_BROKER]).await;
    let mut device = Device::connect(&app).await;
    let long = "x".repeat(65);
    let refused = [
        ("", "error: nothing is measured: send `device kind=value ..`"),
        ("kitchen", "error: nothing is measured: send `device kind=value ..`"),
        ("kitchen 21.5", "error: `21.5` is not a reading: write `kind=value`"),
        ("kitchen temperature=", "error: `` is not a finite number"),
        ("kitchen temperature=warm", "error: `warm` is not a finite number"),
        ("kitchen temperature=NaN", "error: `NaN` is not a finite number"),
        ("kitchen temperature=1e999", "error: `1e999` is not a finite number"),
        ("kitchen humidity=40 temperature=warm", "error: `warm` is not a finite number"),
        ("kitchen/+ temperature=1", "error: `kitchen/+` is not a name: use 1 to 64 letters, digits, `-` and `_`"),
        ("kitchen =1", "error: `` is not a name: use 1 to 64 letters, digits, `-` and `_`"),
    ];
    for (line, answer) in refused {
        assert_eq!(device.says(line).await, answer, "{line}");
    }
    assert!(device.says(&format!("{long} temperature=1")).await.ends_with("`-` and `_`"));
    check_metric(&app, MALFORMED, 11.0).await;
    check_metric(&app, ACCEPTED, 0.0).await;
    assert!(!ask(&app, "/metrics").await.contains("gateway_reading{"));
    assert_eq!(device.says("kitchen temperature=21.5").await, "ok", "and the connection goes on");
    drop(device);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_connection() {
    let app = start(&[NO_BROKER]).await;
    for nonsense in [&[b'x'; 2048][..], b"kitchen \xff=1\n"] {
        let mut device = app.connect("tcp").await;
        device.write_all(nonsense).await.unwrap();
        let mut answer = Vec::new();
        // It may be reset, since nobody reads the rest.
        drop(device.read_to_end(&mut answer).await);
        assert!(answer.is_empty());
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_is_one_frame() {
    let app = start(&[NO_BROKER]).await;
    let (proxy, faults) = FaultProxy::new(app.address("tcp").await);
    app.handle().start("proxy", proxy).await.expect("the proxy starts");
    faults.trickle(1, Duration::from_millis(1));
    let mut device = TcpStream::connect(faults.address()).await.unwrap();
    device.write_all(b"kitchen temperature=21.5\n").await.unwrap();
    until_metric(&app, ACCEPTED, 1.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
}
