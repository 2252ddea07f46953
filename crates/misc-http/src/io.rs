//! The bytes of a connection, and what they say of its client.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use misc_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    connection::{Connection, State},
    live::{Lease, Why},
};

/// A stream that notes what its client does; once it was upgraded, it ends when the connection is cut.
///
/// It holds the connection's place in its server, since it is what lasts longest of it.
pub(crate) struct Io {
    stream: Stream,
    connection: Connection,
    lease: Arc<Lease>,
    /// How many of the bytes that have come are those of [`PREFACE`]; `None` once it is clear whether they are.
    preface: Option<usize>,
}

/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Io {
    pub(crate) fn new(stream: Stream, connection: Connection, lease: Arc<Lease>) -> Self {
        Self { stream, connection, lease, preface: Some(0) }
    }

    /// Fails once an upgraded connection is cut; the task that reads it now is woken for that.
    fn check_read(&self, cx: &TaskContext<'_>) -> io::Result<()> {
        self.check(|state| state.register(cx.waker()))
    }

    /// Does the same for the task that writes: the halves may be two tasks.
    fn check_write(&self, cx: &TaskContext<'_>) -> io::Result<()> {
        self.check(|state| state.register_writer(cx.waker()))
    }

    fn check(&self, register: impl FnOnce(&State)) -> io::Result<()> {
        let state = self.connection.state();
        if !state.is_upgraded() {
            return Ok(());
        }
        register(state);
        if state.is_cut() {
            self.lease.closed(Why::Drain);
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped"));
        }
        Ok(())
    }

    /// Tells whether the client speaks HTTP/2, before it asks for anything.
    fn note_preface(&mut self, bytes: &[u8]) {
        let Some(seen) = self.preface else {
            return;
        };
        let wanted = &PREFACE[seen..];
        let count = wanted.len().min(bytes.len());
        let is_it = bytes[..count] == wanted[..count];
        self.preface = (is_it && count < wanted.len()).then_some(seen + count);
        if is_it && self.preface.is_none() {
            self.connection.state().set_http2();
        }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.connection.state().note_written(None),
            Poll::Ready(Ok(bytes)) => self.connection.state().note_written(Some(*bytes)),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

/// What is copied rather than written from where it is: for a short answer the system takes longer to gather its parts.
const SMALL: usize = 512;

/// Joins the head of an answer and its body, if both are short.
fn join<'a>(slices: &[io::IoSlice<'_>], whole: &'a mut [u8; SMALL]) -> Option<&'a [u8]> {
    let mut length = 0;
    for slice in slices {
        whole.get_mut(length..length + slice.len())?.copy_from_slice(slice);
        length += slice.len();
    }
    Some(&whole[..length])
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_read(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            self.connection.state().note_read();
            self.note_preface(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_write(cx)?;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.check_write(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.check_write(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_write(cx)?;
        let mut whole = [0; SMALL];
        let written = match join(slices, &mut whole) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        };
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
