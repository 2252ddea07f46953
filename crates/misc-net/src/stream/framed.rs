//! Connections of frames: a codec and a handler for each frame.

use std::{fmt, pin::pin, sync::atomic::Ordering};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _, future::join};
use misc_core::BoxError;
use tokio::task::coop::consume_budget;
use tokio_util::codec::{self, Decoder, Encoder};
use tracing::debug;

use crate::stream::{
    connection::Connection,
    peer::Peer,
    server::{Serve, Shared},
};

/// What a [`Server::framed`](crate::tcp::Server::framed) does with a connection.
pub struct Framed<C, H> {
    pub(crate) codec: C,
    pub(crate) handler: H,
}

impl<C, H> fmt::Debug for Framed<C, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Framed")
    }
}

impl<C, H, Fut, R> Serve for Framed<C, H>
where
    C: Decoder + Encoder<R> + Clone + Send + Sync + 'static,
    C::Item: Send,
    <C as Decoder>::Error: Into<BoxError> + Send,
    <C as Encoder<R>>::Error: Into<BoxError> + Send,
    H: Fn(C::Item, Peer) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<R>, BoxError>> + Send,
    R: Send,
{
    async fn serve(&self, connection: Connection, shared: &Shared) -> Result<(), BoxError> {
        let peer = connection.peer().clone();
        let mut stopping = pin!(connection.stopping());
        let mut frames = codec::Framed::new(connection, self.codec.clone());
        while !shared.stopping.load(Ordering::Relaxed) {
            // One read may bring thousands of frames: the other tasks of the thread have their turn between them.
            consume_budget().await;
            // Replies are sent when no frame is left that has come already: a client that sends many gets many at once.
            let next = match frames.next().now_or_never() {
                Some(next) => next,
                None => {
                    if let Err(error) = frames.flush().await {
                        return unsent(frames.get_ref(), error);
                    }
                    tokio::select! {
                        biased;
                        () = &mut stopping => break,
                        next = frames.next() => next,
                    }
                }
            };
            let frame = match next {
                None => break,
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let error: BoxError = error.into();
                    debug!(%peer, error, "a connection ends: its next frame cannot be read");
                    break;
                }
            };
            shared.metrics.frames.increment(1);
            let mut work = pin!((self.handler)(frame, peer.clone()));
            let reply = match work.as_mut().now_or_never() {
                Some(reply) => reply,
                None => {
                    // Who takes long does not hold up the replies before; a peer that does not read these does not keep
                    // the handler from finishing, and letting go what it holds.
                    let (flushed, reply) = join(frames.flush(), work).await;
                    if let (Err(error), Ok(_)) = (flushed, &reply) {
                        return unsent(frames.get_ref(), error);
                    }
                    reply
                }
            };
            match reply {
                Ok(Some(reply)) => {
                    if let Err(error) = frames.feed(reply).await {
                        return unsent(frames.get_ref(), error);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    // The replies before are still the peer's; if they do not get there, this error says more.
                    drop(frames.close().await);
                    return Err(error);
                }
            }
        }
        frames.close().await.or_else(|error| unsent(frames.get_ref(), error))
    }
}

/// Says what becomes of a connection whose replies could not be sent: that its peer has left is no failure.
///
/// The error does not tell. It is the encoder's, and those of tokio-util name no source.
fn unsent(connection: &Connection, error: impl Into<BoxError>) -> Result<(), BoxError> {
    let (peer, error) = (connection.peer(), error.into());
    if !connection.is_broken() {
        return Err(error);
    }
    debug!(%peer, error, "the peer is gone");
    Ok(())
}
