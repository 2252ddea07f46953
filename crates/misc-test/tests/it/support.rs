//! Services that behave as told, clients, and panics to be read.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use misc_core::{Address, BoxError, Context, Listener, Service};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Says ready and waits to be asked to stop.
pub(crate) async fn idle(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

/// Never says ready; stops when asked.
pub(crate) async fn never_ready(ctx: Context) -> Result<(), BoxError> {
    ctx.stopping().await;
    Ok(())
}

/// Says ready and never ends.
pub(crate) async fn stuck(ctx: Context) -> Result<(), BoxError> {
    ctx.ready();
    std::future::pending().await
}

/// Fails without ever being ready.
pub(crate) async fn fails_to_start(_: Context) -> Result<(), BoxError> {
    Err("no luck".into())
}

/// Says everything back to every connection, and ends its half when the client has.
pub(crate) fn echo(address: impl Into<Address>) -> impl Service + Clone {
    let address = address.into();
    async move |ctx: Context| {
        let mut incoming = ctx.listen(&address).await?;
        ctx.ready();
        while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
            let (handshake, _) = accepted?;
            ctx.spawn_until_stopping(async move {
                let (mut read, mut write) = split(handshake.await?);
                copy(&mut read, &mut write).await?;
                write.shutdown().await
            });
        }
        Ok(())
    }
}

/// Checks that what is sent comes back.
pub(crate) async fn check_echo(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(b"hello").await.expect("it takes the bytes");
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.expect("it gives them back");
    assert_eq!(&answer, b"hello");
}

/// Returns the text of the panic that a future ends in.
pub(crate) async fn panic_of<F: Future>(future: F) -> String {
    let mut future = pin!(future);
    let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(_)) => Poll::Ready(None),
        Err(panic) => Poll::Ready(Some(text_of(&*panic))),
    });
    caught.await.expect("it panics")
}

/// Returns the text of the panic that a function ends in.
pub(crate) fn panic_in<T>(work: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).err().expect("it panics");
    text_of(&*panic)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).expect("a panic with a text").to_owned()
}

/// Checks that a text says all that it should.
#[track_caller]
pub(crate) fn check_says(text: &impl ToString, parts: &[&str]) {
    let text = text.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}
