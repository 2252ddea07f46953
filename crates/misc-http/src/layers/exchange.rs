//! One request and what became of it.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::{Extensions, HeaderValue, Request, StatusCode, uri::PathAndQuery};
use http_body::Body;
use misc_core::{Deadline, TraceContext};
use tokio::time::{Duration, Instant};
use tracing::{Level, Span, debug, enabled, error, event, field, info_span};

use super::{
    fault::{ErrorType, Fault},
    incoming::Incoming,
    metrics::{Instruments, Served, Verb},
    request_id::RequestId,
    route::Named,
    size::Size,
    standard::Options,
};
use crate::{Connection, Problem, exchange::forget};

/// One request, from its head to the end of its answer. Its drop tells what became of it, whatever that was.
pub(crate) struct Exchange {
    instruments: Arc<Instruments>,
    start: Instant,
    verb: Verb,
    route: Option<Named>,
    id: RequestId,
    request_size: Size,
    trace: Option<TraceContext>,
    deadline: Option<Deadline>,
    /// Whether the deadline is sooner than what the handler would find without us.
    is_shortened: bool,
    access: Option<Access>,
    span: Span,
    pub(crate) outcome: Outcome,
}

/// What the access log needs besides.
#[derive(Debug)]
struct Access {
    path: Option<PathAndQuery>,
    connection: Option<Connection>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The status of the answer, once there is one.
    pub(crate) status: Option<StatusCode>,
    pub(crate) response_size: Option<u64>,
    pub(crate) fault: Option<Fault>,
}

/// Something has panicked, which is told already.
#[derive(Debug)]
pub(crate) struct Panicked;

/// What nginx counts a request as whose client did not wait for the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Exchange {
    pub(crate) fn begin<B>(instruments: &Arc<Instruments>, options: Options, request: &mut Request<B>) -> Box<Self>
    where
        B: Body + 'static,
    {
        let start = Instant::now();
        let said = if options.trusts { Incoming::read(request.headers()) } else { Incoming::default() };
        let Incoming { id, trace, patience } = said;
        let id = id.unwrap_or_else(RequestId::make);
        let verb = Verb::of(request.method());
        let route = Named::find(request.extensions());
        let outer = Deadline::current();
        let own = options.timeout.into_iter().chain(patience).min().and_then(|time| start.checked_add(time));
        let deadline = own.map(Deadline::at).into_iter().chain(outer).min();
        let span = if options.span { open_span(verb, route.as_ref(), request, &id) } else { Span::none() };
        if let Some(trace) = trace.as_ref().filter(|_| !span.is_disabled())
            && !trace.adopt(&span)
        {
            span.record("trace_id", field::display(format_args!("{:032x}", trace.trace_id())));
        }
        let access = options.access_log.then(|| Access::begin(request)).flatten();
        let mut request_size = Size::Unknown;
        if instruments.is_enabled() {
            request_size = Size::of(request.body_mut());
            instruments.active(verb).increment(1.0);
        }
        // Boxed, since the future that it is in is moved often.
        Box::new(Self {
            instruments: Arc::clone(instruments),
            start,
            verb,
            route,
            id,
            request_size,
            trace,
            deadline,
            is_shortened: deadline != outer,
            access,
            span,
            outcome: Outcome { status: None, response_size: None, fault: Some(Fault::Aborted) },
        })
    }

    /// Runs a part of the request's work: in its span and its trace, under its deadline, and no panic gets further.
    ///
    /// The work leaves its result where it belongs: a future that is returned through each of these is copied by each.
    pub(crate) fn within(&mut self, work: impl FnOnce()) -> Result<(), Panicked> {
        let Self { span, id, trace, deadline, is_shortened, .. } = self;
        let result = span.in_scope(|| {
            let work = || id.lend(|| catch_unwind(AssertUnwindSafe(work)));
            let traced = || match trace {
                Some(trace) => trace.clone().sync_scope(work),
                None => work(),
            };
            match deadline.filter(|_| *is_shortened) {
                Some(deadline) => deadline.sync_scope(traced),
                None => traced(),
            }
        });
        result.map_err(|payload| {
            self.span.in_scope(|| self.tell_panic(&*payload));
            forget(payload);
            Panicked
        })
    }

    pub(crate) fn id(&self) -> HeaderValue {
        self.id.to_header()
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Leaves the body of a response to itself: the deadline was that of the head.
    pub(crate) fn end_deadline(&mut self) {
        self.is_shortened = false;
    }

    /// Tells whether a response has no body, whatever it says of one (RFC 9110, 6.4.1).
    pub(crate) fn has_no_body(&self, status: StatusCode) -> bool {
        let of_status = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        self.verb == Verb::HEAD || of_status || status.is_informational()
    }

    /// Takes the route from the response, unless the request has said it.
    pub(crate) fn find_route(&mut self, response: &Extensions) {
        if self.route.is_some() {
            return;
        }
        self.route = Named::find(response);
        if let Some(route) = &self.route {
            self.span.record("http.route", route.as_str());
        }
    }

    /// Says to the client what went wrong, as far as that concerns it.
    pub(crate) fn problem(&self, fault: Fault) -> Problem {
        let problem = match fault {
            Fault::TimedOut => {
                self.span.in_scope(|| debug!("a request was not answered by its deadline; its client gets a 503"));
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
                problem.detail("the request could not be answered in time")
            }
            Fault::Aborted | Fault::Panicked | Fault::Failed => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR).detail("the request failed in the server")
            }
        };
        problem.with("request_id", self.id.as_str())
    }

    fn tell_panic(&self, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let route = self.route();
        error!(target: TARGET, panic = text, http.route = route, request_id = self.id.as_str(), "a handler panicked");
    }

    fn route(&self) -> Option<&str> {
        self.route.as_ref().map(Named::as_str)
    }

    /// The status to count, also for those that were not answered.
    fn status(&self) -> (u16, Option<Fault>) {
        match (self.outcome.status, self.outcome.fault) {
            (Some(status), fault) => (status.as_u16(), fault),
            (None, Some(Fault::Aborted)) if self.deadline.is_some_and(Deadline::is_over) => {
                (StatusCode::SERVICE_UNAVAILABLE.as_u16(), Some(Fault::TimedOut))
            }
            (None, Some(Fault::Aborted)) => (CLIENT_CLOSED_REQUEST, Some(Fault::Aborted)),
            (None, fault) => (StatusCode::INTERNAL_SERVER_ERROR.as_u16(), fault),
        }
    }
}

/// The target of spans and events.
const TARGET: &str = "misc_http";

impl Drop for Exchange {
    fn drop(&mut self) {
        let (status, fault) = self.status();
        let error = ErrorType::of(status, fault);
        let own = if self.span.is_disabled() { None } else { TraceContext::of(&self.span) };
        let is_measured = self.instruments.is_enabled();
        if is_measured || self.access.is_some() {
            let served = Served {
                verb: self.verb,
                route: self.route().unwrap_or_default(),
                status,
                error,
                duration: self.start.elapsed(),
                request_size: self.request_size.get(),
                response_size: self.outcome.response_size,
            };
            if is_measured {
                self.instruments.active(self.verb).decrement(1.0);
                self.instruments.record(&served);
            }
            if let Some(access) = &self.access {
                access.log(&served, &self.id, own.as_ref().or(self.trace.as_ref()));
            }
        }
        if !self.span.is_disabled() {
            close_span(&self.span, self.verb, self.route(), status, error, own.is_some());
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).field("route", &self.route).finish_non_exhaustive()
    }
}

impl Access {
    /// Keeps what the line will need, if anybody wants it.
    fn begin<B>(request: &Request<B>) -> Option<Self> {
        enabled!(target: "misc_http::access", Level::INFO)
            .then(|| Self { path: request.uri().path_and_query().cloned(), connection: Connection::current() })
    }

    /// Stands for itself: a line that had its span, too, would say most things twice.
    fn log(&self, served: &Served<'_>, id: &RequestId, trace: Option<&TraceContext>) {
        let trace_id = trace.map(|trace| format!("{:032x}", trace.trace_id()));
        event!(
            target: "misc_http::access",
            parent: None,
            Level::INFO,
            http.request.method = served.verb.as_str(),
            http.route = Some(served.route).filter(|route| !route.is_empty()),
            url.path = self.path.as_ref().map(PathAndQuery::path),
            http.response.status_code = served.status,
            http.response.body.size = served.response_size,
            duration_ms = millis(served.duration),
            network.peer.address = self.connection.as_ref().and_then(Connection::peer_text),
            request_id = id.as_str(),
            trace_id,
            "request served"
        );
    }
}

/// Opens the span of a server as OpenTelemetry's semantic conventions have it; costs nothing where nobody listens.
fn open_span<B>(verb: Verb, route: Option<&Named>, request: &Request<B>, id: &RequestId) -> Span {
    info_span!(
        target: "misc_http",
        "request",
        otel.kind = "server",
        otel.name = field::Empty,
        otel.status_code = field::Empty,
        http.request.method = verb.as_str(),
        http.route = route.map(Named::as_str),
        http.response.status_code = field::Empty,
        url.path = request.uri().path(),
        error.r#type = field::Empty,
        request_id = id.as_str(),
        trace_id = field::Empty,
    )
}

fn close_span(span: &Span, verb: Verb, route: Option<&str>, status: u16, error: Option<ErrorType>, is_exported: bool) {
    span.record("http.response.status_code", status);
    if let Some(error) = error {
        span.record("error.type", field::display(error));
    }
    if status >= 500 || error.is_some_and(ErrorType::is_ours) {
        span.record("otel.status_code", "ERROR");
    }
    // Only what exports spans has a use for another name.
    if is_exported {
        let verb = verb.in_name();
        match route {
            Some(route) => span.record("otel.name", field::display(format_args!("{verb} {route}"))),
            None => span.record("otel.name", verb),
        };
    }
}

/// In milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "it is exact for 285 years")]
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
