//! Responses without an end: they watch for the end of the server.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    response::{
        Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use misc::http::Connection;
use tokio::time::sleep;

/// Server-sent events: a number each second.
pub(crate) async fn events(connection: Connection) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold((connection, 0), async |(connection, count)| {
        tokio::select! {
            () = sleep(Duration::from_secs(1)) => {
                let event = Event::default().data(count.to_string());
                Some((Ok(event), (connection, count + 1)))
            }
            // The browser comes back, to another instance.
            () = connection.draining() => None,
        }
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}

/// A WebSocket that answers with what it is told.
pub(crate) async fn echo(connection: Connection, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        if let Err(error) = talk(&connection, &mut socket).await {
            tracing::debug!(%error, peer = %connection.peer(), "a WebSocket ended with an error");
        }
    })
}

async fn talk(connection: &Connection, socket: &mut WebSocket) -> Result<(), axum::Error> {
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = connection.draining() => {
                let bye = CloseFrame { code: close_code::AWAY, reason: "the server stops".into() };
                return socket.send(Message::Close(Some(bye))).await;
            }
        };
        match message.transpose()? {
            Some(text @ Message::Text(_)) => socket.send(text).await?,
            Some(_) => {}
            None => return Ok(()),
        }
    }
}
