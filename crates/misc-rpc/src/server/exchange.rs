//! One request over HTTP: its calls, under its deadline.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Response, StatusCode};
use misc_core::{Deadline, TraceContext};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    batch::Batch,
    call::{Begun, Call, Request},
    head::{self, Head},
    meters::Outcome,
    request::{Message, Parts},
    shared::{Shared, Target},
};
use crate::{caller::Slot, code, payload::Payload};

/// One request, once its head is read. Its drop drops all that it has begun.
pub(crate) struct Exchange {
    server: Arc<Shared>,
    /// When it came; `None` if nobody needs to know.
    began: Option<Instant>,
    deadline: Option<Deadline>,
    /// Whether the deadline is sooner than what a handler would find without us.
    is_shortened: bool,
    /// Where the caller stands, if nothing in front of us has found out.
    trace: Option<TraceContext>,
    caller: Slot,
    work: Work,
    written: Vec<u8>,
    // Made when a handler first waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

enum Work {
    /// What it says is not known yet.
    Unread,
    Single(Bytes, Call),
    Batch(Box<Batch>),
}

impl Exchange {
    /// Begins with what the head of a request says.
    pub(crate) fn new(server: Arc<Shared>, head: &Head<'_>, extensions: Extensions) -> Self {
        let (patience, trace) = match server.options.trusts {
            // A layer in front of us may have read it.
            true if TraceContext::current().is_some() => (head.timeout(), None),
            true => (head.timeout(), head.trace()),
            false => (None, None),
        };
        let own = server.options.timeout.into_iter().chain(patience).min();
        let began = (own.is_some() || server.is_measured()).then(Instant::now);
        let outer = Deadline::current();
        let own = began.zip(own).and_then(|(began, time)| began.checked_add(time)).map(Deadline::at);
        let deadline = own.into_iter().chain(outer).min();
        Self {
            server,
            began,
            deadline,
            is_shortened: deadline != outer,
            trace,
            caller: Slot::of(extensions),
            work: Work::Unread,
            written: Vec::new(),
            alarm: None,
        }
    }

    /// Returns how many bytes the body may have.
    pub(crate) fn most(&self) -> usize {
        self.server.options.limits.body
    }

    /// Answers a request whose body cannot be read.
    pub(crate) fn reject(&self, status: StatusCode, code: i32, why: Option<&str>) -> Response<Payload> {
        self.server.record(Target::Unknown, Outcome::Failed(code), self.began);
        head::reject(status, code, why)
    }

    /// Waits for the body no longer than the deadline allows.
    pub(crate) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Response<Payload>> {
        match self.is_late(cx) {
            true => Poll::Ready(self.reject(StatusCode::OK, code::DEADLINE_EXCEEDED, None)),
            false => Poll::Pending,
        }
    }

    /// Makes the calls of a body; gives the answer if that takes no waiting.
    pub(crate) fn begin(&mut self, body: Bytes, cx: &mut Context<'_>) -> Poll<Response<Payload>> {
        let most = self.server.options.limits.batch.get();
        let message = str::from_utf8(&body).ok().and_then(|text| Some((text, Message::read(text, most).ok()?)));
        let is_late = self.deadline.is_some_and(Deadline::is_over);
        let (code, why) = match message {
            Some((text, Message::Single(parts))) => return self.begin_single(&body, text, parts, is_late, cx),
            Some((_, Message::Batch(requests))) => {
                self.written.push(b'[');
                self.work = Work::Batch(Box::new(Batch::new(body, requests)));
                return if is_late { Poll::Ready(self.late()) } else { self.poll(cx) };
            }
            Some((_, Message::TooMany)) => {
                (code::INVALID_REQUEST, Some(format!("too many calls: a batch has {most} at most")))
            }
            Some((_, Message::NoRequest)) => (code::INVALID_REQUEST, None),
            None => (code::PARSE_ERROR, None),
        };
        Poll::Ready(self.reject(StatusCode::OK, code, why.as_deref()))
    }

    /// Begins a call and goes on with it, at once.
    fn begin_single(
        &mut self,
        body: &Bytes,
        text: &str,
        parts: Parts,
        is_late: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Response<Payload>> {
        // Most answers are shorter.
        self.written = Vec::with_capacity(128);
        let (mut polled, mut is_busy) = (Poll::Ready(()), false);
        self.within(|Self { server, trace, began, work, written, .. }| {
            let request = Request { text, parts, at: 0, trace: trace.as_ref(), began: *began, is_late };
            match Call::begin(server, &request, written) {
                Begun::Running(call) => {
                    *work = Work::Single(body.clone(), call);
                    polled = work.poll(server, None, written, cx);
                }
                Begun::Answered => {}
                Begun::Refused => is_busy = true,
            }
        });
        match polled {
            Poll::Ready(()) => Poll::Ready(self.finish(is_busy)),
            Poll::Pending => self.wait(cx),
        }
    }

    /// Goes on with the calls.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Payload>> {
        let mut polled = Poll::Pending;
        self.within(|Self { server, trace, work, written, .. }| {
            polled = work.poll(server, trace.as_ref(), written, cx);
        });
        match polled {
            Poll::Ready(()) => Poll::Ready(self.finish(false)),
            Poll::Pending => self.wait(cx),
        }
    }

    /// Waits for the calls no longer than the deadline allows.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Response<Payload>> {
        match self.is_late(cx) {
            true => Poll::Ready(self.late()),
            false => Poll::Pending,
        }
    }

    /// Answers what has ended, and that the rest is too late.
    fn late(&mut self) -> Response<Payload> {
        self.within(|Self { server, trace, work, written, .. }| match work {
            Work::Unread => {}
            Work::Single(body, call) => call.late(server, body, written),
            Work::Batch(batch) => batch.late(server, trace.as_ref(), written),
        });
        self.finish(false)
    }

    /// Sends off what is written.
    fn finish(&mut self, is_busy: bool) -> Response<Payload> {
        let written = std::mem::take(&mut self.written);
        let json = match std::mem::replace(&mut self.work, Work::Unread) {
            Work::Unread | Work::Single(..) => written,
            Work::Batch(mut batch) => batch.finish(written),
        };
        head::answer(json, is_busy)
    }

    /// Does a part of the work: in its trace, under its deadline, and for its caller.
    fn within(&mut self, work: impl FnOnce(&mut Self)) {
        let mut caller = std::mem::take(&mut self.caller);
        let deadline = self.deadline.filter(|_| self.is_shortened);
        let trace = self.trace.clone();
        caller.lend(|| {
            let work = || work(self);
            let traced = || match trace {
                Some(trace) => trace.sync_scope(work),
                None => work(),
            };
            match deadline {
                Some(deadline) => deadline.sync_scope(traced),
                None => traced(),
            }
        });
        self.caller = caller;
    }

    /// Tells whether the deadline has passed; if not, the task is woken when it does.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline.instant())));
        // Polled even when the task has spent its budget: it is the task that shall not take too long.
        Pin::new(&mut unconstrained(alarm.as_mut())).poll(cx).is_ready() || deadline.is_over()
    }
}

impl Work {
    fn poll(
        &mut self,
        server: &Shared,
        trace: Option<&TraceContext>,
        written: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        match self {
            Self::Unread => Poll::Pending,
            Self::Single(body, call) => call.poll(server, body, written, cx),
            Self::Batch(batch) => batch.poll(server, trace, written, cx),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if matches!(self.work, Work::Unread) {
            return;
        }
        // What stands around may have seen first that it is too late.
        let outcome = match self.deadline {
            Some(deadline) if deadline.is_over() => Outcome::Failed(code::DEADLINE_EXCEEDED),
            _ => Outcome::Cancelled,
        };
        self.within(|Self { server, work, .. }| match work {
            Work::Unread => {}
            Work::Single(_, call) => call.end(server, outcome),
            Work::Batch(batch) => batch.cancel(server, outcome),
        });
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("began", &self.began).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
