//! TLS: certificates, those of clients, reloads.

mod authority;

use std::{io, num::NonZeroU32, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use misc_core::{App, BoxError, Context, Listener as _, spec};
use misc_net::{
    codec::LinesCodec,
    tcp::{self, Connection, Peer, Server},
    tls::{Client, ClientAuth, ClientConfig, Config, Tls, Version},
};
use misc_test::{Logs, Metrics, Signal, TestApp};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, advance},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use self::authority::{Authority, Files};
use crate::support::{check, check_closed, echo};

type Secure = TlsStream<misc_test::Connection>;

/// Makes the handshake as a client of the test.
async fn connect(app: &TestApp, config: rustls::ClientConfig) -> io::Result<Secure> {
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, app.connect("service").await).await
}

/// Asserts that a connection works; returns the certificate of the server.
async fn check_echo(secure: &mut Secure) -> Vec<u8> {
    check(secure, "hello", "hello").await;
    secure.get_ref().1.peer_certificates().expect("the server has one")[0].to_vec()
}

/// Echoes who the client says that it is: the number of its certificates, and the protocol.
async fn who(mut connection: Connection) -> Result<(), BoxError> {
    let peer = connection.peer();
    let protocol = peer.protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let text = format!("{} {}", peer.certificates().count(), protocol.unwrap_or_default());
    connection.write_all(text.as_bytes()).await?;
    connection.shutdown().await?;
    Ok(())
}

async fn answer(app: &TestApp, config: rustls::ClientConfig) -> io::Result<String> {
    let mut text = String::new();
    connect(app, config).await?.read_to_string(&mut text).await?;
    Ok(text)
}

fn tls(files: &Files) -> Tls {
    Tls::new(files.config()).expect("certificates")
}

#[tokio::test(start_paused = true)]
async fn serves_frames_over_tls() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let codec = LinesCodec::new();
    let server = Server::framed("127.0.0.1:443", codec, async |line: String, _: Peer| Ok(Some(line))).tls(&tls(&files));
    let app = TestApp::service(server).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = connect(&app, authority.client_of(&[version])).await.unwrap();
        check(&mut client, "hello\n", "hello\n").await;
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn versions_below_the_least_are_refused() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let mut config = files.config();
    config.min_version = Version::Tls13;
    let app = TestApp::service(Server::new("127.0.0.1:443", echo).tls(&Tls::new(config).unwrap())).await;
    connect(&app, authority.client_of(&[&rustls::version::TLS12])).await.unwrap_err();
    check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn clients_without_a_certificate_are_refused_where_one_is_required() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let files = authority.files("localhost");
    for (auth, without) in [(ClientAuth::Required, None), (ClientAuth::Optional, Some("0 "))] {
        let mut config = files.config();
        config.client_ca = Some(clients.file(&files));
        config.client_auth = auth;
        let app = TestApp::service(Server::new("127.0.0.1:443", who).tls(&Tls::new(config).unwrap())).await;
        let own = authority.client_with(&clients.certified("client"));
        assert_eq!(answer(&app, own).await.unwrap(), "1 ", "{auth:?}");
        assert_eq!(answer(&app, authority.client()).await.ok().as_deref(), without, "{auth:?}");
        let foreign = authority.client_with(&authority.certified("client"));
        answer(&app, foreign).await.expect_err("another authority has signed it");
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test(start_paused = true)]
async fn protocols_are_agreed_on() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let mut config = files.config();
    config.alpn = vec!["shop".to_owned()];
    let plain = Tls::new(config).unwrap();
    for (tls, offered, agreed) in [
        (plain.clone(), "shop", "0 shop"),
        (plain.clone().for_http(), "h2", "0 h2"),
        (plain.clone().for_http(), "http/1.1", "0 http/1.1"),
        (plain.clone().alpn(["other"]), "other", "0 other"),
    ] {
        let app = TestApp::service(Server::new("127.0.0.1:443", who).tls(&tls)).await;
        let mut client = authority.client();
        client.alpn_protocols = vec![offered.into()];
        assert_eq!(answer(&app, client).await.unwrap(), agreed);
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_comes_holds_up_nobody_and_is_given_up() {
    let (authority, metrics) = (Authority::new(), Metrics::new());
    let files = authority.files("localhost");
    let server = Server::new("127.0.0.1:443", echo).tls(&tls(&files));
    let app = TestApp::start(App::new("test").meter(metrics.meter()).service("service", server)).await;
    let mut silent = app.connect("service").await;
    check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    let since = Instant::now();
    check_closed(&mut silent).await;
    assert_eq!(since.elapsed().as_secs(), 10);
    let mut wrong = app.connect("service").await;
    wrong.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    wrong.read_to_end(&mut Vec::new()).await.unwrap();
    metrics.until("net_server_handshake_failures_total", &[], 2.0).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn any_server_takes_the_listener() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let listener = tls(&files).for_http().listener();
    let service = async move |ctx: Context| {
        let mut incoming = listener(ctx.listen(&"127.0.0.1:443".into()).await?);
        ctx.ready();
        while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
            let mut stream = accepted?.0.await?;
            let protocol = stream.protocol().unwrap_or_default().to_vec();
            assert_eq!(stream.peer_certificates().count(), 0);
            stream.write_all(&protocol).await?;
            stream.shutdown().await?;
        }
        Ok(())
    };
    let app = TestApp::service(service).await;
    let mut client = authority.client();
    client.alpn_protocols = vec![b"h2".to_vec()];
    assert_eq!(answer(&app, client).await.unwrap(), "h2");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_in_force_at_the_next_handshake_while_connections_go_on() {
    let logs = Logs::capture();
    let authority = Authority::new();
    let files = authority.files("localhost");
    let app = TestApp::service(Server::new("127.0.0.1:443", echo).tls(&tls(&files))).await;
    let mut old = connect(&app, authority.client()).await.unwrap();
    let before = check_echo(&mut old).await;
    authority.renew(&files);
    let again = check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    assert_eq!(again, before, "they are looked at once a second");
    advance(Duration::from_secs(1)).await;
    let after = check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    assert_ne!(after, before);
    assert_eq!(check_echo(&mut old).await, before);
    assert_eq!(count(&logs, "the files of TLS were read again"), 1);
    logs.assert_logged("{connection}: the files of TLS were read again service=service");
    drop(old);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_given_up_still_tells_of_the_files_that_it_had_read() {
    let logs = Logs::capture();
    let authority = Authority::new();
    let files = authority.files("localhost");
    let listener = tls(&files).listener();
    let service = async move |ctx: Context| {
        let mut incoming = listener(ctx.listen(&"127.0.0.1:443".into()).await?);
        ctx.ready();
        let (mut handshake, _) = incoming.accept().await?;
        // It begins to look at the files, and nobody waits for it any more.
        assert!((&mut handshake).now_or_never().is_none());
        drop(handshake);
        ctx.stopping().await;
        Ok(())
    };
    let app = TestApp::service(service).await;
    authority.renew(&files);
    advance(Duration::from_secs(1)).await;
    let _client = app.connect("service").await;
    logs.until("the files of TLS were read again").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_used_leave_those_before_in_force() {
    let logs = Logs::capture();
    let authority = Authority::new();
    let files = authority.files("localhost");
    let tls = tls(&files);
    let app = TestApp::service(Server::new("127.0.0.1:443", echo).tls(&tls)).await;
    let before = check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    std::fs::write(&files.key, authority.certified("localhost").key).unwrap();
    for _ in 0..3 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(check_echo(&mut connect(&app, authority.client()).await.unwrap()).await, before);
    }
    assert_eq!(count(&logs, "new files of TLS cannot be used"), 1);
    logs.assert_logged("does not belong to the first certificate");
    assert!(tls.reload().unwrap_err().is_mismatch());
    std::fs::remove_file(&files.key).unwrap();
    advance(Duration::from_secs(1)).await;
    assert_eq!(check_echo(&mut connect(&app, authority.client()).await.unwrap()).await, before);
    assert!(tls.reload().unwrap_err().is_file());
    authority.renew(&files);
    tls.reload().unwrap();
    assert_ne!(check_echo(&mut connect(&app, authority.client()).await.unwrap()).await, before);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_reload_reads_the_files_again() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let tls = tls(&files);
    let other = spec(tls.clone()).background();
    let app = App::new("test").with(tls.clone()).service("tls-other", other);
    let app = TestApp::start(app.service("service", Server::new("127.0.0.1:443", echo).tls(&tls))).await;
    let before = check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    authority.renew(&files);
    app.signal(Signal::Hangup);
    let mut after = before.clone();
    while after == before {
        after = check_echo(&mut connect(&app, authority.client()).await.unwrap()).await;
    }
    app.stop().await.assert_clean().await;
}

#[test]
fn every_problem_is_named() {
    let files = Authority::new().files("localhost");
    let mut config = Config::new(&files.key, "/nowhere/tls.key");
    config.client_auth = ClientAuth::Required;
    let error = Tls::new(config).unwrap_err();
    assert!(error.is_file() && error.is_setting() && !error.is_mismatch());
    check_says(
        &error,
        &[
            &format!("there is no certificate in `{}`", files.key.display()),
            "cannot read the private key `/nowhere/tls.key`",
            "set `client_ca`",
        ],
    );
    let mut config = Config::new(&files.certificate, &files.certificate);
    config.client_ca = Some(files.certificate.clone());
    let error = Tls::new(config).unwrap_err();
    check_says(&error, &["there is no private key in", "`client_auth` is `none`"]);
    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    check_says(&Tls::new(files.config()).unwrap_err(), &["is no certificate in PEM"]);

    let mut config = ClientConfig::default();
    config.ca = Some("/nowhere/ca.crt".into());
    config.certificate = Some(files.certificate.clone());
    check_says(&Client::new(config.clone()).unwrap_err(), &["/nowhere/ca.crt", "both a `certificate` and a `key`"]);
    config.server_name = Some("not a name".to_owned());
    assert!(Client::new(config).unwrap_err().is_setting());
}

fn count(logs: &Logs, message: &str) -> usize {
    logs.lines().iter().filter(|line| line.message().starts_with(message)).count()
}

fn check_says(error: &dyn std::error::Error, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_client_connects_over_tls_and_shows_who_it_is() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let files = authority.files("localhost");
    let mut config = files.config();
    config.client_ca = Some(clients.file(&files));
    config.client_auth = ClientAuth::Required;
    let server = Server::new("127.0.0.1:0", who).tls(&Tls::new(config).unwrap());
    let app = TestApp::start(App::new("test").service("server", server)).await;
    let address = app.address("server").await;

    let own = clients.files("client");
    let mut config = ClientConfig::default();
    config.ca = Some(authority.file(&files));
    config.certificate = Some(own.certificate.clone());
    config.key = Some(own.key.clone());
    let (answers, mut answered) = tokio::sync::mpsc::channel(1);
    let handler = move |mut connection: Connection| {
        let answers = answers.clone();
        async move {
            let servers = connection.peer().certificates().count();
            let mut text = String::new();
            connection.read_to_string(&mut text).await?;
            answers.send((servers, text)).await?;
            std::future::pending().await
        }
    };
    let named = format!("localhost:{}", address.port());
    let client = tcp::Client::new(&*named, handler).tls(&Client::new(config.clone()).unwrap());
    app.handle().start("client", spec(client).stop_within(Duration::from_millis(100))).await.unwrap();
    assert_eq!(answered.recv().await.unwrap(), (1, "1 ".to_owned()));

    // The certificate is not for another name.
    config.server_name = Some("other.example.org".to_owned());
    let mut to = tcp::ClientConfig::from(address);
    to.max_attempts = Some(NonZeroU32::MIN);
    let wrong = tcp::Client::new(to, echo).tls(&Client::new(config).unwrap());
    let error = app.handle().start("wrong", spec(wrong).on_failure(misc_core::OnFailure::Ignore)).await.unwrap_err();
    let source = std::error::Error::source(&error).expect("the error of the client");
    let text = format!("{error} {source} {:?}", std::error::Error::source(source));
    assert!(text.contains("NotValidForName"), "{text}");
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn real_sockets_speak_tls_too() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let app = TestApp::service(Server::new("127.0.0.1:0", echo).tls(&tls(&files))).await;
    let stream = TcpStream::connect(app.address("service").await).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut secure = TlsConnector::from(Arc::new(authority.client())).connect(name, stream).await.unwrap();
    check(&mut secure, "hello", "hello").await;
    drop(secure);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn tls_and_other_wrappers_add_up_in_either_order() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let tls = tls(&files);
    let server = || Server::new("127.0.0.1:443", echo);
    for server in [server().tls(&tls).over(|incoming| incoming), server().over(|incoming| incoming).tls(&tls)] {
        let app = TestApp::service(server).await;
        check_echo(&mut connect(&app, authority.client()).await.expect("TLS is spoken")).await;
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn a_client_without_a_name_for_its_server_is_refused_at_once() {
    let authority = Authority::new();
    let files = authority.files("localhost");
    let mut config = ClientConfig::default();
    config.ca = Some(authority.file(&files));
    let client = tcp::Client::new("not a name:443", echo).tls(&Client::new(config).unwrap());
    let ended = TestApp::launch(App::new("test").service("service", client)).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains("`not a name` is no name of a server"), "{report}");
}
