//! The bytes of one connection, in both directions.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink},
    net::{TcpStream, tcp::ReadHalf, tcp::WriteHalf},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::Weather;

/// How much of one direction is in the proxy at most.
const PIECE: usize = 16 * 1024;
/// More than any test waits, and less than a clock can add.
const YEAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Carries both directions to their ends; `before` was when the connection came.
///
/// # Errors
/// That of the side that failed first, such as a reset.
pub(super) async fn relay(
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    weather: &watch::Receiver<Weather>,
    before: Weather,
) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_upstream, to_upstream) = upstream.split();
    let there = pump(from_client, to_upstream, weather.clone());
    let back = answers(from_upstream, to_client, weather.clone(), before);
    tokio::try_join!(there, back).map(|_| ())
}

/// Carries what the upstream sends, until that half is closed here.
async fn answers(
    mut upstream: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
    before: Weather,
) -> io::Result<()> {
    let all = pump(&mut upstream, &mut client, weather.clone());
    tokio::select! {
        biased;
        _ = weather.wait_for(|weather| weather.half_closes != before.half_closes) => {}
        ended = all => return ended,
    }
    client.shutdown().await?;
    copy(&mut upstream, &mut sink()).await?;
    Ok(())
}

/// Carries one direction to its end, and passes the end on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = from.read(&mut buffer).await?;
        hold(&mut weather, |weather| weather.delay).await;
        if count == 0 {
            return to.shutdown().await;
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let most = weather.borrow().trickle.map_or(rest.len(), |(bytes, _)| bytes.min(rest.len()));
            let (piece, later) = rest.split_at(most);
            to.write_all(piece).await?;
            rest = later;
            hold(&mut weather, |weather| weather.trickle.map_or(Duration::ZERO, |(_, every)| every)).await;
        }
    }
}

/// Waits for the time that the weather asks for, which may change meanwhile.
async fn hold(weather: &mut watch::Receiver<Weather>, time: impl Fn(&Weather) -> Duration) {
    let since = Instant::now();
    loop {
        let time = time(&weather.borrow_and_update()).min(YEAR);
        if since.elapsed() >= time {
            return;
        }
        tokio::select! {
            biased;
            changed = weather.changed() => if changed.is_err() {
                return;
            },
            () = sleep_until(since + time) => {}
        }
    }
}
