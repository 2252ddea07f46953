//! One call, from its parameters to its answer.

use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use misc_core::TraceContext;
use tokio::time::Instant;
use tracing::{Span, error, field, info_span};

use super::{
    answer::{Answer, Unwritable},
    handler::Running,
    meters::{OTHER, Outcome},
    params::Params,
    request::{Parts, string},
    shared::{Shared, Target},
};
use crate::code;

/// The target of spans and events.
const TARGET: &str = "misc_rpc";

/// A request in a body.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Its text, in which its parts are.
    pub(crate) text: &'a str,
    pub(crate) parts: Parts,
    /// Where the text is in the body.
    pub(crate) at: usize,
    /// Where its caller stands in a trace, if nothing in front has found out.
    pub(crate) trace: Option<&'a TraceContext>,
    /// When it came; `None` if nobody measures.
    pub(crate) began: Option<Instant>,
    /// Whether its time is over.
    pub(crate) is_late: bool,
}

impl<'a> Request<'a> {
    fn part(&self, place: Option<&Range<usize>>) -> Option<&'a str> {
        place.and_then(|place| self.text.get(place.clone()))
    }
}

/// What came of beginning a call.
pub(crate) enum Begun {
    Running(Call),
    /// It is answered already.
    Answered,
    /// It is answered already, and the answer is that there are too many.
    Refused,
}

/// A call under way.
pub(crate) struct Call {
    target: Target,
    /// Where the id is in the body; `None` if nobody shall be answered.
    id: Option<Range<usize>>,
    /// There is one until it has ended.
    running: Option<Running>,
    span: Span,
    began: Option<Instant>,
}

impl Call {
    /// Begins a call, and answers it if that takes no waiting.
    pub(crate) fn begin(server: &Shared, request: &Request<'_>, into: &mut Vec<u8>) -> Begun {
        let id = request.part(request.parts.id.as_ref()).map(str::as_bytes);
        let began = request.began;
        let Some(name) = request.part(request.parts.method.as_ref()).and_then(string) else {
            Answer::new(into, id.or(Some(b"null"))).error(code::INVALID_REQUEST, None);
            server.record(Target::Unknown, Outcome::Failed(code::INVALID_REQUEST), began);
            return Begun::Answered;
        };
        let target = server.find(&name);
        let span = open_span(server.name(target), request.trace);
        let started = span.in_scope(|| start(server, target, request, &mut Answer::new(into, id)));
        let failure = match started {
            Ok(running) => {
                let id = request.parts.id.as_ref().map(|id| id.start + request.at..id.end + request.at);
                let is_over = running.is_none();
                let mut call = Self { target, id, running, span, began };
                if is_over {
                    call.end(server, Outcome::Done);
                    return Begun::Answered;
                }
                return Begun::Running(call);
            }
            Err(failure) => failure,
        };
        Answer::new(into, id).error(failure.code, failure.data.as_deref());
        let outcome = Outcome::Failed(failure.code);
        Self { target, id: None, running: None, span, began }.end(server, outcome);
        if failure.code == code::BUSY { Begun::Refused } else { Begun::Answered }
    }

    /// Goes on with the call until its answer is written.
    pub(crate) fn poll(&mut self, server: &Shared, body: &[u8], into: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(());
        };
        let start = into.len();
        let id = self.id.as_ref().and_then(|place| body.get(place.clone()));
        let mut polled = Poll::Pending;
        let work = || polled = running.as_mut().poll(cx, &mut Answer::new(into, id));
        let caught = self.span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
        let internal = match (caught, polled) {
            (Ok(()), Poll::Pending) => return Poll::Pending,
            (Ok(()), Poll::Ready(Ok(code))) => {
                self.end(server, code.map_or(Outcome::Done, Outcome::Failed));
                return Poll::Ready(());
            }
            (Ok(()), Poll::Ready(Err(error))) => Internal::Unwritable(error),
            (Err(panic), _) => Internal::Panic(panic),
        };
        self.span.in_scope(|| internal.tell(server.name(self.target)));
        into.truncate(start);
        Answer::new(into, id).error(code::INTERNAL_ERROR, None);
        self.end(server, Outcome::Failed(code::INTERNAL_ERROR));
        Poll::Ready(())
    }

    /// Answers that the call has not ended in time.
    pub(crate) fn late(&mut self, server: &Shared, body: &[u8], into: &mut Vec<u8>) {
        let id = self.id.as_ref().and_then(|place| body.get(place.clone()));
        Answer::new(into, id).error(code::DEADLINE_EXCEEDED, None);
        self.end(server, Outcome::Failed(code::DEADLINE_EXCEEDED));
    }

    /// Ends the call, whatever came of it.
    pub(crate) fn end(&mut self, server: &Shared, outcome: Outcome) {
        if let Some(running) = self.running.take() {
            // What the handler holds is released before its caller hears of the end.
            let dropped = self.span.in_scope(|| catch_unwind(AssertUnwindSafe(|| drop(running))));
            if let Err(panic) = dropped {
                self.span.in_scope(|| Internal::Panic(panic).tell(server.name(self.target)));
            }
            server.release();
        }
        server.record(self.target, outcome, self.began);
        close_span(&self.span, outcome);
    }
}

/// Why a call has failed without the handler having said so.
struct Failure {
    code: i32,
    /// What its caller should know.
    data: Option<String>,
}

impl From<i32> for Failure {
    fn from(code: i32) -> Self {
        Self { code, data: None }
    }
}

/// Calls what answers a method; gives none if it is answered.
fn start(
    server: &Shared,
    target: Target,
    request: &Request<'_>,
    answer: &mut Answer<'_>,
) -> Result<Option<Running>, Failure> {
    let invalid = |why| Failure { code: code::INVALID_PARAMS, data: Some(why) };
    let params = |declared| Params::new(request.part(request.parts.params.as_ref()), declared);
    match server.method(target) {
        None if target == Target::Unknown => Err(code::METHOD_NOT_FOUND.into()),
        _ if request.is_late => Err(code::DEADLINE_EXCEEDED.into()),
        None => {
            params(&[]).read::<()>().map_err(invalid)?;
            answer.result(server.document()).map_err(|_| Failure::from(code::INTERNAL_ERROR))?;
            Ok(None)
        }
        Some(_) if !server.admit() => Err(code::BUSY.into()),
        Some(method) => {
            let params = params(method.procedure.params);
            let failure = match catch_unwind(AssertUnwindSafe(|| (method.handler)(params))) {
                Ok(Ok(running)) => return Ok(Some(running)),
                Ok(Err(why)) => invalid(why),
                Err(panic) => {
                    Internal::Panic(panic).tell(method.procedure.name);
                    code::INTERNAL_ERROR.into()
                }
            };
            server.release();
            Err(failure)
        }
    }
}

/// What callers hear nothing of.
enum Internal {
    Panic(Box<dyn Any + Send>),
    Unwritable(Unwritable),
}

impl Internal {
    fn tell(self, method: &str) {
        match self {
            Self::Panic(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                error!(target: TARGET, panic = text, rpc.method = method, "a procedure panicked");
                forget(panic);
            }
            Self::Unwritable(error) => {
                let error: &dyn std::error::Error = &error;
                error!(target: TARGET, error, rpc.method = method, "a result cannot be written as JSON");
            }
        }
    }
}

/// Drops what was thrown, which may panic in turn.
#[expect(clippy::mem_forget, reason = "what panics each time it is dropped can only be left alone")]
fn forget(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// Opens the span of a call as OpenTelemetry's semantic conventions have it; costs nothing where nobody listens.
fn open_span(method: &str, trace: Option<&TraceContext>) -> Span {
    let name = if method == OTHER { "jsonrpc" } else { method };
    let span = info_span!(
        target: "misc_rpc",
        "call",
        otel.kind = "server",
        otel.name = name,
        otel.status_code = field::Empty,
        rpc.system.name = "jsonrpc",
        jsonrpc.protocol.version = "2.0",
        rpc.method = method,
        rpc.response.status_code = field::Empty,
        error.r#type = field::Empty,
        trace_id = field::Empty,
    );
    if let Some(trace) = trace.filter(|_| !span.is_disabled())
        && !trace.adopt(&span)
    {
        span.record("trace_id", field::display(format_args!("{:032x}", trace.trace_id())));
    }
    span
}

fn close_span(span: &Span, outcome: Outcome) {
    if span.is_disabled() {
        return;
    }
    match outcome {
        Outcome::Done => return,
        Outcome::Cancelled => span.record("error.type", "cancelled"),
        Outcome::Failed(code) => {
            span.record("rpc.response.status_code", field::display(code));
            span.record("error.type", field::display(code))
        }
    };
    span.record("otel.status_code", "ERROR");
}
