//! Handlers and clients that the tests share.

use misc_core::BoxError;
use misc_net::tcp::Connection;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Sends back what comes.
pub(crate) async fn echo(connection: Connection) -> Result<(), BoxError> {
    let (mut receive, mut send) = tokio::io::split(connection);
    tokio::io::copy(&mut receive, &mut send).await?;
    Ok(())
}

/// Serves until the server shall stop.
pub(crate) async fn polite(mut connection: Connection) -> Result<(), BoxError> {
    connection.stopping().await;
    connection.write_all(b"bye").await?;
    Ok(())
}

/// Never ends by itself.
pub(crate) async fn stubborn(connection: Connection) -> Result<(), BoxError> {
    let _connection = connection;
    std::future::pending().await
}

/// Sends `text` and asserts that `answer` comes back.
pub(crate) async fn check(client: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str, answer: &str) {
    client.write_all(text.as_bytes()).await.expect("the server reads");
    check_comes(client, answer).await;
}

/// Asserts that `answer` comes.
pub(crate) async fn check_comes(client: &mut (impl AsyncRead + Unpin), answer: &str) {
    let mut received = vec![0; answer.len()];
    client.read_exact(&mut received).await.expect("the server answers");
    assert_eq!(String::from_utf8_lossy(&received), answer);
}

/// Asserts that the server closes the connection, and that nothing else comes.
pub(crate) async fn check_closed(client: &mut (impl AsyncRead + Unpin)) {
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)), "it is closed");
}
