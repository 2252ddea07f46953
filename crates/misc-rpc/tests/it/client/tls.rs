//! Calls over TLS.

use std::{sync::Arc, time::Duration};

use misc_rpc::{Client, ClientConfig, Error};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use super::support::{Recorder, converse, whole};

/// A server whose certificate an authority has signed, for `localhost`.
struct Secured {
    port: u16,
    authority: String,
    _tasks: JoinSet<()>,
}

async fn start(recorder: Recorder, protocols: &[&str]) -> Secured {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["localhost".to_owned()]).expect("a name").signed_by(&key, &issuer);
    let certificate = certificate.expect("a certificate");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a certificate");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let (acceptor, recorder) = (acceptor.clone(), recorder.clone());
            open.spawn(async move {
                // A client that does not trust us goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(stream, recorder).await;
                }
            });
        }
    });
    Secured { port, authority, _tasks: tasks }
}

impl Secured {
    fn url(&self) -> String {
        format!("https://localhost:{}/rpc", self.port)
    }
}

async fn get(client: &Client) -> Result<u64, Error> {
    client.method("get").call(&()).await
}

#[tokio::test]
async fn a_server_is_called_over_tls_by_the_best_version_that_it_has() {
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], http::Version::HTTP_2),
        (&["http/1.1"], http::Version::HTTP_11),
        (&[], http::Version::HTTP_11),
    ] {
        let recorder = Recorder::new();
        let server = start(recorder.clone(), protocols).await;
        let client = Client::builder(server.url()).ca_pem(&*server.authority).build().expect("valid");
        for _ in 0..2 {
            assert_eq!(get(&client).await.expect("an answer"), 1);
        }
        assert_eq!(recorder.seen()[0].version, version);
    }
}

#[tokio::test]
async fn a_server_that_is_known_to_speak_http2_is_asked_for_nothing_else() {
    let recorder = Recorder::new();
    let server = start(recorder.clone(), &["http/1.1", "h2"]).await;
    let client = Client::builder(server.url()).ca_pem(&*server.authority).http2().build().expect("valid");
    assert_eq!(get(&client).await.expect("an answer"), 1);
    assert_eq!(recorder.seen()[0].version, http::Version::HTTP_2);
}

#[tokio::test]
async fn authorities_may_be_in_a_file() {
    let server = start(Recorder::new(), &[]).await;
    let file = std::env::temp_dir().join(format!("misc-rpc-{}.pem", std::process::id()));
    std::fs::write(&file, &server.authority).expect("a file");
    let mut config = ClientConfig::from(server.url());
    config.ca = Some(file.clone());
    let client = Client::builder(config).build().expect("valid");
    std::fs::remove_file(file).expect("it was there");
    assert_eq!(get(&client).await.expect("an answer"), 1);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_called() {
    let recorder = Recorder::new();
    let server = start(recorder.clone(), &[]).await;
    let stranger = start(Recorder::new(), &[]).await;
    let client = Client::builder(server.url()).ca_pem(&*stranger.authority).build().expect("valid");
    let error = get(&client).await.expect_err("unknown");
    assert!(error.is_connect());
    assert!(whole(&error).contains("invalid peer certificate"), "{}", whole(&error));
    let url = server.url().replace("localhost", "127.0.0.1");
    let client = Client::builder(url).ca_pem(&*server.authority).build().expect("valid");
    let text = whole(&get(&client).await.expect_err("another name"));
    assert!(text.contains("certificate not valid for name"), "{text}");
    assert_eq!(recorder.bodies(), [""; 0]);
}

#[tokio::test]
async fn a_handshake_is_a_part_of_making_a_connection() {
    // It listens, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://localhost:{}/rpc", listener.local_addr().expect("an address").port());
    let server = start(Recorder::new(), &[]).await;
    let builder = Client::builder(url).ca_pem(&*server.authority).connect_timeout(Duration::from_millis(50));
    let error = get(&builder.build().expect("valid")).await.expect_err("late");
    assert!(error.is_connect() && error.is_timeout());
    assert!(whole(&error).ends_with(": no connection could be made: there was none within 50ms"), "{}", whole(&error));
}

#[test]
fn what_is_no_authority_is_refused() {
    let mut config = ClientConfig::from("https://users");
    config.ca = Some("no/such/file.pem".into());
    let refused = Client::builder(config).build().expect_err("no file");
    assert_eq!(refused.to_string(), "cannot read `no/such/file.pem`: No such file or directory (os error 2)");
    let refused = Client::builder("https://users").ca_pem("none").build().expect_err("no PEM");
    assert_eq!(
        refused.to_string(),
        "there is no certificate in what `ca_pem` was given: in PEM it begins with a line `-----BEGIN CERTIFICATE-----`"
    );
    let refused = Client::builder("http://users").ca_pem("none").build().expect_err("no TLS");
    assert_eq!(refused.to_string(), "authorities are set that sign certificates, and `http://users` is not of `https`");
}
