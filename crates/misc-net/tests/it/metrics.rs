//! What is measured.

use misc_core::App;
use misc_net::{
    codec::LinesCodec,
    tcp::{Peer, Server},
};
use misc_test::{Metrics, TestApp};

use crate::support::{check, echo};

#[tokio::test(start_paused = true)]
async fn connections_bytes_and_frames_are_measured_by_service() {
    let metrics = Metrics::new();
    let frames = Server::framed("127.0.0.1:81", LinesCodec::new(), async |line: String, _: Peer| Ok(Some(line)));
    let app = App::new("test")
        .meter(metrics.meter())
        .service("bytes", Server::new("127.0.0.1:80", echo))
        .service("frames", frames);
    let app = TestApp::start(app).await;
    let mut bytes = app.connect("bytes").await;
    check(&mut bytes, "hello", "hello").await;
    metrics.assert_metric("net_server_active_connections", &[("service", "bytes"), ("transport", "tcp")], 1.0);
    drop(bytes);
    let mut frames = app.connect("frames").await;
    check(&mut frames, "a\nb\n", "a\nb\n").await;
    drop(frames);
    metrics.until("net_server_active_connections", &[], 0.0).await;
    for (service, length) in [("bytes", 5.0), ("frames", 4.0)] {
        metrics.assert_metric("net_server_connections_total", &[("service", service)], 1.0);
        assert_eq!(metrics.values("net_server_connection_duration_seconds", &[("service", service)]).len(), 1);
        for direction in ["receive", "transmit"] {
            metrics.assert_metric(
                "net_server_io_bytes_total",
                &[("service", service), ("direction", direction)],
                length,
            );
        }
    }
    metrics.assert_metric("net_server_frames_total", &[("service", "frames")], 2.0);
    app.stop().await.assert_clean().await;
}
