//! Devices that send datagrams.

use tokio::net::UdpSocket;

use crate::support::{NO_BROKER, check_metric, start, until_metric};

#[tokio::test]
async fn datagrams_are_counted_and_kept() {
    let app = start(&[NO_BROKER]).await;
    let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    device.connect(app.address("udp").await).await.unwrap();
    for frame in [&b"shed temperature=3"[..], b"shed temperature=4 humidity=80\n", b"shed", b"\xff", b""] {
        device.send(frame).await.unwrap();
    }
    until_metric(&app, r#"gateway_readings_total{transport="udp",outcome="malformed"}"#, 3.0).await;
    check_metric(&app, r#"gateway_readings_total{transport="udp",outcome="accepted"}"#, 3.0).await;
    check_metric(&app, r#"gateway_reading{device="shed",kind="humidity"}"#, 80.0).await;
    assert!(device.try_recv(&mut [0; 100]).is_err(), "nobody is answered");
    app.stop().await.assert_clean().await;
}
