//! Devices on TLS.

use std::{io, net::SocketAddr};

use misc::{
    App, BoxError,
    net::{
        tcp::{Client, Connection},
        tls,
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::mpsc,
};

use crate::{
    authority::Authority,
    support::{NO_BROKER, check_metric, settings, start, until},
};

/// What a device has seen of the gateway.
struct Answer {
    certificate: Vec<u8>,
    line: String,
}

/// Sends a line as a device does, with a client that is an app of its own.
async fn say(gateway: SocketAddr, tls: &tls::Client, line: &'static str) -> io::Result<Answer> {
    let (sender, mut answers) = mpsc::channel(1);
    let device = Client::new(gateway, move |connection: Connection| {
        let sender = sender.clone();
        async move {
            // The test may have what it wanted already.
            drop(sender.try_send(exchange(connection, line).await));
            Ok::<_, BoxError>(())
        }
    });
    let app = App::new("device").without_signals().service("gateway", device.tls(tls));
    app.run_until(async { answers.recv().await.expect("the client lives") }).await.expect("it runs").expect("an answer")
}

async fn exchange(mut connection: Connection, line: &str) -> io::Result<Answer> {
    let certificate = connection.peer().certificates().next().expect("the gateway has one").to_vec();
    connection.write_all(format!("{line}\n").as_bytes()).await?;
    let answer = BufReader::new(connection).lines().next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Answer { certificate, line: answer })
}

#[tokio::test]
async fn devices_are_served_over_tls() {
    let authority = Authority::new();
    authority.certify("gateway");
    let (certificate, key) = (authority.path("gateway.crt"), authority.path("gateway.key"));
    let app = start(&[NO_BROKER, ("GATEWAY_TLS_CERTIFICATE", &certificate), ("GATEWAY_TLS_KEY", &key)]).await;
    let at = app.address("tcp-tls").await;
    let answer = say(at, &authority.trusted_by(None), "attic temperature=35").await.unwrap();
    assert_eq!(answer.line, "ok");
    check_metric(&app, r#"gateway_readings_total{transport="tls",outcome="accepted"}"#, 1.0).await;
    check_metric(&app, r#"gateway_reading{device="attic",kind="temperature"}"#, 35.0).await;
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn devices_without_a_certificate_are_refused_where_one_is_required() {
    let authority = Authority::new();
    authority.certify("gateway");
    authority.certify("attic");
    let (certificate, key) = (authority.path("gateway.crt"), authority.path("gateway.key"));
    let ca = authority.path("ca.crt");
    for (auth, without) in [("required", false), ("optional", true)] {
        let app = start(&[
            NO_BROKER,
            ("GATEWAY_TLS_CERTIFICATE", &certificate),
            ("GATEWAY_TLS_KEY", &key),
            ("GATEWAY_TLS_CLIENT_CA", &ca),
            ("GATEWAY_TLS_CLIENT_AUTH", auth),
        ])
        .await;
        let at = app.address("tcp-tls").await;
        let (with, none) = (authority.trusted_by(Some("attic")), authority.trusted_by(None));
        assert_eq!(say(at, &with, "attic temperature=35").await.unwrap().line, "ok", "{auth}");
        assert_eq!(say(at, &none, "attic temperature=36").await.is_ok(), without, "{auth}");
        app.stop().await.assert_ok();
    }
}

#[tokio::test]
async fn certificates_that_are_replaced_are_used_without_a_restart() {
    let authority = Authority::new();
    authority.certify("gateway");
    let (certificate, key) = (authority.path("gateway.crt"), authority.path("gateway.key"));
    let app = start(&[NO_BROKER, ("GATEWAY_TLS_CERTIFICATE", &certificate), ("GATEWAY_TLS_KEY", &key)]).await;
    let (at, trusted) = (app.address("tcp-tls").await, authority.trusted_by(None));
    let shown = async || say(at, &trusted, "attic temperature=35").await.unwrap().certificate;
    let before = shown().await;
    authority.certify("gateway");
    until("it shows the other one", async || shown().await != before).await;
    app.stop().await.assert_ok();
}

#[test]
fn certificates_that_are_not_there_are_named_before_anything_starts() {
    let nowhere = [("GATEWAY_TLS_CERTIFICATE", "/nowhere/tls.crt"), ("GATEWAY_TLS_KEY", "/nowhere/tls.key")];
    let Err(error) = gateway::plugin(settings(&nowhere)) else { panic!("there are none") };
    let error = error.to_string();
    assert!(error.contains("/nowhere/tls.crt") && error.contains("/nowhere/tls.key"), "{error}");
}
