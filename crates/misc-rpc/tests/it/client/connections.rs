//! Connections: kept, lost, and never made.

use std::time::Duration;

use misc_core::Deadline;
use misc_rpc::{Client, Error, Methods, Never, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

use super::support::{Backend, Recorder, whole};

async fn one(client: &Client) -> Result<u64, Error> {
    client.method("get").call(&()).await
}

fn client(url: String) -> Client {
    Client::builder(url).build().expect("valid")
}

/// Takes an address, also one whose last connections are still remembered.
fn listen(address: std::net::SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("a port");
    socket.listen(64).expect("a listener")
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let backend = Backend::start(Recorder::new()).await;
    let client = client(backend.url());
    for _ in 0..5 {
        one(&client).await.expect("an answer");
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn clones_and_methods_share_their_connections() {
    let backend = Backend::start(Recorder::new()).await;
    let client = client(backend.url());
    one(&client.clone()).await.expect("an answer");
    one(&client).await.expect("an answer");
    client.method("other").notify(&()).await.expect("taken");
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn with_no_idle_connections_each_call_makes_its_own() {
    let backend = Backend::start(Recorder::new()).await;
    let client = Client::builder(backend.url()).idle_connections(0).build().expect("valid");
    for _ in 0..3 {
        one(&client).await.expect("an answer");
    }
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn calls_over_http2_share_one_connection() {
    let recorder = Recorder::new();
    let backend = Backend::start(recorder.clone()).await;
    let client = Client::builder(backend.url()).http2().build().expect("valid");
    let answers = futures_util::future::join_all((0..50).map(|_| one(&client))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(backend.connections(), 1);
    let came = recorder.seen();
    assert!(came.iter().all(|came| came.version == http::Version::HTTP_2 && !came.headers.contains_key("host")));
    assert_eq!(came[0].uri.to_string(), backend.url());
}

#[tokio::test]
async fn many_calls_at_once_are_told_apart() {
    let methods = Methods::new().method("echo", async |(number,): (u64,)| Ok::<_, Never>(number));
    let backend = Backend::start(Server::new(methods).expect("valid")).await;
    for builder in [Client::builder(backend.url()), Client::builder(backend.url()).http2()] {
        let client: Client = builder.build().expect("valid");
        let echo = client.method("echo");
        let answers = futures_util::future::join_all((0..100).map(|number| {
            let echo = echo.clone();
            async move { echo.call::<u64, Never, _>(&(number,)).await }
        }))
        .await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("an answer")).collect();
        assert_eq!(answers, (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_server_that_restarts_between_two_calls_is_not_noticed() {
    for http2 in [false, true] {
        let backend = Backend::start(Recorder::new()).await;
        let address = backend.address();
        let builder = Client::builder(backend.url());
        let client: Client = if http2 { builder.http2() } else { builder }.build().expect("valid");
        let mut backend = Some(backend);
        for _ in 0..20 {
            one(&client).await.expect("an answer");
            // Its connections are closed, too, which the client may not know yet when it calls again.
            drop(backend.take());
            let listener = loop {
                // The tasks that hold the port have yet to be dropped.
                tokio::task::yield_now().await;
                let socket = TcpSocket::new_v4().expect("a socket");
                socket.set_reuseaddr(true).expect("an option");
                if socket.bind(address).is_ok()
                    && let Ok(listener) = socket.listen(64)
                {
                    break listener;
                }
            };
            backend = Some(Backend::on(listener, Recorder::new()));
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = one(&client(format!("http://{address}/rpc"))).await.expect_err("nobody is there");
    assert!(error.is_connect() && !error.is_timeout());
    assert_eq!(
        whole(&error),
        format!(
            "cannot call `get` of http://{address}/rpc: no connection could be made: tcp connect error: Connection refused \
             (os error 111)"
        )
    );
}

#[tokio::test]
async fn a_host_that_has_no_address_was_not_reached() {
    let error = one(&client("http://no-such-host.invalid/rpc".to_owned())).await.expect_err("nobody is there");
    assert!(error.is_connect());
    assert!(
        whole(&error).starts_with(
            "cannot call `get` of http://no-such-host.invalid/rpc: no connection could be made: dns error: "
        )
    );
}

#[tokio::test]
async fn a_connection_is_made_in_time_or_not_at_all() {
    // A listener whose queue is full takes no more connections, and refuses none.
    let listener = {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        socket.listen(1).expect("a listener")
    };
    let address = listener.local_addr().expect("an address");
    let mut waiting = JoinSet::new();
    for _ in 0..4 {
        waiting.spawn(tokio::net::TcpStream::connect(address));
    }
    for _ in 0..2 {
        waiting.join_next().await.expect("one of them").expect("no panic").expect("it is queued");
    }
    let timeout = Duration::from_millis(50);
    let client = Client::builder(format!("http://{address}/rpc")).connect_timeout(timeout).build().expect("valid");
    let error = one(&client).await.expect_err("nobody answers");
    assert!(error.is_connect() && error.is_timeout(), "{error:?}");
    assert!(whole(&error).contains(": no connection could be made: "), "{}", whole(&error));
    // The deadline of a call holds here, too; then nothing is known of the connection.
    let error = Deadline::within(Duration::from_millis(20)).scope(one(&client)).await.expect_err("nobody answers");
    assert!(error.is_timeout() && !error.is_connect());
}

/// Answers each connection with these bytes, once a request has come, and closes it.
fn raw(answer: &'static [u8]) -> (String, JoinSet<()>) {
    let listener = listen(([127, 0, 0, 1], 0).into());
    let url = format!("http://{}/rpc", listener.local_addr().expect("an address"));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.expect("a request"), 0);
            stream.write_all(answer).await.expect("an answer");
        }
    });
    (url, tasks)
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_and_was_reached() {
    let (url, _server) = raw(b"");
    let error = one(&client(url.clone())).await.expect_err("no answer");
    assert!(!error.is_connect() && !error.is_timeout());
    assert_eq!(
        whole(&error),
        format!(
            "cannot call `get` of {url}: the connection broke before the answer: connection closed before message \
             completed"
        )
    );
    let (url, _server) = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\"");
    let error = one(&client(url)).await.expect_err("half an answer");
    assert!(whole(&error).contains(": the connection broke in the midst of the answer: "), "{}", whole(&error));
    let (url, _server) = raw(b"SSH-2.0-OpenSSH_9.6\r\n");
    let error = one(&client(url)).await.expect_err("no HTTP");
    assert!(whole(&error).contains(": the connection broke before the answer: "), "{}", whole(&error));
}

#[tokio::test]
async fn connections_end_with_the_last_clone() {
    let listener = listen(([127, 0, 0, 1], 0).into());
    let url = format!("http://{}/rpc", listener.local_addr().expect("an address"));
    let client = client(url.clone());
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).await.expect("a request"), 0);
        let body = r#"{"jsonrpc":"2.0","id":1,"result":1}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("an answer");
        stream
    };
    let (answer, mut stream) = tokio::join!(one(&client), serve);
    answer.expect("an answer");
    let clone = client.clone();
    drop(client);
    assert_eq!(clone.target(), url);
    drop(clone);
    assert_eq!(stream.read(&mut [0]).await.expect("the end"), 0);
}
